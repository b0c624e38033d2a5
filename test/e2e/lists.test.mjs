// Long answers of ListRooms leave in parts, as chunks: whole for who reads them, and nothing is held for who
// does not.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { RoomServiceClient } from "livekit-server-sdk";
import * as proto from "@livekit/protocol";
import { Stoa, sleep, until } from "./server.mjs";

const ROOMS = 1600; // some 5 MB as JSON: many parts
const metadata = "m".repeat(2500);
const PARTS = "stoa_http_answer_parts_total";
let stoa, client, authorization;

before(async () => {
  stoa = await Stoa.start();
  client = new RoomServiceClient(stoa.url, "devkey", "secret");
  ({ Authorization: authorization } = await client.authHeader({ roomList: true }));
  for (let at = 0; at < ROOMS; at += 200) {
    await Promise.all(Array.from({ length: 200 }, (_, i) => client.createRoom({ name: `list-${at + i}`, emptyTimeout: 3600, metadata })));
  }
});
after(() => stoa?.stop());

function ask(type, body = "") {
  return new Promise((resolve, reject) => {
    const r = request(`${stoa.url}/twirp/livekit.RoomService/ListRooms`, {
      method: "POST",
      headers: { "Content-Type": `application/${type}`, Authorization: authorization, "Content-Length": body.length },
    }, resolve);
    r.on("error", reject);
    r.end(body);
  });
}

async function read(response) {
  const chunks = [];
  for await (const c of response) chunks.push(c);
  return Buffer.concat(chunks);
}

const expected = () => new Set(Array.from({ length: ROOMS }, (_, i) => `list-${i}`));

test("the SDK reads a long list whole", async () => {
  const parts = await stoa.metric(PARTS);
  assert.deepEqual(new Set((await client.listRooms()).map((r) => r.name)), expected());
  assert.ok((await stoa.metric(PARTS)) - parts > 8);
});

test("so does a protobuf client, and the connection serves the next call", async () => {
  const response = await ask("protobuf");
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers["transfer-encoding"], "chunked");
  assert.equal(response.headers["content-length"], undefined);
  assert.equal(response.headers["content-type"], "application/protobuf");
  const list = proto.ListRoomsResponse.fromBinary(await read(response));
  assert.deepEqual(new Set(list.rooms.map((r) => r.name)), expected());
  assert.equal(list.rooms.length, ROOMS);
  assert.equal((await read(await ask("json", '{"names":["list-1"]}'))).length > 100, true);
});

test("a short list has a length and no parts", async () => {
  const parts = await stoa.metric(PARTS);
  const response = await ask("json", '{"names":["list-1","list-2"]}');
  assert.equal(response.headers["transfer-encoding"], undefined);
  const body = await read(response);
  assert.equal(Number(response.headers["content-length"]), body.length);
  assert.equal(JSON.parse(body).rooms.length, 2);
  assert.equal(await stoa.metric(PARTS), parts);
});

test("a client of HTTP/1.0 gets the list until the end of its connection", async () => {
  const s = connect(stoa.port, "127.0.0.1");
  await once(s, "connect");
  s.write(`POST /twirp/livekit.RoomService/ListRooms HTTP/1.0\r\nContent-Type: application/json\r\nAuthorization: ${authorization}\r\nContent-Length: 2\r\n\r\n{}`);
  const all = (await read(s)).toString();
  const at = all.indexOf("\r\n\r\n");
  assert.match(all.slice(0, at), /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(all.slice(0, at), /\r\nConnection: close/);
  assert.doesNotMatch(all.slice(0, at), /Transfer-Encoding|Content-Length/i);
  assert.equal(JSON.parse(all.slice(at + 4)).rooms.length, ROOMS);
});

test("a million-room list would stream: a part waits until the reader took the one before", async () => {
  const parts = await stoa.metric(PARTS);
  const response = await ask("json", "{}");
  response.pause();
  await sleep(300);
  const left = (await stoa.metric(PARTS)) - parts;
  assert.ok(left > 0 && left < 16, `${left} parts left for a reader that does not read`);
  await client.listRooms(["list-1"]); // others are served meanwhile
  assert.equal(JSON.parse(await read(response)).rooms.length, ROOMS);
});

test("readers that go away in the middle leave their place to others", async () => {
  // More than there are places for answers in the making: each must have been freed.
  for (let i = 0; i < 100; i++) {
    const response = await ask("json", "{}");
    assert.equal(response.statusCode, 200);
    await once(response, "data");
    response.destroy();
  }
  assert.equal((await client.listRooms()).length, ROOMS);
  assert.equal(await stoa.metric("stoa_held_timeouts_total"), 0);
});

test("too many lists at once are refused, and the others go on", async () => {
  const waiting = await Promise.all(Array.from({ length: 70 }, async () => {
    const response = await ask("json", "{}");
    response.pause();
    return response;
  }));
  const refused = waiting.filter((r) => r.statusCode === 429);
  assert.ok(refused.length >= 1 && refused.length < 70, `${refused.length} refused`);
  assert.equal(JSON.parse(await read(refused[0])).code, "resource_exhausted");
  const served = waiting.find((r) => r.statusCode === 200);
  assert.equal(JSON.parse(await read(served)).rooms.length, ROOMS);
  waiting.forEach((r) => r.destroy());
  await until("a list is served again", async () => {
    const response = await ask("json", "{}");
    response.destroy();
    return response.statusCode === 200;
  });
});

test("a reader that stops is dropped at a bound and counted", async () => {
  const broken_off = () => stoa.metric("stoa_edge_refused_total", "answer_broken_off");
  const before = await broken_off();
  const late = await stoa.metric("stoa_held_timeouts_total");
  const response = await ask("json", "{}");
  response.pause();
  const broken = once(response, "error");
  await until("the answer was broken off", async () => (await broken_off()) === before + 1, 12_000);
  assert.equal(await stoa.metric("stoa_held_timeouts_total"), late + 1);
  response.resume();
  assert.match(String((await broken)[0]), /aborted|reset/i); // seen as broken, not as the end of a list
});
