// Abuse over raw sockets against the real server: each row is refused by name, counted, and a
// normal call is answered afterwards.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { createHmac, randomBytes } from "node:crypto";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import * as proto from "@livekit/protocol";
import { Stoa, until } from "./server.mjs";

let stoa, client, bearer;

before(async () => {
  stoa = await Stoa.start();
  client = new RoomServiceClient(stoa.url, "devkey", "secret");
  bearer = await token({ roomList: true, roomCreate: true, roomJoin: true, room: "abused" }, "abuser");
});
after(() => stoa?.stop());

async function token(video, identity) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant(video);
  return at.toJwt();
}

// Sends bytes on a connection of its own; gives all that came back, once the server has closed it.
function exchange(...parts) {
  return new Promise((resolve, reject) => {
    const socket = connect(stoa.port, "127.0.0.1");
    const chunks = [];
    const late = setTimeout(() => socket.destroy(new Error("the server keeps the connection: " + Buffer.concat(chunks))), 8_000);
    socket.on("data", (d) => chunks.push(d));
    socket.on("error", (e) => (e.code === "ECONNRESET" || e.code === "EPIPE" ? undefined : reject(e)));
    socket.on("close", () => {
      clearTimeout(late);
      resolve(Buffer.concat(chunks));
    });
    socket.on("connect", () => {
      for (const p of parts) socket.write(p);
    });
  });
}

const refusedSum = () => stoa.metric("stoa_edge_refused_total");

async function normalCall() {
  assert.deepEqual(await client.listRooms(["no such room"]), []);
}

// The answers in a stream of bytes: their status codes.
const statuses = (bytes) => [...bytes.toString("latin1").matchAll(/(?:^|\n|\}|\S)HTTP\/1\.1 (\d{3}) /g)].map((m) => Number(m[1]));

const get = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
const post = "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

