// Two @livekit/rtc-node clients in one room: data of every kind, and what the API does to them.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { Room, RoomEvent, DataPacketKind, DisconnectReason, dispose } from "@livekit/rtc-node";
import { AccessToken, RoomServiceClient, DataPacket_Kind } from "livekit-server-sdk";
import { Stoa, until } from "./server.mjs";
import { NoSinglePeerProxy } from "./proxy.mjs";

let stoa, proxy, api;

before(async () => {
  stoa = await Stoa.start();
  proxy = await NoSinglePeerProxy.start(stoa.port);
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
});
after(async () => {
  await dispose();
  await proxy?.stop();
  await stoa?.stop();
});

async function token(identity, room, grant = {}, options = {}) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600, ...options });
  at.addGrant({ roomJoin: true, room, ...grant });
  return at.toJwt();
}

async function join(url, identity, roomName, grant, options) {
  const room = new Room();
  room.seen = [];
  room.on(RoomEvent.DataReceived, (payload, participant, kind, topic) =>
    room.seen.push({ text: Buffer.from(payload).toString(), from: participant?.identity, kind, topic }));
  room.on(RoomEvent.Disconnected, (reason) => (room.disconnectReason = reason));
  room.gone = [];
  room.on(RoomEvent.ParticipantDisconnected, (p) => room.gone.push(p.identity));
  await room.connect(url, await token(identity, roomName, grant, options), { autoSubscribe: true, dynacast: false });
  return room;
}

const sees = (room, identity) => until(`${identity} is seen`, () => room.remoteParticipants.has(identity));
const received = (room, text) => until(`"${text}" arrives`, () => room.seen.find((m) => m.text === text));

for (const [path, url] of [["/rtc/v1", () => stoa.wsUrl], ["/rtc", () => proxy.wsUrl]]) {
  describe(`by ${path}`, () => {
    const name = `call${path.replaceAll("/", "-")}`;
    let ann, bob, cid;
    before(async () => {
      ann = await join(url(), "ann", name, { canUpdateOwnMetadata: true }, { name: "Ann", metadata: "hello", attributes: { a: "1" } });
      bob = await join(url(), "bob", name);
      cid = await join(url(), "cid", name);
    });
    after(async () => {
      for (const r of [ann, bob, cid]) await r?.disconnect();
    });

    test("they see each other, with names, metadata and attributes", async () => {
      await Promise.all([sees(ann, "bob"), sees(ann, "cid"), sees(bob, "ann"), sees(cid, "bob")]);
      const p = bob.remoteParticipants.get("ann");
      assert.equal(p.name, "Ann");
      assert.equal(p.metadata, "hello");
      assert.deepEqual(p.attributes, { a: "1" });
      assert.match(await ann.getSid(), /^RM_/);
      const list = await api.listParticipants(name);
      assert.deepEqual(list.map((x) => x.identity).sort(), ["ann", "bob", "cid"]);
      await until("all are active", async () => (await api.listParticipants(name)).every((x) => x.state === 2));
      assert.equal((await api.listRooms([name]))[0].numParticipants, 3);
    });

    test("T26, T28, T35: reliable and lossy data to all, and to some", async () => {
      await ann.localParticipant.publishData(Buffer.from("to all"), { reliable: true, topic: "t" });
      const got = await received(bob, "to all");
      assert.deepEqual([got.from, got.kind, got.topic], ["ann", DataPacketKind.KIND_RELIABLE, "t"]);
      await received(cid, "to all");
      await ann.localParticipant.publishData(Buffer.from("to bob"), { reliable: true, destination_identities: ["bob"] });
      await received(bob, "to bob");
      await until("a lossy packet arrives", async () => {
        await bob.localParticipant.publishData(Buffer.from("lossy"), { reliable: false });
        return ann.seen.find((m) => m.text === "lossy");
      });
      assert.equal(ann.seen.find((m) => m.text === "lossy").kind, DataPacketKind.KIND_LOSSY);
    });

    test("T47: a packet as large as clients send them, with all that the server adds", async () => {
      const text = "x".repeat(63_800);
      await ann.localParticipant.publishData(Buffer.from(text), { reliable: true, topic: "large" });
      assert.equal((await received(bob, text)).from, "ann");
      await ann.localParticipant.publishData(Buffer.from("last"), { reliable: true });
      await received(cid, "last");
      assert.ok(!cid.seen.some((m) => m.text === "to bob"), "only its destination has it");
      assert.ok(!ann.seen.some((m) => m.text === "to all"), "never echoed");
    });

    test("a thousand reliable packets arrive once and in order", async () => {
      const before = bob.seen.length;
      for (let i = 0; i < 1000; i++) await ann.localParticipant.publishData(Buffer.from(`n${i}`), { reliable: true, destination_identities: ["bob"] });
      await received(bob, "n999");
      assert.deepEqual(bob.seen.slice(before).map((m) => m.text), Array.from({ length: 1000 }, (_, i) => `n${i}`));
    });

    test("text streams", async () => {
      const done = new Promise((resolve) => bob.registerTextStreamHandler("chat", async (reader, info) => resolve([await reader.readAll(), info.identity])));
      const text = "long ".repeat(20000);
      await ann.localParticipant.sendText(text, { topic: "chat" });
      const [got, from] = await done;
      assert.equal(got, text);
      assert.equal(from, "ann");
    });

    test("RPC: answer, application error, unknown method", async () => {
      bob.localParticipant.registerRpcMethod("greet", async (d) => `hello ${d.callerIdentity}: ${d.payload}`);
      bob.localParticipant.registerRpcMethod("fail", async () => { throw new Error("no"); });
      const rpc = (method, payload = "") => ann.localParticipant.performRpc({ destinationIdentity: "bob", method, payload });
      assert.equal(await rpc("greet", "x"), "hello ann: x");
      await assert.rejects(rpc("fail"), (e) => e.code === 1500);
      await assert.rejects(rpc("nothing"), (e) => e.code === 1400);
    });

    test("data of the server's API", async () => {
      await api.sendData(name, Buffer.from("from the server"), DataPacket_Kind.RELIABLE, { destinationIdentities: ["cid"], topic: "s" });
      const got = await received(cid, "from the server");
      assert.equal(got.topic, "s");
      assert.equal(got.from, undefined);
      assert.ok(!bob.seen.some((m) => m.text === "from the server"));
    });

    test("own metadata, name and attributes; refused without the grant", async () => {
      await ann.localParticipant.updateMetadata("changed");
      await until("bob sees it", () => bob.remoteParticipants.get("ann").metadata === "changed");
      await bob.localParticipant.updateMetadata("no"); // this client does not report the refusal
      assert.equal((await api.getParticipant(name, "bob")).metadata, "");
    });

    test("room metadata reaches them", async () => {
      await api.updateRoomMetadata(name, "of the room");
      await until("ann sees it", () => ann.metadata === "of the room");
    });

    test("one is removed by the API, and the others are told", async () => {
      await api.removeParticipant(name, "cid");
      await until("cid is out", () => cid.disconnectReason !== undefined);
      assert.equal(cid.disconnectReason, DisconnectReason.PARTICIPANT_REMOVED);
      await until("ann is told", () => ann.gone.includes("cid"));
      assert.deepEqual((await api.listParticipants(name)).map((x) => x.identity).sort(), ["ann", "bob"]);
    });

    test("the same identity again replaces the first", async () => {
      const second = await join(url(), "bob", name);
      await until("the first is out", () => bob.disconnectReason !== undefined);
      assert.equal(bob.disconnectReason, DisconnectReason.DUPLICATE_IDENTITY);
      await until("ann sees one bob", () => ann.remoteParticipants.get("bob")?.sid === second.localParticipant.sid);
      await second.localParticipant.publishData(Buffer.from("again"), { reliable: true });
      await received(ann, "again");
      bob = second;
    });

    test("the room is deleted under them", async () => {
      await api.deleteRoom(name);
      await until("both are out", () => ann.disconnectReason !== undefined && bob.disconnectReason !== undefined);
      assert.equal(ann.disconnectReason, DisconnectReason.ROOM_DELETED);
      assert.deepEqual(await api.listRooms([name]), []);
    });
  });
}

