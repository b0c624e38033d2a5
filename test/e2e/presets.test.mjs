// room.room_configurations: presets that CreateRoom and tokens name.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { Room, dispose } from "@livekit/rtc-node";
import { AccessToken, AgentDispatchClient, RoomServiceClient } from "livekit-server-sdk";
import { Stoa } from "./server.mjs";

const config = `
room:
  room_configurations:
    support:
      empty_timeout: 61
      departure_timeout: 62
      max_participants: 3
      metadata: from the preset
      agents: [{agent_name: helper}]
    "webinar 2":
      emptyTimeout: 71
      tags: {stoa.max_duration: "3600"}
`;
let stoa, api, dispatch;

before(async () => {
  stoa = await Stoa.start("--config-body", config);
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
  dispatch = new AgentDispatchClient(stoa.url, "devkey", "secret");
});
after(async () => {
  await dispose();
  await stoa?.stop();
});

async function create(body) {
  const response = await fetch(`${stoa.url}/twirp/livekit.RoomService/CreateRoom`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(await api.authHeader({ roomCreate: true })) },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
}

async function join(identity, room, preset) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room });
  at.roomPreset = preset;
  const r = new Room();
  await r.connect(stoa.wsUrl, await at.toJwt(), { autoSubscribe: true, dynacast: false });
  return r;
}

test("CreateRoom's roomPreset fills what the request leaves open", async () => {
  const a = await create({ name: "made", roomPreset: "support" });
  assert.deepEqual([a.status, a.empty_timeout, a.departure_timeout, a.max_participants, a.metadata], [200, 61, 62, 3, "from the preset"]);
  assert.deepEqual((await dispatch.listDispatch("made")).map((d) => d.agentName), ["helper"]);
  const b = await create({ name: "mine", room_preset: "support", emptyTimeout: 5, metadata: "own" });
  assert.deepEqual([b.empty_timeout, b.departure_timeout, b.metadata], [5, 62, "own"]);
  const c = await create({ name: "web", roomPreset: "webinar 2" });
  assert.deepEqual([c.empty_timeout, c.departure_timeout], [71, 20]);
});

test("a token's roomPreset makes the room, and does not change one that lives", async () => {
  const first = await join("ann", "joined", "support");
  const [room] = await api.listRooms(["joined"]);
  assert.deepEqual([room.emptyTimeout, room.departureTimeout, room.maxParticipants, room.metadata], [61, 62, 3, "from the preset"]);
  const second = await join("bob", "joined", "webinar 2");
  assert.equal((await api.listRooms(["joined"]))[0].emptyTimeout, 61);
  await first.disconnect();
  await second.disconnect();
});

test("an unknown preset is refused, for a room that lives it is not looked at", async () => {
  const a = await create({ name: "none", roomPreset: "nope" });
  assert.deepEqual([a.status, a.code, a.msg], [400, "invalid_argument", "twirp error unknown: unknown room configuration in create room request"]);
  assert.deepEqual(await api.listRooms(["none"]), []);
  assert.equal((await create({ name: "made", roomPreset: "nope" })).status, 200);
  await assert.rejects(join("cid", "none either", "nope"));
});
