// The Room API by the official server SDK (JSON), and by protobuf with the published messages.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { AccessToken, RoomServiceClient, TwirpError } from "livekit-server-sdk";
import * as proto from "@livekit/protocol";
import { Stoa, sleep } from "./server.mjs";

let stoa, client;

before(async () => {
  stoa = await Stoa.start();
  client = new RoomServiceClient(stoa.url, "devkey", "secret");
});
after(() => stoa?.stop());

async function token(video, options = {}) {
  const at = new AccessToken(options.key ?? "devkey", options.secret ?? "secret", { identity: "tester", ttl: options.ttl ?? 600 });
  at.addGrant(video);
  return at.toJwt();
}

async function call(method, body, { video, type = "application/json", jwt } = {}) {
  const headers = { "Content-Type": type };
  const bearer = jwt ?? (video && (await token(video)));
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  return fetch(`${stoa.url}/twirp/livekit.RoomService/${method}`, { method: "POST", headers, body });
}

async function binary(method, request, Response, video) {
  const r = await call(method, request.toBinary(), { video, type: "application/protobuf" });
  if (r.status !== 200) throw Object.assign(new Error("twirp"), await r.json(), { status: r.status });
  assert.equal(r.headers.get("content-type"), "application/protobuf");
  return Response.fromBinary(new Uint8Array(await r.arrayBuffer()));
}

async function refused(promise, status, code, msg) {
  const e = await promise.then(() => assert.fail("was not refused"), (x) => x);
  assert.equal(e.status, status);
  assert.equal(e.code, code);
  if (msg) assert.match(e.message === "twirp" ? e.msg : e.message, msg);
}

test("a room is created, listed, updated and deleted by the SDK", async () => {
  const room = await client.createRoom({ name: "sdk", metadata: "m", emptyTimeout: 600, departureTimeout: 40, maxParticipants: 7 });
  assert.match(room.sid, /^RM_[2-9A-HJ-NP-Za-km-z]{12}$/);
  assert.equal(room.name, "sdk");
  assert.equal(room.metadata, "m");
  assert.equal(room.emptyTimeout, 600);
  assert.equal(room.departureTimeout, 40);
  assert.equal(room.maxParticipants, 7);
  assert.equal(room.numParticipants, 0);
  assert.ok(room.turnPassword.length >= 40);
  assert.equal(room.enabledCodecs.length, 10);
  assert.ok(Math.abs(Number(room.creationTimeMs) - Date.now()) < 10_000);
  assert.equal(Math.floor(Number(room.creationTimeMs) / 1000), Number(room.creationTime));

  const again = await client.createRoom({ name: "sdk", metadata: "other", maxParticipants: 1 });
  assert.equal(again.sid, room.sid);
  assert.equal(again.metadata, "m");
  assert.equal(again.maxParticipants, 7);

  assert.deepEqual((await client.listRooms(["sdk", "no such"])).map((r) => r.sid), [room.sid]);
  assert.ok((await client.listRooms()).some((r) => r.sid === room.sid));

  assert.equal((await client.updateRoomMetadata("sdk", "n")).metadata, "n");
  assert.equal((await client.listRooms(["sdk"]))[0].metadata, "n");
  assert.equal((await client.updateRoomMetadata("sdk", "")).metadata, "");

  await client.deleteRoom("sdk");
  assert.deepEqual(await client.listRooms(["sdk"]), []);
  await refused(client.deleteRoom("sdk"), 404, "not_found", /requested room does not exist/);
  const next = await client.createRoom({ name: "sdk" });
  assert.notEqual(next.sid, room.sid);
  assert.equal(next.emptyTimeout, 300);
  assert.equal(next.departureTimeout, 20);
  await client.deleteRoom("sdk");
});

test("the same calls in protobuf", async () => {
  const room = await binary("CreateRoom", new proto.CreateRoomRequest({ name: "pb", metadata: "x" }), proto.Room, { roomCreate: true });
  assert.match(room.sid, /^RM_/);
  const list = await binary("ListRooms", new proto.ListRoomsRequest({ names: ["pb"] }), proto.ListRoomsResponse, { roomList: true });
  assert.equal(list.rooms[0].sid, room.sid);
  const updated = await binary("UpdateRoomMetadata", new proto.UpdateRoomMetadataRequest({ room: "pb", metadata: "y" }), proto.Room, { roomAdmin: true, room: "pb" });
  assert.equal(updated.metadata, "y");
  await binary("DeleteRoom", new proto.DeleteRoomRequest({ room: "pb" }), proto.DeleteRoomResponse, { roomCreate: true });
  await refused(binary("DeleteRoom", new proto.DeleteRoomRequest({ room: "pb" }), proto.DeleteRoomResponse, { roomCreate: true }), 404, "not_found", /twirp error unknown: requested room does not exist/);
  const all = await binary("ListRooms", new proto.ListRoomsRequest(), proto.ListRoomsResponse, { roomList: true });
  assert.ok(!all.rooms.some((r) => r.name === "pb"));
});