// What two readers of one stream could cut differently. Each ends with a request that must not be
// seen: only one answer may come.
const smuggling = {
  "Content-Length with Transfer-Encoding": [`${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get}`, 400],
  "Transfer-Encoding, then Content-Length": [`${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${get}`, 400],
  "two Content-Lengths that differ": [`${post}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${get}`, 400],
  "two Content-Lengths that agree": [`${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${get}`, 400],
  "a list as Content-Length": [`${post}Content-Length: 2, 2\r\n\r\n{}${get}`, 400],
  "a sign before Content-Length": [`${post}Content-Length: +2\r\n\r\n{}${get}`, 400],
  "a negative Content-Length": [`${post}Content-Length: -1\r\n\r\n${get}`, 400],
  "Content-Length in hexadecimal": [`${post}Content-Length: 0x2\r\n\r\n{}${get}`, 400],
  "Content-Length above 64 bits": [`${post}Content-Length: 18446744073709551618\r\n\r\n{}${get}`, 400],
  "an empty Content-Length": [`${post}Content-Length:\r\n\r\n${get}`, 400],
  "a space before the colon": [`${post}Content-Length : 2\r\n\r\n{}${get}`, 400],
  "a space in a header's name": [`${post}Transfer Encoding: chunked\r\n\r\n0\r\n\r\n${get}`, 400],
  "a folded header": [`${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${get}`, 400],
  "a folded first header": [`POST / HTTP/1.1\r\n Host: a\r\n\r\n${get}`, 400],
  "a header without colon": [`${post}Content-Length\r\n\r\n${get}`, 400],
  "a line that ends in LF": [`${post.replaceAll("\r\n", "\n")}\n${get}`, 400],
  "a CR within a line": [`${post}A: b\rContent-Length: 40\r\n\r\n${get}`, 400],
  "NUL in a header": [`${post}A: b\0c\r\n\r\n${get}`, 400],
  "NUL in the path": [`GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n${get}`, 400],
  "bytes above ASCII in the path": [Buffer.concat([Buffer.from("GET /"), Buffer.from([0xc3, 0xa9]), Buffer.from(` HTTP/1.1\r\nHost: a\r\n\r\n${get}`)]), 400],
  "another transfer coding": [`${post}Transfer-Encoding: gzip\r\n\r\n${get}`, 501],
  "chunked and something": [`${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${get}`, 501],
  "something that only looks chunked": [`${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${get}`, 501],
  "chunked with a vertical tab": [`${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${get}`, 400],
  "two Transfer-Encodings": [`${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get}`, 400],
  "chunked in HTTP/1.0": [`${post.replace("1.1", "1.0")}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get}`, 400],
  "a chunk size with a sign": [`${post}Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n${get}`, 400],
  "a chunk size with 0x": [`${post}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n${get}`, 400],
  "a chunk size above 64 bits": [`${post}Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n${get}`, 400],
  "a chunk longer than its size": [`${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n${get}`, 400],
  "chunks that end in LF": [`${post}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${get}`, 400],
  "an endless chunk extension": [`${post}Transfer-Encoding: chunked\r\n\r\n2;${"x".repeat(6000)}\r\n{}\r\n0\r\n\r\n${get}`, 400],
  "endless trailers": [`${post}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n${"A: b\r\n".repeat(2000)}\r\n${get}`, 400],
  "a target of another host": [`GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n${get}`, 400],
  "CONNECT": [`CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n${get}`, 400],
  "two Hosts": [`GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${get}`, 400],
  "no Host": [`GET / HTTP/1.1\r\n\r\n${get}`, 400],
  "another protocol": ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400],
  "HTTP/2 with prior knowledge": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  "HTTP/0.9": ["GET /\r\n", 400],
  "a head without end": [`GET / HTTP/1.1\r\nHost: a\r\n${"A: b\r\n".repeat(100)}\r\n${get}`, 431],
  "a line without end": [`GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  "10 GB announced": [`${post}Content-Length: 10737418240\r\n\r\n${get}`, 413],
};

for (const [name, [bytes, status]] of Object.entries(smuggling)) {
  test(`request smuggling: ${name}`, async () => {
    const before = await refusedSum();
    const got = await exchange(bytes);
    assert.deepEqual(statuses(got), [status], got.toString("latin1").slice(0, 300));
    assert.match(got.toString("latin1"), /\r\nConnection: close\r\n/);
    assert.equal(await refusedSum(), before + 1);
    await normalCall();
  });
}

test("a body that was not read is never a request", async () => {
  const before = await refusedSum();
  const got = await exchange(`POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${get}`);
  assert.deepEqual(statuses(got), [404]);
  assert.equal(await refusedSum(), before);
  await normalCall();
});

// ---- WebSockets --------------------------------------------------------------------------------

const upgrade = () =>
  `GET /rtc?sdk=js&protocol=16 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nAuthorization: Bearer ${bearer}\r\n\r\n`;

// A masked frame; `length` overrides what the head says.
function frame(first, payload = Buffer.alloc(0)) {
  payload = Buffer.from(payload);
  const head =
    payload.length < 126 ? Buffer.from([first, 0x80 | payload.length])
    : payload.length < 65536 ? Buffer.from([first, 0xfe, payload.length >> 8, payload.length & 255])
    : Buffer.concat([Buffer.from([first, 0xff, 0, 0, 0, 0]), Buffer.from([payload.length >>> 24, (payload.length >> 16) & 255, (payload.length >> 8) & 255, payload.length & 255])]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((b, i) => b ^ mask[i % 4])]);
}

// The close code that the server sent last, after the 101.
function closeCode(bytes) {
  assert.match(bytes.toString("latin1"), /^HTTP\/1\.1 101 /);
  let at = bytes.indexOf("\r\n\r\n") + 4;
  let code;
  while (at < bytes.length) {
    let len = bytes[at + 1];
    let head = 2;
    if (len === 126) [len, head] = [bytes.readUInt16BE(at + 2), 4];
    else if (len === 127) [len, head] = [Number(bytes.readBigUInt64BE(at + 2)), 10];
    if (bytes[at] === 0x88) code = len >= 2 ? bytes.readUInt16BE(at + head) : 1005;
    at += head + len;
  }
  return code;
}

const signal = (message) => Buffer.from(new proto.SignalRequest(message).toBinary());
const offer = (sdp) => ({ message: { case: "offer", value: new proto.SessionDescription({ type: "offer", sdp }) } });
// The same message with these bytes in place of the text.
function withBytes(bytes) {
  const message = signal(offer("XXXX"));
  const at = message.indexOf("XXXX");
  Buffer.from(bytes).copy(message, at);
  return message;
}

const websocket = {
  "a frame that is not masked": [Buffer.from([0x82, 1, 0]), 1002],
  "a reserved bit": [frame(0xc2), 1002],
  "an unknown opcode": [frame(0x83), 1002],
  "an unknown control opcode": [frame(0x8b), 1002],
  "a ping in parts": [frame(0x09), 1002],
  "a ping over 125 bytes": [frame(0x89, Buffer.alloc(126)), 1002],
  "the end of no message": [frame(0x80), 1002],
  "a message inside a message": [Buffer.concat([frame(0x02), frame(0x82)]), 1002],
  "a length that is not minimal": [Buffer.from([0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0]), 1002],
  "a length of 2^63": [Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1002],
  "3 MB in one frame": [Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0]), 1009],
  "3 MB in parts": [Buffer.concat([frame(0x02, Buffer.alloc(1 << 20)), frame(0x00, Buffer.alloc(1 << 20)), frame(0x80, Buffer.alloc(1 << 20))]), 1009],
  "a close with one byte": [frame(0x88, [3]), 1002],
  "a close code that never travels": [frame(0x88, [3, 0xed]), 1002],
  "a close reason that is no UTF-8": [frame(0x88, [3, 0xe8, 0xff]), 1007],
  "text that is no UTF-8": [frame(0x81, Buffer.concat([Buffer.from('{"simulate":"'), Buffer.from([0xff]), Buffer.from('"}')])), 1007],
  "text with NUL": [frame(0x81, Buffer.from('{"ping":"1"}\0')), 1007],
  "JSON with an escaped NUL": [frame(0x81, Buffer.from('{"offer":{"sdp":"a\\u0000b"}}')), 1007],
  "text that is no JSON": [frame(0x81, Buffer.from("hello")), 1007],
  "JSON of another type": [frame(0x81, Buffer.from('{"ping":true}')), 1007],
  "bytes that are no message": [frame(0x82, [0x0a, 0xff, 0xff]), 1007],
  "NUL in a string of a message": [frame(0x82, withBytes([0x61, 0, 0x62, 0x63])), 1007],
  "bad UTF-8 in a string of a message": [frame(0x82, withBytes([0xc0, 0x80, 0x62, 0x63])), 1007],
  "nesting without end": [frame(0x81, Buffer.from('{"offer":'.repeat(5000))), 1007],
  "a flood of signals": [Buffer.concat(Array(700).fill(frame(0x82, signal({ message: { case: "ping", value: 1n } })))), 1008],
  "a flood of pings": [Buffer.concat(Array(700).fill(frame(0x89))), 1008],
};

for (const [name, [bytes, code]] of Object.entries(websocket)) {
  test(`WebSocket: ${name}`, async () => {
    const before = await refusedSum();
    const got = await exchange(upgrade(), bytes);
    assert.equal(closeCode(got), code);
    assert.equal(await refusedSum(), before + 1);
    await until("the session has ended", async () => (await stoa.metric("stoa_websockets")) === 0);
    await normalCall();
  });
}

// ---- handshakes and text -----------------------------------------------------------------------

test("handshakes that are none", async () => {
  const close = "Connection: close, Upgrade";
  const rows = [
    [upgrade().replace("Connection: Upgrade", close).replace("Upgrade: websocket\r\n", ""), 404],
    [upgrade().replace("Connection: Upgrade", close).replace("Version: 13", "Version: 8"), 426],
    [upgrade().replace("Connection: Upgrade", close).replace(/Key: .*\r\n/, "Key: short\r\n"), 400],
    [upgrade().replace("Connection: Upgrade", close).replace(/Sec-WebSocket-Key: .*\r\n/, ""), 400],
    [upgrade().replace("Connection: Upgrade", close).replace("GET", "POST"), 400],
    [upgrade().replace("Connection: Upgrade", close).replace(/Authorization: .*\r\n/, ""), 401],
  ];
  for (const [bytes, status] of rows) assert.deepEqual(statuses(await exchange(bytes)), [status], bytes);
  assert.equal(await stoa.metric("stoa_websockets"), 0);
  await normalCall();
});

function signed(payload) {
  const part = (b) => Buffer.from(b).toString("base64url");
  const input = `${part('{"alg":"HS256"}')}.${part(payload)}`;
  return `${input}.${createHmac("sha256", "secret").update(input).digest("base64url")}`;
}

test("NUL and bad UTF-8 in tokens, queries and bodies", async () => {
  const claims = (identity) =>
    Buffer.concat([Buffer.from('{"iss":"devkey","exp":4102444800,"video":{"roomJoin":true,"room":"r"},"sub":"'), identity, Buffer.from('"}')]);
  const bad = [Buffer.from("a\\u0000b"), Buffer.from([0x61, 0]), Buffer.from([0xff]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from("\\ud800")];
  for (const identity of bad) {
    const r = await fetch(`${stoa.url}/rtc/validate?access_token=${signed(claims(identity))}`);
    assert.equal(r.status, 401, identity.toString("hex"));
    assert.match(await r.text(), /^invalid authorization token/);
  }
  assert.equal((await fetch(`${stoa.url}/rtc/validate?access_token=${signed(claims(Buffer.from("good")))}`)).status, 200);
  for (const query of ["join_request=%00", "join_request=%ff%fe", "join_request=%zz", "attributes=%00", "attributes=" + Buffer.from('{"a":"\\u0000"}').toString("base64url"), "attributes=" + Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x22, 0x22, 0x7d]).toString("base64url")]) {
    const v1 = query.startsWith("join") ? "/v1" : "";
    const r = await fetch(`${stoa.url}/rtc${v1}/validate?${query}&access_token=${bearer}`);
    assert.ok(r.status === 400 || (query === "attributes=%00" && r.status === 200), `${query}: ${r.status}`);
  }
  const room = Buffer.from(new proto.CreateRoomRequest({ name: "XX" }).toBinary());
  const bodies = [
    ["application/json", Buffer.from('{"name":"a\\u0000"}')],
    ["application/json", Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0x80]), Buffer.from('"}')])],
    ["application/json", Buffer.from('{"name":"\\ud800"}')],
    ["application/json", Buffer.from('{"name":"a\0"}')],
    ["application/protobuf", Buffer.from(room).fill(Buffer.from([0x61, 0]), room.indexOf("XX"))],
    ["application/protobuf", Buffer.from(room).fill(Buffer.from([0xff, 0xfe]), room.indexOf("XX"))],
    ["application/protobuf", room.subarray(0, room.length - 1)],
  ];
  const before = await stoa.metric("stoa_edge_refused_total", 'reason="bad_body"');
  for (const [type, body] of bodies) {
    const r = await fetch(`${stoa.url}/twirp/livekit.RoomService/CreateRoom`, { method: "POST", headers: { "Content-Type": type, Authorization: `Bearer ${bearer}` }, body });
    assert.equal(r.status, 400, body.toString("hex"));
    assert.equal((await r.json()).code, "malformed");
  }
  assert.equal(await stoa.metric("stoa_edge_refused_total", 'reason="bad_body"'), before + bodies.length);
  await normalCall();
});

test("bytes above ASCII in header values go no further than they must", async () => {
  const got = await exchange(Buffer.concat([Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: "), Buffer.from([0xff, 0xfe]), Buffer.from("\r\nOrigin: "), Buffer.from([0xe9]), Buffer.from("\r\n\r\n")]));
  assert.deepEqual(statuses(got), [200]);
  const auth = await exchange(Buffer.concat([Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer "), Buffer.from([0xff, 0xfe]), Buffer.from("\r\n\r\n")]));
  assert.deepEqual(statuses(auth), [401]);
  await normalCall();
});

test("no room and no session is left of all this", async () => {
  assert.equal(await stoa.metric("stoa_websockets"), 0);
  await until("sessions have ended", async () => (await stoa.metric("stoa_sessions")) === 0);
  assert.equal(await stoa.metric("stoa_edge_refused_total", 'reason="close_lost"'), 0);
  assert.equal(await stoa.metric("stoa_edge_refused_total", 'reason="no_memory"'), 0);
});