test("a hidden participant is not seen, and its data has no sender", async () => {
  const seen = await join(stoa.wsUrl, "seen", "hide");
  const ghost = await join(stoa.wsUrl, "ghost", "hide", { hidden: true });
  await ghost.localParticipant.publishData(Buffer.from("boo"), { reliable: true });
  assert.equal((await received(seen, "boo")).from, undefined);
  assert.equal(seen.remoteParticipants.size, 0);
  await seen.disconnect();
  await ghost.disconnect();
});

test("without canPublishData nothing is passed on", async () => {
  const mute = await join(stoa.wsUrl, "mute", "quiet", { canPublish: false });
  const ear = await join(stoa.wsUrl, "ear", "quiet");
  await mute.localParticipant.publishData(Buffer.from("x"), { reliable: true }).catch(() => {});
  await ear.localParticipant.publishData(Buffer.from("y"), { reliable: true });
  await received(mute, "y");
  assert.equal(ear.seen.length, 0);
  await mute.disconnect();
  await ear.disconnect();
});

test("joins that are refused", async () => {
  await assert.rejects(join(stoa.wsUrl, "x", "r", { roomJoin: false }));
  const bad = new Room();
  await assert.rejects(bad.connect(stoa.wsUrl, "not a token", { autoSubscribe: true, dynacast: false }));
  await api.createRoom({ name: "two", maxParticipants: 1 });
  const first = await join(stoa.wsUrl, "first", "two");
  await assert.rejects(join(stoa.wsUrl, "second", "two"));
  await first.disconnect();
});

test("the last one leaves and the room ends after its departure timeout", async () => {
  await api.createRoom({ name: "leaving", departureTimeout: 1, emptyTimeout: 600 });
  const only = await join(stoa.wsUrl, "only", "leaving");
  await only.disconnect();
  await stoa.event("room_finished", (e) => e.room === "leaving");
});

test("SIGTERM drains: it waits for those who are in, a second signal ends it with a leave", async () => {
  const other = await Stoa.start();
  const room = await join(other.wsUrl, "stays", "drain");
  other.process.kill("SIGTERM");
  await other.event("draining");
  const late = new RoomServiceClient(other.url, "devkey", "secret");
  await assert.rejects(late.createRoom({ name: "late" }));
  assert.equal(room.isConnected, true);
  other.process.kill("SIGTERM");
  const { code } = await other.exit;
  assert.equal(code, 0);
  await until("the client is told", () => room.disconnectReason !== undefined);
  assert.equal(room.disconnectReason, DisconnectReason.SERVER_SHUTDOWN);
});
