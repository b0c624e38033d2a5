// What breaks a client when a server gets it wrong, by the names that the wire reference gives it, as
// far as it shows in signalling. The traps of media are in media-traps-*.test.mjs.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { DisconnectReason, LeaveRequest_Action, ReconnectReason, RequestResponse_Reason } from "@livekit/protocol";
import { Signal, mid, offer, path, sdp, sections, token } from "./signal.mjs";
import { Stoa, sleep, until } from "./server.mjs";

let stoa, open = [];
const JOINS = ["chromium_single_join", "firefox_single_join", "rtc_node_single_join"];

before(async () => {
  stoa = await Stoa.start();
});
after(async () => {
  open.forEach((s) => s.close());
  await stoa?.stop();
});

async function connect(url) {
  const s = await Signal.open(stoa, url);
  open.push(s);
  return s;
}
const join = async (identity, room, extra = {}, grant = {}) => connect(path(await token(identity, room, grant), extra));
const joinDual = async (identity, room) => connect(`/rtc?access_token=${await token(identity, room)}&auto_subscribe=1&sdk=js&version=2.23.0&protocol=17`);
const get = (url, headers = {}) => fetch(stoa.url + url, { headers });

test("T1: the first frame is the join, and of a resume the reconnect", async () => {
  for (const enter of [() => join("ann", "t1", { publisherOffer: offer(JOINS[0]) }), () => joinDual("bob", "t1")]) {
    const s = await enter();
    await s.told("refreshToken");
    assert.equal(s.messages[0].message.case, "join");
    const sid = s.all("join")[0].participant.sid;
    const identity = s.all("join")[0].participant.identity;
    const again = await join(identity, "t1", { reconnect: true, participantSid: sid, reconnectReason: ReconnectReason.RR_SIGNAL_DISCONNECTED });
    await again.told("reconnect");
    assert.equal(again.messages[0].message.case, "reconnect");
  }
});

test("T2: 404 is for a room that is not there, and says so; nothing else is 404, and what passes is not 401", async () => {
  const strict = await Stoa.start("--room.auto_create=false");
  try {
    for (const at of ["/rtc/v1", "/rtc"]) {
      const url = path(await token("ann", "nowhere")).replace("/rtc/v1?", `${at}/validate?`);
      const answer = await fetch(strict.url + url);
      assert.equal(answer.status, 404);
      assert.match(await answer.text(), /requested room does not exist/);
    }
  } finally {
    await strict.stop();
  }
  const good = path(await token("ann", "t2"));
  assert.equal((await get(good.replace("/rtc/v1?", "/rtc/v1/validate?"))).status, 200);
  assert.equal((await get(good.replace(/join_request=.*/, "join_request=%%%").replace("/rtc/v1?", "/rtc/v1/validate?"))).status, 400);
  assert.equal((await get("/rtc/v1/validate?access_token=nonsense")).status, 401);
});

test("T3: a browser may read every answer of validate", async () => {
  for (const url of ["/rtc/v1/validate", "/rtc/validate?access_token=x", "/rtc/v1/validate?join_request=x", path(await token("ann", "t3")).replace("/rtc/v1?", "/rtc/v1/validate?")]) {
    assert.equal((await get(url, { Origin: "https://app.example" })).headers.get("access-control-allow-origin"), "*", url);
  }
});

test("T4: the first message follows the upgrade at once", async () => {
  const s = await join("ann", "t4", { publisherOffer: offer(JOINS[0]) });
  await s.told("join");
  assert.ok(s.first - s.upgraded < 1000, `${s.first - s.upgraded} ms`);
});

test("T5: a request line with a whole description in it", async () => {
  const url = path(await token("ann", "t5"), { publisherOffer: offer("chromium_single_join") });
  assert.ok(url.length > 16 * 1024, `${url.length} bytes`);
  await (await connect(url)).told("answer");
});

test("T7, T30: candidates stand in the description; none is trickled that could not be read", async () => {
  const single = await join("ann", "t7", { publisherOffer: offer("rtc_node_single_join") }), dual = await joinDual("bob", "t7");
  for (const description of [await single.told("answer"), await dual.told("offer")]) {
    assert.match(description.sdp, /\r\na=candidate:\S+ 1 udp \d+ \S+ \d+ typ host/);
  }
  await sleep(300);
  for (const t of [...single.all("trickle"), ...dual.all("trickle")]) {
    const c = JSON.parse(t.candidateInit);
    assert.ok(c.candidate && typeof c.sdpMid === "string" && typeof c.sdpMLineIndex === "number");
  }
});

test("T8: pings have an interval and a timeout, and both kinds are answered", async () => {
  const s = await join("ann", "t8"), { pingInterval, pingTimeout } = await s.told("join");
  assert.ok(pingInterval > 0 && pingTimeout > pingInterval);
  s.send("ping", 12345n);
  s.send("pingReq", { timestamp: 67890n, rtt: 5n });
  assert.ok((await s.told("pong")) > 1_600_000_000_000n);
  assert.equal((await s.told("pongResp")).lastPingTimestamp, 67890n);
});

