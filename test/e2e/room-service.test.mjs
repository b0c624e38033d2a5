// Every method of the services that the SDK knows: what it answers, field by field, and each documented failure, in
// JSON and protobuf. A participant is there all the time: @livekit/rtc-node as "ann" in the room "call".
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { Room, RoomEvent, dispose } from "@livekit/rtc-node";
import { AccessToken, AgentDispatchClient, EgressClient, IngressClient, RoomServiceClient, SipClient, WebhookReceiver } from "livekit-server-sdk";
import * as proto from "@livekit/protocol";
import { Stoa, sleep, until } from "./server.mjs";

const P = "twirp error unknown: "; // what the reference puts before errors of the node
const AT_ONCE_MS = 1500; // the reference takes 3 s to miss somebody; a busy machine needs some of it
let stoa, api, dispatch, ann;

before(async () => {
  stoa = await Stoa.start();
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
  dispatch = new AgentDispatchClient(stoa.url, "devkey", "secret");
  await api.createRoom({ name: "call", emptyTimeout: 3600 });
  ann = await join("ann", "call");
});
after(async () => {
  await ann?.disconnect();
  await dispose();
  await stoa?.stop();
});

async function token(video, options = {}) {
  const at = new AccessToken("devkey", "secret", { identity: "api", ttl: 600, ...options });
  at.addGrant(video);
  return at.toJwt();
}

async function join(identity, room, server = stoa) {
  const r = new Room();
  r.data = [];
  r.on(RoomEvent.DataReceived, (payload, participant, kind, topic) => r.data.push({ text: Buffer.from(payload).toString(), from: participant?.identity, topic }));
  r.on(RoomEvent.Disconnected, (reason) => (r.reason = reason));
  await r.connect(server.wsUrl, await token({ roomJoin: true, room }, { identity, name: `Name of ${identity}`, metadata: "meta", attributes: { a: "1" } }),
    { autoSubscribe: true, dynacast: false });
  return r;
}

