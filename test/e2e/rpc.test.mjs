// PerformRpc: the API calls a method that an @livekit/rtc-node participant offers.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { Room, RpcError, dispose } from "@livekit/rtc-node";
import { AccessToken } from "livekit-server-sdk";
import * as proto from "@livekit/protocol";
import { Stoa, sleep } from "./server.mjs";

const ROOM = "rpc";
let stoa, callee, other;

before(async () => {
  stoa = await Stoa.start();
  callee = await join("callee");
  other = await join("other");
  callee.localParticipant.registerRpcMethod("echo", async (call) => `${call.callerIdentity.length > 0} ${call.payload}`);
  callee.localParticipant.registerRpcMethod("refuse", async () => {
    throw new RpcError(4711, "not today", '{"why":"<tired>"}');
  });
  callee.localParticipant.registerRpcMethod("break", async () => {
    throw new Error("a fault of its own");
  });
  callee.localParticipant.registerRpcMethod("slow", async (call) => {
    callee.slow = (callee.slow ?? 0) + 1;
    await sleep(Number(call.payload));
    return "at last";
  });
  callee.localParticipant.registerRpcMethod("between", async (call) => `for ${call.callerIdentity}`);
});
after(async () => {
  await callee?.disconnect();
  await other?.disconnect();
  await dispose();
  await stoa?.stop();
});

async function token(identity, video) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant(video);
  return at.toJwt();
}

async function join(identity) {
  const room = new Room();
  await room.connect(stoa.wsUrl, await token(identity, { roomJoin: true, room: ROOM }), { autoSubscribe: true, dynacast: false });
  return room;
}

async function twirp(body, type, video = { roomAdmin: true, room: ROOM }) {
  const response = await fetch(`${stoa.url}/twirp/livekit.RoomService/PerformRpc`, {
    method: "POST",
    headers: { "Content-Type": type, Authorization: `Bearer ${await token("api", video)}` },
    body,
  });
  return response;
}

async function call(request) {
  const begun = performance.now();
  const response = await twirp(JSON.stringify({ room: ROOM, destinationIdentity: "callee", ...request }), "application/json");
  return { status: response.status, ms: performance.now() - begun, ...(await response.json()) };
}

test("a method answers, in both codings", async () => {
  const a = await call({ method: "echo", payload: "grüße" });
  assert.deepEqual([a.status, a.payload], [200, "true grüße"]);
  const request = new proto.PerformRpcRequest({ room: ROOM, destinationIdentity: "callee", method: "echo", payload: "pb" });
  const b = await twirp(request.toBinary(), "application/protobuf");
  assert.equal(b.status, 200);
  assert.equal(proto.PerformRpcResponse.fromBinary(new Uint8Array(await b.arrayBuffer())).payload, "true pb");
});

test("many calls at once are told apart", async () => {
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => call({ method: "echo", payload: `n${i}` })));
  assert.deepEqual(all.map((a) => a.payload), all.map((_, i) => `true n${i}`));
});

test("a payload of full size is carried, a larger one refused", async () => {
  const full = "x".repeat(15360 - 5);
  const a = await call({ method: "echo", payload: full });
  assert.equal(a.payload, `true ${full}`);
  const b = await call({ method: "echo", payload: "x".repeat(15361) });
  assert.deepEqual([b.status, b.code], [400, "invalid_argument"]);
  assert.match(b.msg, /RpcError 1402: Request payload too large/);
});

test("an error of the application comes with its code, message and data", async () => {
  const a = await call({ method: "refuse" });
  assert.deepEqual([a.status, a.code], [500, "internal"]);
  assert.equal(a.msg, 'twirp error unknown: RpcError 4711: not today: {"why":"<tired>"}');
  const b = await call({ method: "break" });
  assert.deepEqual([b.status, b.code], [500, "internal"]);
  assert.equal(b.msg, "twirp error unknown: RpcError 1500: Application error in method handler");
});

test("a method that nobody registered", async () => {
  const a = await call({ method: "nope" });
  assert.deepEqual([a.status, a.code], [400, "invalid_argument"]);
  assert.equal(a.msg, "twirp error unknown: RpcError 1400: Method not supported at destination");
});

test("the caller's timeout is honoured, and the handler is called once", async () => {
  const a = await call({ method: "slow", payload: "1500", responseTimeoutMs: 700 });
  assert.deepEqual([a.status, a.code], [408, "canceled"]);
  assert.equal(a.msg, "twirp error unknown: RpcError 1502: Response timeout");
  assert.ok(a.ms >= 690 && a.ms < 1400, `${a.ms} ms`);
  callee.slow = 0;
  const b = await call({ method: "slow", payload: "3500", responseTimeoutMs: 8000 }); // the reference calls again after 3 s
  assert.deepEqual([b.status, b.payload], [200, "at last"]);
  assert.equal(callee.slow, 1);
});

test("who is not there, or not named, is said at once", async () => {
  const a = await call({ destinationIdentity: "nobody", method: "echo" });
  assert.deepEqual([a.status, a.code], [404, "not_found"]);
  assert.ok(a.ms < 1000, `${a.ms} ms`);
  const b = await call({ destinationIdentity: "", method: "echo" });
  assert.deepEqual([b.status, b.code, b.msg], [400, "invalid_argument", "twirp error unknown: destination identity is required"]);
  const c = await call({ room: "no such room", method: "echo" });
  assert.equal(c.status, 401); // the token is for another room
});

test("it needs roomAdmin of that room", async () => {
  for (const video of [{ roomJoin: true, room: ROOM }, { roomAdmin: true, room: "another" }, { roomCreate: true }]) {
    const r = await twirp(JSON.stringify({ room: ROOM, destinationIdentity: "callee", method: "echo" }), "application/json", video);
    assert.equal(r.status, 401);
    assert.deepEqual(await r.json(), { code: "unauthenticated", msg: "permissions denied" });
  }
});

test("participants still call each other, and nobody else hears answers", async () => {
  const [direct, served] = await Promise.all([
    other.localParticipant.performRpc({ destinationIdentity: "callee", method: "between", payload: "" }),
    call({ method: "between" }),
  ]);
  assert.equal(direct, "for other");
  assert.match(served.payload, /^for [0-9a-f-]{36}$/);
});

test("the participant leaves in the middle", async () => {
  const going = call({ method: "slow", payload: "4000", responseTimeoutMs: 9000 });
  await sleep(300);
  const begun = performance.now();
  await callee.disconnect();
  const a = await going;
  assert.deepEqual([a.status, a.code], [503, "unavailable"]);
  assert.equal(a.msg, "twirp error unknown: RpcError 1503: Recipient disconnected");
  assert.ok(performance.now() - begun < 2000);
});