test("T10, T13, T15: what a join says that clients cannot do without", async () => {
  for (const s of [await join("ann", "t10"), await joinDual("bob", "t10")]) {
    const j = await s.told("join");
    assert.equal(j.fastPublish, true);
    assert.equal(j.room.name, "t10");
    assert.match(j.serverInfo.version, /^\d+\.\d+\.\d+$/);
    assert.ok(j.participant.permission.canPublish && j.participant.permission.canSubscribe && j.participant.permission.canPublishData);
    assert.deepEqual(j.participant.permission.canPublishSources, []);
  }
});

test("T12: identifiers begin as clients expect them to", async () => {
  const s = await join("ann", "t12"), j = await s.told("join");
  s.send("addTrack", { cid: "mic", source: 2 });
  assert.match(j.room.sid, /^RM_/);
  assert.match(j.participant.sid, /^PA_/);
  assert.match((await s.told("trackPublished")).track.sid, /^TR_/);
  s.send("publishDataTrackRequest", { pubHandle: 1, name: "positions" });
  assert.match((await s.told("publishDataTrackResponse")).info.sid, /^DTR_/);
});

test("T14: who says nothing of auto_subscribe gets everything by /rtc, and nothing by /rtc/v1", async () => {
  const v0 = await connect(`/rtc?access_token=${await token("ann", "t14")}&protocol=17&sdk=js`);
  assert.equal((await v0.told("join")).subscriberPrimary, true);
  const v1 = await connect(path(await token("bob", "t14"), { connectionSettings: undefined }));
  assert.equal((await v1.told("join")).subscriberPrimary, false); // what comes of it: test_T14 of node
});

test("T16, T17: every offer has one answer with its id, also when nothing is new", async () => {
  const s = await join("ann", "t16", { publisherOffer: offer(JOINS[0], 1) });
  await s.told("answer");
  for (const id of [2, 3, 7, 0]) s.send("offer", offer(JOINS[0], id));
  await s.told("answer", 4);
  await sleep(300);
  assert.deepEqual(s.all("answer").map((a) => a.id), [1, 2, 3, 7, 0]);
});

test("T18: an answer has the offer's sections, in its order, with a payload type each", async () => {
  for (const [i, name] of [...JOINS, "rtc_node_publisher_placeholders", "chromium_publisher_simulcast"].entries()) {
    const s = await join(`p${i}`, "t18", { publisherOffer: offer(name) });
    const asked = sections(sdp(name)), said = sections((await s.told("answer")).sdp);
    assert.deepEqual(said.map(mid), asked.map(mid), name);
    for (const [n, section] of said.entries()) {
      const [kind, , protocol, ...formats] = section.split("\r\n")[0].split(" ");
      const [askedKind, , askedProtocol, ...askedFormats] = asked[n].split("\r\n")[0].split(" ");
      assert.deepEqual([kind, protocol], [askedKind, askedProtocol]);
      assert.ok(formats.length > 0 && formats.every((f) => askedFormats.includes(f)), section);
    }
  }
});

test("T19: names of sections are any text", async () => {
  let n = 0;
  const text = sdp("rtc_node_single_join").replace(/a=mid:.*\r\n/g, () => `a=mid:x${41 + 3 * n++}~\r\n`)
    .replace(/a=group:BUNDLE.*\r\n/, () => `a=group:BUNDLE${Array.from({ length: sections(sdp("rtc_node_single_join")).length }, (_, i) => ` x${41 + 3 * i}~`).join("")}\r\n`);
  const s = await join("ann", "t19", { publisherOffer: { type: "offer", sdp: text, id: 0 } });
  assert.deepEqual(sections((await s.told("answer")).sdp).map(mid), sections(text).map(mid));
});

test("T21: resends have a stream of their own only where the client offers one", async () => {
  for (const [name, rtx] of [["rtc_node_publisher", false], ["chromium_publisher_simulcast", true]]) {
    const s = await join(name, "t21", { publisherOffer: offer(name), addTrackRequests: [{ cid: "cam", type: 1, source: 1, width: 1280, height: 720 }] });
    assert.equal(/ rtx\/90000/.test((await s.told("answer")).sdp), rtx, name);
  }
});

test("T23: stereo in every section says nothing about what is published", async () => {
  const text = sdp("chromium_single_publish").replaceAll("useinbandfec=1", "useinbandfec=1;stereo=1");
  assert.match(text, /stereo=1/);
  const s = await join("ann", "t23", { addTrackRequests: [{ cid: "mic", source: 2 }], publisherOffer: { type: "offer", sdp: text, id: 1 } });
  const published = await s.told("trackPublished");
  assert.equal(published.track.stereo, false);
  assert.ok(!published.track.audioFeatures.includes(0), "TF_STEREO");
  for (const section of sections((await s.told("answer")).sdp)) {
    if (/\r\na=recvonly/.test(section)) assert.doesNotMatch(section, /[; ]stereo=1/);
  }
});

