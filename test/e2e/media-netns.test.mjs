// A client on a network of its own: its address changes in mid-call, its signalling is cut, its
// process stands still for a while, and one that never comes back.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import { dispose } from "@livekit/rtc-node";
import { Stoa, sleep, until } from "./server.mjs";
import { Relay } from "./proxy.mjs";
import { Namespace, possible } from "./netns.mjs";
import { join } from "./caller.mjs";

const LIMIT = { timeout: 120_000 };
let net, stoa, relay;

async function token(identity, room) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room });
  return at.toJwt();
}

// Ann, far away, in a process of her own.
async function call(name, url, env = {}) {
  const ann = { said: [], heard: 0, room: name };
  ann.child = net.spawn("env", ...Object.entries(env).map(([k, v]) => `${k}=${v}`), process.execPath,
    new URL("./caller.mjs", import.meta.url).pathname, url, await token("ann", name));
  let rest = "";
  ann.child.stderr.resume();
  ann.child.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("{")) continue;
      const what = JSON.parse(line);
      if (what.heard) ann.heard++;
      else if (what.event) ann.said.push(what);
    }
  });
  ann.joined = await until("ann has joined", () => ann.said.find((e) => e.event === "joined"), 20_000);
  return ann;
}

// Bob, here.
async function answer(name) {
  const bob = { said: [], heard: 0 };
  bob.room = await join(`ws://${net.host}:${stoa.port}`, await token("bob", name), (what) => (what.heard ? bob.heard++ : bob.said.push(what)));
  return bob;
}

const hearsFromNow = (who, name, ms = 30_000) => {
  const before = who.heard;
  return until(`${name} hears something`, () => who.heard >= before + 3, ms);
};
const bothHear = (ann, bob, ms) => Promise.all([hearsFromNow(ann, "ann", ms), hearsFromNow(bob, "bob", ms)]);

// Ann counts: what bob has is 1, 2, 3 and so on, up to now.
async function textsAreWhole(bob) {
  const texts = () => bob.said.filter((e) => e.event === "data").map((e) => Number(e.text));
  const before = texts().length;
  await until("texts go on", () => texts().length > before + 20, 30_000);
  assert.deepEqual(texts(), texts().map((_, i) => texts()[0] + i));
}

async function hangUp(ann, bob) {
  ann.child.kill("SIGKILL");
  await bob.room.disconnect();
  const api = new RoomServiceClient(`http://${net.host}:${stoa.port}`, "devkey", "secret");
  await api.deleteRoom(ann.room);
  await until("nothing is left of the call", async () => (await stoa.metric("stoa_transports")) === 0);
}

describe("a client on a network of its own", possible(), () => {
  before(async () => {
    net = Namespace.start();
    stoa = await Stoa.start("--bind", net.host, "--rtc.node_ip", net.host);
    relay = await Relay.start(stoa.port, net.host);
  });
  after(async () => {
    await dispose();
    await relay?.stop();
    await stoa?.stop();
    await net?.stop();
  });

  test("its address changes, and the call goes on", LIMIT, async () => {
    const ann = await call("moves", `ws://${net.host}:${stoa.port}`), bob = await answer("moves");
    await bothHear(ann, bob);
    const moved = () => stoa.metric("stoa_address_changes_total", 'result="accepted"');
    const resumed = () => stoa.metric("stoa_sessions_resumed_total");
    const before = (await moved()) + (await resumed());
    net.address(1);
    await until("media or the session has moved", async () => (await moved()) + (await resumed()) > before, 60_000);
    await bothHear(ann, bob, 60_000);
    assert.equal(bob.room.remoteParticipants.get("ann").sid, ann.joined.sid, "it is the same session");
    net.address(0);
    await bothHear(ann, bob, 60_000);
    await hangUp(ann, bob);
  });

  test("T34: its signalling is cut and comes back; no text is lost, none comes twice", LIMIT, async () => {
    const ann = await call("cut", relay.url, { SAY: "1" }), bob = await answer("cut");
    await bothHear(ann, bob);
    const before = await stoa.metric("stoa_sessions_resumed_total");
    relay.cut();
    await hearsFromNow(bob, "bob"); // media does not notice
    await until("the session is resumed", async () => (await stoa.metric("stoa_sessions_resumed_total")) > before, 20_000);
    await bothHear(ann, bob);
    assert.equal(bob.room.remoteParticipants.get("ann").sid, ann.joined.sid);
    assert.deepEqual(bob.said.filter((e) => e.event === "left"), []);
    await textsAreWhole(bob);
    await hangUp(ann, bob);
  });

  test("its process stands still for eight seconds", LIMIT, async () => {
    const ann = await call("still", `ws://${net.host}:${stoa.port}`), bob = await answer("still");
    await bothHear(ann, bob);
    ann.child.kill("SIGSTOP");
    await sleep(8000);
    assert.ok(bob.room.remoteParticipants.has("ann"));
    ann.child.kill("SIGCONT");
    await bothHear(ann, bob);
    assert.equal(bob.room.remoteParticipants.get("ann").sid, ann.joined.sid);
    assert.deepEqual(bob.said.filter((e) => e.event === "left"), []);
    await hangUp(ann, bob);
  });

  // Longer than a transport lives without a check: its client is asked to resume, and does.
  test("T27, T34: its cable is pulled for 33 seconds; no text is lost, none comes twice", LIMIT, async () => {
    const ann = await call("cable", `ws://${net.host}:${stoa.port}`, { SAY: "1" }), bob = await answer("cable");
    const silent = await stoa.metric("stoa_transports_silent_total");
    await bothHear(ann, bob);
    net.cable(false);
    await until("her transport is silent", async () => (await stoa.metric("stoa_transports_silent_total")) > silent, 50_000);
    await sleep(1000);
    net.cable(true);
    await bothHear(ann, bob, 60_000);
    assert.equal(bob.room.remoteParticipants.get("ann").sid, ann.joined.sid, "it is the same session");
    assert.deepEqual(bob.said.filter((e) => e.event === "left"), []);
    await textsAreWhole(bob);
    await hangUp(ann, bob);
  });

  test("its process never comes back: it is gone without a word", LIMIT, async () => {
    const ann = await call("gone", `ws://${net.host}:${stoa.port}`), bob = await answer("gone");
    await bothHear(ann, bob);
    ann.child.kill("SIGSTOP");
    const since = Date.now();
    await until("bob is told", () => bob.said.find((e) => e.event === "left"), 60_000);
    assert.ok(Date.now() - since > 20_000, "not before it was silent for long");
    assert.equal(bob.room.remoteParticipants.size, 0);
    await until("nothing is left of her", async () => (await stoa.metric("stoa_transports")) === 1);
    await hangUp(ann, bob);
  });
});