test("participants of a room without any", async () => {
  await client.createRoom({ name: "empty" });
  assert.deepEqual(await client.listParticipants("empty"), []);
  assert.deepEqual(await client.listParticipants("no such room"), []);
  await refused(client.getParticipant("empty", "nobody"), 404, "not_found", /participant does not exist/);
  await refused(client.removeParticipant("empty", "nobody"), 404, "not_found", /participant does not exist/);
  await client.sendData("empty", new Uint8Array([1]), proto.DataPacket_Kind.RELIABLE, { topic: "t" });
  await refused(client.sendData("no such room", new Uint8Array([1]), proto.DataPacket_Kind.RELIABLE, {}), 404, "not_found", /requested room does not exist/);
  await client.deleteRoom("empty");
});

test("every call is refused without its grant, as unauthenticated", async () => {
  const calls = {
    CreateRoom: [{ roomList: true, roomAdmin: true, room: "g" }, { name: "g" }],
    ListRooms: [{ roomCreate: true }, {}],
    DeleteRoom: [{ roomAdmin: true, room: "g" }, { room: "g" }],
    UpdateRoomMetadata: [{ roomAdmin: true, room: "other" }, { room: "g", metadata: "m" }],
    ListParticipants: [{ roomCreate: true, roomList: true }, { room: "g" }],
    GetParticipant: [{ roomJoin: true, room: "g" }, { room: "g", identity: "i" }],
    RemoveParticipant: [{ roomAdmin: true, room: "G" }, { room: "g", identity: "i" }],
    SendData: [{ roomJoin: true, room: "g" }, { room: "g", data: "AQ==" }],
  };
  for (const [method, [video, body]] of Object.entries(calls)) {
    for (const options of [{ video }, {}]) {
      const r = await call(method, JSON.stringify(body), options);
      assert.equal(r.status, 401, method);
      assert.equal(r.headers.get("content-type"), "application/json", method);
      assert.deepEqual(await r.json(), { code: "unauthenticated", msg: "permissions denied" }, method);
    }
  }
});

test("limits are refused with the documented texts", async () => {
  await refused(client.createRoom({ name: "n".repeat(257) }), 400, "invalid_argument", /room name length exceeds limits: max length 256/);
  const e = await client.createRoom({ name: "n", metadata: "m".repeat(524289) }).catch((x) => x);
  assert.ok(e instanceof TwirpError || e.status === 400);
  assert.equal(e.code, "invalid_argument");
  assert.match(e.message, /metadata size exceeds limits 524288/);
  assert.deepEqual(e.metadata, { argument: "metadata size exceeds limits" });
  const big = await call("UpdateRoomMetadata", JSON.stringify({ room: "x", metadata: "m".repeat(524289) }), {});
  assert.equal((await big.json()).code, "invalid_argument", "limits come before the grant");
  const nonce = await call("SendData", JSON.stringify({ room: "g", nonce: "AQ==" }), { video: { roomAdmin: true, room: "g" } });
  assert.deepEqual(await nonce.json(), { code: "invalid_argument", msg: "nonce should be 16-bytes or not present, got: 1 bytes" });
});

test("tokens are refused before anything else, as text", async () => {
  const video = { roomList: true };
  const good = await token(video);
  const cases = [
    ["garbage", "invalid authorization token"],
    [await token(video, { key: "nokey" }), "invalid API key"],
    [await token(video, { secret: "wrong" }), "invalid authorization token: token signature is invalid: signature is invalid"],
    [await token(video, { ttl: -120 }), "invalid authorization token: token has invalid claims: token is expired"],
    [good.slice(0, -20) + (good.at(-20) === "A" ? "B" : "A") + good.slice(-19), "invalid authorization token: token signature is invalid: signature is invalid"],
  ];
  for (const [jwt, text] of cases) {
    for (const path of ["/twirp/livekit.RoomService/ListRooms", "/", "/rtc/validate", "/no/such/path"]) {
      const r = await fetch(stoa.url + path, { method: "POST", headers: { Authorization: `Bearer ${jwt}`, "Content-Type": "application/json" }, body: "{}" });
      assert.equal(r.status, 401, path);
      assert.equal(r.headers.get("content-type"), "text/plain; charset=utf-8");
      assert.equal(await r.text(), text, path);
    }
  }
  const lower = await fetch(stoa.url + "/", { headers: { Authorization: `bearer ${good}` } });
  assert.equal(await lower.text(), "invalid authorization header. Must start with Bearer ");
  const query = await fetch(`${stoa.url}/?access_token=${good}`);
  assert.equal(query.status, 200);
});