test("T25: without subscriptions, too, the server offers a connection with data", async () => {
  const description = await (await joinDual("ann", "t25")).told("offer");
  assert.match(description.sdp, /m=application 9 UDP\/DTLS\/SCTP webrtc-datachannel/);
});

test("T27: fingerprint and role stay; credentials change with a restart alone", async () => {
  const of = (text, name) => text.match(new RegExp(`\r\na=${name}:(.*?)\r\n`))[1];
  const s = await join("ann", "t27", { publisherOffer: offer(JOINS[2]) });
  const restart = sdp(JOINS[2]).replace(/a=ice-ufrag:.*/g, "a=ice-ufrag:newu").replace(/a=ice-pwd:.*/g, "a=ice-pwd:anewpasswordthatislongenough");
  await s.told("answer");
  s.send("offer", offer(JOINS[2], 2));
  s.send("offer", { type: "offer", sdp: restart, id: 3 });
  await s.told("answer", 2);
  const [first, same, restarted] = s.all("answer").map((a) => a.sdp);
  for (const name of ["fingerprint", "setup"]) assert.ok(of(first, name) === of(same, name) && of(first, name) === of(restarted, name), name);
  for (const name of ["ice-ufrag", "ice-pwd"]) assert.ok(of(first, name) === of(same, name) && of(first, name) !== of(restarted, name), name);
});

test("T31, T36: one's own metadata: answered, echoed, and the version rises", async () => {
  const s = await join("ann", "t31", {}, { canUpdateOwnMetadata: true });
  let version = (await s.told("join")).participant.version;
  for (const requestId of [1, 2, 3]) {
    s.send("updateMetadata", { requestId, metadata: `m${requestId}`, name: "", attributes: {} });
    const answer = await until("it is answered", () => s.all("requestResponse").find((r) => r.requestId === requestId));
    assert.equal(answer.reason, RequestResponse_Reason.OK);
    const update = await until("it is echoed", () => s.all("update").flatMap((u) => u.participants).find((p) => p.metadata === `m${requestId}`));
    assert.ok(update.version > version);
    version = update.version;
  }
});

test("T32, T33: who is not there, or believes in tracks that are not, begins anew", async () => {
  const stranger = await join("ann", "t32", { reconnect: true, participantSid: "PA_nobodyatall1" });
  assert.equal((await stranger.told("leave")).action, LeaveRequest_Action.RECONNECT);
  const s = await join("bob", "t32");
  await s.told("join");
  s.send("syncState", { publishTracks: [{ cid: "x", track: { sid: "TR_AMnobodyknows" } }] });
  assert.equal((await s.told("leave")).action, LeaveRequest_Action.RECONNECT);
});

test("T42, T43: a token comes early; a session that ends on purpose is told so before its WebSocket closes", async () => {
  const s = await join("ann", "t42");
  const fresh = JSON.parse(Buffer.from((await s.told("refreshToken")).split(".")[1], "base64url"));
  assert.ok(fresh.exp - Date.now() / 1000 >= 590);
  await fetch(`${stoa.url}/twirp/livekit.RoomService/DeleteRoom`, { method: "POST", body: JSON.stringify({ room: "t42" }),
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${await token("x", "t42", { roomCreate: true })}` } });
  assert.equal((await s.told("leave")).reason, DisconnectReason.ROOM_DELETED);
  await until("it is closed", () => s.closed);
});

test("T44: of two with one identity the first is told, and the second does not see it", async () => {
  const first = await join("ann", "t44"), old = (await first.told("join")).participant.sid;
  const second = await join("ann", "t44"), joined = await second.told("join");
  const leave = await first.told("leave");
  assert.deepEqual([leave.reason, leave.action], [DisconnectReason.DUPLICATE_IDENTITY, LeaveRequest_Action.DISCONNECT]);
  assert.notEqual(joined.participant.sid, old);
  assert.deepEqual(joined.otherParticipants, []);
});

test("T48: text is answered by text, bytes by bytes", async () => {
  const s = await join("ann", "t48");
  await s.told("refreshToken");
  assert.deepEqual([...new Set(s.frames)], ["binary"]);
  s.sendText("pingReq", { timestamp: 1n, rtt: 0n });
  await s.told("pongResp");
  assert.equal(s.frames.at(-1), "text");
  s.send("pingReq", { timestamp: 2n, rtt: 0n });
  await s.told("pongResp", 1);
  assert.equal(s.frames.at(-1), "binary");
});

test("T50: who is hidden is in no list, no update and no count", async () => {
  const ann = await join("ann", "t50");
  await ann.told("join");
  const ghost = await join("ghost", "t50", {}, { hidden: true });
  assert.deepEqual((await ghost.told("join")).otherParticipants.map((p) => p.identity), ["ann"]);
  const bob = await join("bob", "t50"), joined = await bob.told("join");
  await ann.told("update");
  assert.deepEqual(joined.otherParticipants.map((p) => p.identity), ["ann"]);
  assert.ok(ann.all("update").flatMap((u) => u.participants).every((p) => p.identity !== "ghost"));
});