async function post(path, type, body, video) {
  const begun = performance.now();
  const response = await fetch(`${stoa.url}/twirp/livekit.${path}`, {
    method: "POST",
    headers: { "Content-Type": type, ...(video ? { Authorization: `Bearer ${await token(video)}` } : {}) },
    body,
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, type: response.headers.get("content-type"), bytes, ms: performance.now() - begun };
}

// The published messages of a method.
function typesOf(method) {
  return {
    CreateRoom: [proto.CreateRoomRequest, proto.Room], ListRooms: [proto.ListRoomsRequest, proto.ListRoomsResponse],
    DeleteRoom: [proto.DeleteRoomRequest, proto.DeleteRoomResponse],
    ListParticipants: [proto.ListParticipantsRequest, proto.ListParticipantsResponse],
    GetParticipant: [proto.RoomParticipantIdentity, proto.ParticipantInfo],
    RemoveParticipant: [proto.RoomParticipantIdentity, proto.RemoveParticipantResponse],
    MutePublishedTrack: [proto.MuteRoomTrackRequest, proto.MuteRoomTrackResponse],
    UpdateParticipant: [proto.UpdateParticipantRequest, proto.ParticipantInfo],
    UpdateSubscriptions: [proto.UpdateSubscriptionsRequest, proto.UpdateSubscriptionsResponse],
    SendData: [proto.SendDataRequest, proto.SendDataResponse],
    UpdateRoomMetadata: [proto.UpdateRoomMetadataRequest, proto.Room],
    ForwardParticipant: [proto.ForwardParticipantRequest, proto.ForwardParticipantResponse],
    MoveParticipant: [proto.MoveParticipantRequest, proto.MoveParticipantResponse],
    PerformRpc: [proto.PerformRpcRequest, proto.PerformRpcResponse],
    CreateDispatch: [proto.CreateAgentDispatchRequest, proto.AgentDispatch],
    DeleteDispatch: [proto.DeleteAgentDispatchRequest, proto.AgentDispatch],
    ListDispatch: [proto.ListAgentDispatchRequest, proto.ListAgentDispatchResponse],
  }[method];
}

// One call in both codings. JSON gives the raw object, protobuf the message.
async function both(method, request, video, service = "RoomService") {
  const [Request, Response] = typesOf(method);
  const json = await post(`${service}/${method}`, "application/json", JSON.stringify(request), video);
  const binary = await post(`${service}/${method}`, "application/protobuf", Request.fromJson(request).toBinary(), video);
  const ok = json.status === 200;
  return {
    json: { ...json, body: JSON.parse(Buffer.from(json.bytes)) },
    binary: { ...binary, body: ok && binary.status === 200 ? Response.fromBinary(binary.bytes) : binary.status === 200 ? null : JSON.parse(Buffer.from(binary.bytes)) },
  };
}

async function succeeds(method, request, video, service) {
  const { json, binary } = await both(method, request, video, service);
  assert.deepEqual([json.status, json.type, binary.status, binary.type], [200, "application/json", 200, "application/protobuf"],
    `${method}: ${JSON.stringify(json.body)} ${JSON.stringify(binary.body)}`);
  return { json: json.body, binary: binary.body };
}

async function fails(method, request, video, status, code, msg, meta, service) {
  const { json, binary } = await both(method, request, video, service);
  for (const answer of [json, binary]) {
    assert.deepEqual({ status: answer.status, type: answer.type, ...answer.body },
      { status, type: "application/json", code, msg, ...(meta ? { meta } : {}) }, `${method} ${JSON.stringify(request)}`);
    assert.ok(answer.ms < AT_ONCE_MS, `${method} took ${answer.ms} ms`);
  }
}

const admin = (room) => ({ roomAdmin: true, room });
const create = { roomCreate: true };
const ROOM_KEYS = ["sid", "name", "empty_timeout", "departure_timeout", "max_participants", "creation_time", "creation_time_ms", "turn_password",
  "enabled_codecs", "metadata", "num_participants", "num_publishers", "active_recording", "version"];
const PARTICIPANT_KEYS = ["sid", "identity", "state", "tracks", "metadata", "joined_at", "joined_at_ms", "name", "version", "permission", "region",
  "is_publisher", "kind", "attributes", "disconnect_reason", "kind_details", "data_tracks", "client_protocol", "capabilities"];
const PERMISSION = { can_subscribe: true, can_publish: true, can_publish_data: true, can_publish_sources: [], hidden: false, recorder: false,
  can_update_metadata: false, agent: false, can_subscribe_metrics: false, can_manage_agent_session: false };
const NO_ROOM = `${P}requested room does not exist`, NO_PARTICIPANT = `${P}participant does not exist`;
const SIZE = [400, "invalid_argument", "metadata size exceeds limits 524288", { argument: "metadata size exceeds limits" }];
const ATTRIBUTES = [400, "invalid_argument", "attribute size exceeds limits 65536", { argument: "attribute size exceeds limits" }];
const big = "m".repeat(524289), bigAttributes = { a: "x".repeat(65536) };

test("CreateRoom answers the room, whole and in order", async () => {
  const { json, binary } = await succeeds("CreateRoom", { name: "fields", emptyTimeout: 61, departureTimeout: 21, maxParticipants: 5, metadata: "<m>", tags: { a: "b" }, nodeId: "x", syncStreams: true, minPlayoutDelay: 1 }, create);
  assert.deepEqual(Object.keys(json), ROOM_KEYS);
  assert.match(json.sid, /^RM_[2-9A-HJ-NP-Za-km-z]{12}$/);
  assert.deepEqual({ ...json, sid: "", creation_time: "", creation_time_ms: "", turn_password: "", enabled_codecs: [] },
    { sid: "", name: "fields", empty_timeout: 61, departure_timeout: 21, max_participants: 5, creation_time: "", creation_time_ms: "", turn_password: "",
      enabled_codecs: [], metadata: "<m>", num_participants: 0, num_publishers: 0, active_recording: false, version: null });
  assert.equal(typeof json.creation_time, "string");
  assert.equal(String(Math.floor(Number(json.creation_time_ms) / 1000)), json.creation_time);
  assert.deepEqual(json.enabled_codecs.map((c) => c.mime), ["audio/PCMU", "audio/PCMA", "audio/opus", "audio/red", "video/VP8", "video/H264", "video/VP9", "video/AV1", "video/H265", "video/rtx"]);
  assert.ok(json.enabled_codecs.every((c) => c.fmtp_line === ""));
  assert.equal(binary.sid, json.sid); // the second call found the room that lives
  assert.deepEqual(proto.Room.fromJson(json).toJson(), binary.toJson());
  const defaults = (await succeeds("CreateRoom", { name: "defaults" }, create)).json;
  assert.deepEqual([defaults.empty_timeout, defaults.departure_timeout, defaults.max_participants], [300, 20, 0]);
});

test("CreateRoom refuses", async () => {
  await fails("CreateRoom", { name: "x", metadata: big }, { roomList: true }, 401, "unauthenticated", "permissions denied"); // the grant comes first
  await fails("CreateRoom", { name: "n".repeat(257) }, create, 400, "invalid_argument", `${P}room name length exceeds limits: max length 256`);
  await fails("CreateRoom", { name: "x", metadata: big }, create, ...SIZE);
  await fails("CreateRoom", { name: "x", agents: [{ agentName: "a", metadata: big }] }, create, ...SIZE);
  await fails("CreateRoom", { name: "x", agents: [{ agentName: "a", attributes: bigAttributes }] }, create, ...ATTRIBUTES);
  await fails("CreateRoom", { name: "x", roomPreset: "nope" }, create, 400, "invalid_argument", `${P}unknown room configuration in create room request`);
  await fails("CreateRoom", { name: "x", egress: { room: { layout: "grid" } } }, create, 500, "internal", `${P}egress not connected (redis required)`);
  assert.deepEqual(await api.listRooms(["x"]), []);
});

test("ListRooms answers by name and all; missing names are passed over", async () => {
  const { json, binary } = await succeeds("ListRooms", { names: ["call", "no such", "call"] }, { roomList: true });
  assert.ok(json.rooms.length >= 1 && json.rooms.every((r) => r.name === "call"));
  assert.deepEqual(Object.keys(json.rooms[0]).slice(0, ROOM_KEYS.length), ROOM_KEYS);
  assert.deepEqual(Object.keys(json.rooms[0]).slice(ROOM_KEYS.length), ["stoa_last_active_ms"].concat(json.rooms[0].stoa_expires_ms ? ["stoa_expires_ms"] : []));
  assert.equal(json.rooms[0].num_participants, 1);
  assert.equal(binary.rooms[0].sid, json.rooms[0].sid);
  assert.deepEqual((await succeeds("ListRooms", { names: ["no such"] }, { roomList: true })).json, { rooms: [] });
  await fails("ListRooms", {}, { roomCreate: true, roomAdmin: true, room: "call" }, 401, "unauthenticated", "permissions denied");
});

test("ListParticipants and GetParticipant answer the participant, whole and in order", async () => {
  const { json, binary } = await succeeds("GetParticipant", { room: "call", identity: "ann" }, admin("call"));
  assert.deepEqual(Object.keys(json), PARTICIPANT_KEYS);
  assert.match(json.sid, /^PA_/);
  assert.deepEqual([json.identity, json.state, json.metadata, json.name, json.kind, json.disconnect_reason], ["ann", "ACTIVE", "meta", "Name of ann", "STANDARD", "UNKNOWN_REASON"]);
  assert.deepEqual([json.attributes, json.tracks, json.kind_details, json.data_tracks], [{ a: "1" }, [], [], []]);
  assert.deepEqual(json.permission, PERMISSION);
  assert.equal(String(Math.floor(Number(json.joined_at_ms) / 1000)), json.joined_at);
  assert.equal(binary.sid, json.sid);
  const list = (await succeeds("ListParticipants", { room: "call" }, admin("call"))).json;
  assert.deepEqual(list.participants.map((p) => p.sid), [json.sid]);
  assert.deepEqual(Object.keys(list.participants[0]), PARTICIPANT_KEYS);
  assert.deepEqual((await succeeds("ListParticipants", { room: "no such" }, admin("no such"))).json, { participants: [] });
  for (const identity of ["nobody", ""]) await fails("GetParticipant", { room: "call", identity }, admin("call"), 404, "not_found", NO_PARTICIPANT);
  await fails("GetParticipant", { room: "no such", identity: "ann" }, admin("no such"), 404, "not_found", NO_PARTICIPANT);
});

test("UpdateParticipant changes what is given, and refuses", async () => {
  const { json } = await succeeds("UpdateParticipant", { room: "call", identity: "ann", name: "New", metadata: "other", attributes: { a: "", b: "2" } }, admin("call"));
  assert.deepEqual(Object.keys(json), PARTICIPANT_KEYS);
  assert.deepEqual([json.name, json.metadata, json.attributes], ["New", "other", { b: "2" }]);
  const kept = (await succeeds("UpdateParticipant", { room: "call", identity: "ann", name: "", metadata: "" }, admin("call"))).json;
  assert.deepEqual([kept.name, kept.metadata], ["New", "other"]);
  const less = (await succeeds("UpdateParticipant", { room: "call", identity: "ann", permission: { canPublish: true } }, admin("call"))).json;
  assert.deepEqual(less.permission, { ...PERMISSION, can_subscribe: false, can_publish_data: false }); // all ten are replaced
  await api.updateParticipant("call", "ann", { permission: { canPublish: true, canSubscribe: true, canPublishData: true } });
  // Limits come before the grant.
  await fails("UpdateParticipant", { room: "call", identity: "ann", name: "n".repeat(257) }, { roomList: true }, 400, "invalid_argument", "name length exceeds limits 256");
  await fails("UpdateParticipant", { room: "call", identity: "ann", metadata: big }, { roomList: true }, ...SIZE);
  await fails("UpdateParticipant", { room: "call", identity: "ann", attributes: bigAttributes }, { roomList: true }, ...ATTRIBUTES);
  await fails("UpdateParticipant", { room: "call", identity: "nobody", name: "x" }, admin("call"), 404, "not_found", NO_PARTICIPANT);
  await fails("UpdateParticipant", { room: "no such", identity: "ann", name: "x" }, admin("no such"), 404, "not_found", NO_PARTICIPANT);
});

test("MutePublishedTrack: an unknown track is null, unmute is not allowed", async () => {
  assert.deepEqual((await succeeds("MutePublishedTrack", { room: "call", identity: "ann", trackSid: "TR_none", muted: true }, admin("call"))).json, { track: null });
  await fails("MutePublishedTrack", { room: "call", identity: "ann", trackSid: "TR_none" }, admin("call"), 412, "failed_precondition", `${P}remote unmute not enabled`);
});

test("UpdateSubscriptions and SendData answer nothing", async () => {
  assert.deepEqual((await succeeds("UpdateSubscriptions", { room: "call", identity: "ann", trackSids: ["TR_later"], subscribe: true }, admin("call"))).json, {});
  assert.deepEqual((await succeeds("UpdateSubscriptions", { room: "call", identity: "ann", participantTracks: [{ participantSid: "PA_x", trackSids: ["TR_x"] }] }, admin("call"))).json, {});
  const before = ann.data.length;
  assert.deepEqual((await succeeds("SendData", { room: "call", data: "aGk=", topic: "t" }, admin("call"))).json, {});
  await until("both arrive", () => ann.data.length === before + 2);
  assert.deepEqual(ann.data.at(-1), { text: "hi", from: undefined, topic: "t" });
  // The same nonce is sent once, and answered the same.
  const nonce = Buffer.alloc(16, 7).toString("base64");
  await succeeds("SendData", { room: "call", data: "b25jZQ==", destinationIdentities: ["ann"], nonce }, admin("call"));
  await sleep(100);
  assert.equal(ann.data.filter((d) => d.text === "once").length, 1);
  await fails("SendData", { room: "call", data: "aGk=", nonce: "AQID" }, admin("call"), 400, "invalid_argument", "nonce should be 16-bytes or not present, got: 3 bytes");
  await fails("SendData", { room: "no such", data: "aGk=" }, admin("no such"), 404, "not_found", NO_ROOM);
});

test("UpdateRoomMetadata answers the room, sets and clears", async () => {
  const { json } = await succeeds("UpdateRoomMetadata", { room: "call", metadata: "set" }, admin("call"));
  assert.deepEqual(Object.keys(json), ROOM_KEYS);
  assert.deepEqual([json.name, json.metadata, json.num_participants], ["call", "set", 1]);
  assert.equal((await api.listRooms(["call"]))[0].metadata, "set"); // at once: the reference may still show the old one
  assert.equal((await succeeds("UpdateRoomMetadata", { room: "call" }, admin("call"))).json.metadata, "");
  await fails("UpdateRoomMetadata", { room: "call", metadata: big }, { roomList: true }, ...SIZE); // before the grant
  await fails("UpdateRoomMetadata", { room: "no such", metadata: "x" }, admin("no such"), 404, "not_found", NO_ROOM);
});

test("ForwardParticipant and MoveParticipant refuse in their order", async () => {
  for (const method of ["ForwardParticipant", "MoveParticipant"]) {
    const to = (destinationRoom, room = "call") => ({ roomAdmin: true, room, destinationRoom });
    await fails(method, { room: "call", identity: "ann", destinationRoom: "b" }, admin("call"), 401, "unauthenticated", "permissions denied");
    await fails(method, { room: "call", identity: "ann", destinationRoom: "b" }, to("c"), 401, "unauthenticated", "permissions denied");
    await fails(method, { room: "call", identity: "ann", destinationRoom: "call" }, to("call"), 400, "invalid_argument",
      "destination room cannot be the same as source room ", { argument: "destination room cannot be the same as source room" });
    await fails(method, { room: "call", identity: "ann", destinationRoom: "b" }, to("b"), 500, "unknown", `${P}not implemented`);
  }
});

test("RemoveParticipant removes before it answers, and the token joins again", async () => {
  const bob = await join("bob", "call");
  await api.removeParticipant("call", "bob");
  assert.ok(!(await api.listParticipants("call")).some((p) => p.identity === "bob"));
  await until("bob is told", () => bob.reason !== undefined);
  const again = await join("bob", "call");
  await fails("RemoveParticipant", { room: "call", identity: "nobody" }, admin("call"), 404, "not_found", NO_PARTICIPANT);
  await again.disconnect();
});

test("DeleteRoom needs roomCreate, and answers once all is gone", async () => {
  await api.createRoom({ name: "doomed" });
  const guest = await join("guest", "doomed");
  await fails("DeleteRoom", { room: "doomed" }, admin("doomed"), 401, "unauthenticated", "permissions denied");
  const answer = await post("RoomService/DeleteRoom", "application/json", '{"room":"doomed"}', create);
  assert.deepEqual([answer.status, Buffer.from(answer.bytes).toString()], [200, "{}"]);
  assert.deepEqual(await api.listRooms(["doomed"]), []);
  await until("the guest is told", () => guest.reason !== undefined);
  await fails("DeleteRoom", { room: "doomed" }, create, 404, "not_found", NO_ROOM);
  await fails("DeleteRoom", { room: (await api.listRooms(["call"]))[0].sid }, create, 404, "not_found", NO_ROOM); // names only
});

test("every method of the room needs roomAdmin of that very room", async () => {
  const calls = { UpdateRoomMetadata: {}, ListParticipants: {}, GetParticipant: { identity: "ann" }, RemoveParticipant: { identity: "ann" },
    MutePublishedTrack: { identity: "ann", trackSid: "TR_x", muted: true }, UpdateParticipant: { identity: "ann" }, UpdateSubscriptions: { identity: "ann" },
    SendData: { data: "AQ==" }, ForwardParticipant: { identity: "ann", destinationRoom: "b" }, MoveParticipant: { identity: "ann", destinationRoom: "b" },
    PerformRpc: { destinationIdentity: "ann", method: "m" } };
  for (const [method, request] of Object.entries(calls)) {
    for (const video of [null, create, { roomJoin: true, room: "call" }, admin("Call"), admin(""), { roomAdmin: true }]) {
      await fails(method, { room: "call", ...request }, video, 401, "unauthenticated", "permissions denied");
    }
  }
  for (const [method, request] of Object.entries({ CreateDispatch: { agentName: "x" }, DeleteDispatch: { dispatchId: "AD_1" }, ListDispatch: {} })) {
    await fails(method, { room: "call", ...request }, admin("other"), 401, "unauthenticated", "permissions denied", undefined, "AgentDispatchService");
  }
});

test("agent dispatches are created, found, listed and deleted", async () => {
  const made = await dispatch.createDispatch("call", "helper", { metadata: "m" });
  assert.match(made.id, /^AD_[2-9A-HJ-NP-Za-km-z]{12}$/);
  assert.deepEqual([made.agentName, made.room, made.metadata], ["helper", "call", "m"]);
  assert.ok(Math.abs(Number(made.state.createdAt / 1_000_000n) - Date.now()) < 60_000); // in ns
  assert.equal((await dispatch.getDispatch(made.id, "call")).id, made.id);
  const list = (await succeeds("ListDispatch", { room: "call" }, admin("call"), "AgentDispatchService")).json;
  assert.deepEqual(Object.keys(list.agent_dispatches[0]), ["id", "agent_name", "room", "metadata", "state", "restart_policy", "deployment", "attributes"]);
  assert.deepEqual(list.agent_dispatches.map((d) => d.agent_name).sort(), ["", "helper"]); // a room begins with a nameless one
  assert.equal(await dispatch.getDispatch("AD_unknown", "call"), undefined);
  await dispatch.deleteDispatch(made.id, "call");
  await fails("DeleteDispatch", { room: "call", dispatchId: made.id }, admin("call"), 404, "not_found", `${P}dispatch ID not found`, undefined, "AgentDispatchService");
  for (const deployment of ["a_b", "a b", "d".repeat(65)]) {
    const { json } = await both("CreateDispatch", { room: "call", agentName: "x", deployment }, admin("call"), "AgentDispatchService");
    assert.deepEqual([json.status, json.body.code], [400, "invalid_argument"], deployment);
  }
});

test("egress, ingress and SIP say at once that they are not there", async () => {
  const services = {
    Egress: ["StartEgress", "UpdateLayout", "UpdateStream", "ListEgress", "StopEgress", "StartRoomCompositeEgress", "StartWebEgress", "StartParticipantEgress", "StartTrackCompositeEgress", "StartTrackEgress"],
    Ingress: ["CreateIngress", "UpdateIngress", "ListIngress", "DeleteIngress"],
    SIP: ["ListSIPTrunk", "CreateSIPTrunk", "CreateSIPInboundTrunk", "UpdateSIPInboundTrunk", "GetSIPInboundTrunk", "ListSIPInboundTrunk", "CreateSIPOutboundTrunk",
      "UpdateSIPOutboundTrunk", "GetSIPOutboundTrunk", "ListSIPOutboundTrunk", "DeleteSIPTrunk", "CreateSIPDispatchRule", "UpdateSIPDispatchRule",
      "ListSIPDispatchRule", "DeleteSIPDispatchRule", "CreateSIPParticipant", "TransferSIPParticipant"],
  };
  for (const [service, methods] of Object.entries(services)) {
    for (const method of methods) {
      for (const [type, body] of [["application/json", "{}"], ["application/protobuf", ""]]) {
        const answer = await post(`${service}/${method}`, type, body, { roomRecord: true, ingressAdmin: true });
        const error = JSON.parse(Buffer.from(answer.bytes));
        if (method === "CreateSIPTrunk") {
          assert.deepEqual([answer.status, error.code], [404, "bad_route"]); // gone from the reference, too
          continue;
        }
        assert.deepEqual([answer.status, answer.type, error.code], [501, "application/json", "unimplemented"], `${service}/${method}`);
        assert.ok(answer.ms < AT_ONCE_MS);
        const anonymous = await post(`${service}/${method}`, type, body);
        assert.deepEqual([anonymous.status, JSON.parse(Buffer.from(anonymous.bytes)).code], [401, "unauthenticated"]);
      }
    }
  }
  const sdk = (Client) => new Client(stoa.url, "devkey", "secret");
  for (const asked of [sdk(EgressClient).listEgress(), sdk(EgressClient).stopEgress("EG_x"), sdk(IngressClient).listIngress(), sdk(SipClient).listSipInboundTrunk(),
    sdk(SipClient).createSipParticipant("ST_x", "+1", "call")]) {
    const e = await asked.then(() => assert.fail("was answered"), (x) => x);
    assert.deepEqual([e.status, e.code], [501, "unimplemented"]);
  }
});

test("better: a missing room, participant or track is answered at once", async () => {
  const calls = { GetParticipant: {}, RemoveParticipant: {}, MutePublishedTrack: { trackSid: "TR_x", muted: true }, UpdateParticipant: { name: "x" },
    UpdateSubscriptions: { trackSids: ["TR_x"] }, ForwardParticipant: { destinationRoom: "b" }, MoveParticipant: { destinationRoom: "b" } };
  for (const [method, request] of Object.entries(calls)) {
    for (const room of ["call", "no such"]) {
      const { json, binary } = await both(method, { room, identity: "nobody", ...request }, { roomAdmin: true, room, destinationRoom: "b" });
      for (const answer of [json, binary]) {
        assert.deepEqual([answer.status, answer.body.code], [404, "not_found"], method);
        assert.ok([NO_ROOM, NO_PARTICIPANT].includes(answer.body.msg), answer.body.msg);
        assert.ok(answer.ms < AT_ONCE_MS, `${method} took ${answer.ms} ms`);
      }
    }
  }
  for (const room of ["call", "no such"]) {
    const { json } = await both("PerformRpc", { room, destinationIdentity: "nobody", method: "m" }, admin(room));
    assert.equal(json.status, 404);
    assert.ok(json.ms < AT_ONCE_MS);
  }
  const begun = performance.now();
  await api.mutePublishedTrack("call", "ann", "TR_none", true);
  assert.ok(performance.now() - begun < AT_ONCE_MS);
});

test("better: a room that was created and never joined ends", async () => {
  const made = await api.createRoom({ name: "never", emptyTimeout: 1 });
  const touch = setInterval(() => api.listRooms(["never"]).catch(() => {}), 100); // looking at it does not keep it
  await stoa.event("room_finished", (e) => e.room_sid === made.sid);
  clearInterval(touch);
  assert.deepEqual(await api.listRooms(["never"]), []);
  assert.equal((await api.listRooms()).filter((r) => r.name === "never").length, 0);
});

test("better: what is listed can be deleted", async () => {
  await Promise.all(Array.from({ length: 100 }, (_, i) => api.createRoom({ name: `listed-${i}`, emptyTimeout: 1 + (i % 3) })));
  await sleep(900); // while some of them come to their end
  for (const { name } of (await api.listRooms()).filter((r) => r.name.startsWith("listed-"))) {
    // It may have ended between the two calls: then it is gone from the list, too.
    await api.deleteRoom(name).catch((e) => assert.deepEqual([e.status, e.code], [404, "not_found"]));
    assert.deepEqual(await api.listRooms([name]), []);
  }
});

test("better: lists are never behind a webhook", async () => {
  const seen = [];
  const receiver = new WebhookReceiver("devkey", "secret");
  let other, client;
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const part of req.setEncoding("utf8")) body += part;
    const event = await receiver.receive(body, req.headers.authorization);
    const [room] = await client.listRooms(["hooked"]);
    seen.push({ event: event.event, identity: event.participant?.identity, listed: (await client.listParticipants("hooked")).map((p) => p.identity).sort(), count: room?.numParticipants });
    res.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    other = await Stoa.start("--config-body", `webhook:\n  urls: ["http://127.0.0.1:${server.address().port}/"]\n  api_key: devkey\n`);
    client = new RoomServiceClient(other.url, "devkey", "secret");
    const first = await join("first", "hooked", other);
    const second = await join("second", "hooked", other);
    await until("both are told of", () => seen.filter((s) => s.event === "participant_joined").length === 2);
    await first.disconnect();
    await until("it is told who left", () => seen.some((s) => s.event === "participant_left"));
    for (const s of seen.filter((x) => x.identity)) {
      const there = s.event === "participant_joined";
      assert.equal(s.listed.includes(s.identity), there, JSON.stringify(s));
      assert.equal(s.count, s.listed.length, JSON.stringify(s));
    }
    await second.disconnect();
  } finally {
    await other?.stop();
    server.close();
  }
});