test("routes, content types and bodies that do not fit", async () => {
  const video = { roomList: true };
  const cases = [
    [await call("Nope", "{}", { video }), 404, "bad_route", 'no handler for path "/twirp/livekit.RoomService/Nope"'],
    [await call("ListRooms", "{}", { video, type: "text/plain" }), 404, "bad_route", 'unexpected Content-Type: "text/plain"'],
    [await call("ListRooms", "", { video }), 400, "malformed", "the json request could not be decoded"],
    [await call("ListRooms", "{", {}), 400, "malformed", "the json request could not be decoded"],
    [await call("CreateRoom", '{"name":"a","name":"b"}', { video }), 400, "malformed", "the json request could not be decoded"],
    [await call("ListRooms", new Uint8Array([0xff]), { video, type: "application/protobuf" }), 400, "malformed", "the protobuf request could not be decoded"],
  ];
  for (const [r, status, code, msg] of cases) {
    assert.equal(r.status, status, msg);
    assert.equal(r.headers.get("content-type"), "application/json");
    const body = await r.json();
    assert.equal(body.code, code);
    assert.equal(body.msg, msg);
  }
  const get = await fetch(`${stoa.url}/twirp/livekit.RoomService/ListRooms`);
  assert.equal((await get.json()).msg, 'unsupported method "GET" (only POST is allowed)');
  const unknown = await fetch(`${stoa.url}/twirp/livekit.Nope/ListRooms`, { method: "POST" });
  assert.equal(unknown.status, 404);
  assert.equal(await unknown.text(), "404 page not found\n");
  const large = await call("ListRooms", "x".repeat(11 << 20), { video });
  assert.equal(large.status, 413);
  assert.equal(await large.text(), "request body too large");
});

test("NUL and bad UTF-8 are refused in JSON, protobuf and tokens", async () => {
  const video = { roomCreate: true };
  const malformed = async (r, msg) => {
    assert.equal(r.status, 400, msg);
    assert.equal((await r.json()).code, "malformed");
  };
  await malformed(await call("CreateRoom", '{"name":"a\\u0000b"}', { video }), "escaped NUL");
  await malformed(await call("CreateRoom", Buffer.from([...Buffer.from('{"name":"'), 0xff, ...Buffer.from('"}')]), { video }), "bad UTF-8");
  await malformed(await call("CreateRoom", '{"name":"r","tags":{"a\\u0000":"b"}}', { video }), "NUL in a map key");
  await malformed(await call("CreateRoom", Buffer.from([0x0a, 3, 0x61, 0, 0x62]), { video, type: "application/protobuf" }), "NUL in protobuf");
  await malformed(await call("CreateRoom", Buffer.from([0x0a, 2, 0xc0, 0x80]), { video, type: "application/protobuf" }), "overlong in protobuf");
  const at = new AccessToken("devkey", "secret", { identity: "a\u0000b", ttl: 60 });
  at.addGrant({ roomJoin: true, room: "r" });
  const r = await fetch(`${stoa.url}/rtc/validate?access_token=${await at.toJwt()}`);
  assert.equal(r.status, 401);
});

test("health, CORS and the metrics listener", async () => {
  const health = await fetch(stoa.url + "/");
  assert.equal(await health.text(), "OK");
  const preflight = await fetch(`${stoa.url}/twirp/livekit.RoomService/ListRooms`, {
    method: "OPTIONS",
    headers: { Origin: "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "https://app.example");
  assert.equal(preflight.headers.get("access-control-allow-methods"), "POST");
  assert.equal(preflight.headers.get("access-control-max-age"), "86400");
  const bad = await fetch(`${stoa.url}/rtc/validate`, { headers: { Origin: "https://app.example" } });
  assert.equal(bad.status, 401);
  assert.equal(bad.headers.get("access-control-allow-origin"), "*");
  assert.equal((await fetch(`${stoa.url}/metrics`)).status, 404, "not on the public port");
  assert.ok((await stoa.metric("stoa_http_requests_total")) > 10);
  assert.ok((await stoa.metric("livekit_node_twirp_request_status", 'method="CreateRoom"', 'status="200"')) > 0);
});

test("an empty room ends by its own timeout", async () => {
  await client.createRoom({ name: "brief", emptyTimeout: 1 });
  await stoa.event("room_finished", (e) => e.room === "brief");
  assert.deepEqual(await client.listRooms(["brief"]), []);
  assert.equal(await stoa.metric("stoa_room_scan_findings"), 0);
});

test("SIGTERM lets a server without participants go at once, with status 0", async () => {
  const other = await Stoa.start();
  const { code } = await other.stop("SIGTERM");
  assert.equal(code, 0);
  await sleep(10);
});
