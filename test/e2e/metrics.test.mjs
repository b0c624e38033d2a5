// The reference's names in the metrics: what a call does to them, and that it leaves them as it found them.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { AccessToken } from "livekit-server-sdk";
import { dispose, Room } from "@livekit/rtc-node";
import { sendColour, sendTone } from "./publish.mjs";
import { Stoa, until } from "./server.mjs";

let stoa, stops = [];
before(async () => (stoa = await Stoa.start()));
after(async () => {
  for (const stop of stops) await stop(); // or a test that failed would never end
  await dispose();
  await stoa?.stop();
});

async function enter(identity) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room: "counted" });
  const room = new Room();
  await room.connect(stoa.wsUrl, await at.toJwt());
  return room;
}

// As a dashboard names them, without the labels that all have.
async function metrics() {
  const tidy = (name) => name.replace(/,?\}$/, "}").replace("{}", "");
  return new Map([...(await stoa.metrics())].map(([name, value]) => [tidy(name), value]));
}
const becomes = (what, value) => until(`${what} is ${value}`, async () => (await metrics()).get(what) === value);
const gauges = (kind) => [`livekit_track_published_total{kind="${kind}"}`, `livekit_track_subscribed_total{kind="${kind}"}`];
const published = (kind, state) => `livekit_track_publish_counter{kind="${kind}",state="${state}"}`;
const subscribed = (state) => `livekit_track_subscribe_counter{state="${state}",error=""}`;

test("tracks, their copies, packets and bytes are counted under the reference's names", async () => {
  for (const name of [...gauges("AUDIO"), ...gauges("VIDEO"), "livekit_participant_total", "livekit_room_total"]) await becomes(name, 0);
  const rooms = [await enter("ann"), await enter("bob"), await enter("eve")];
  for (const send of [() => sendTone(rooms[0]), () => sendColour(rooms[0]), () => sendTone(rooms[1])]) stops.push(await send());
  await becomes("livekit_participant_total", 3);
  await becomes(gauges("AUDIO")[0], 2);
  await becomes(gauges("AUDIO")[1], 4); // each of two to two others
  await becomes(gauges("VIDEO")[0], 1);
  await becomes(gauges("VIDEO")[1], 2);
  await becomes(published("AUDIO", "attempt"), 2);
  await becomes(published("AUDIO", "success"), 2);
  await becomes(published("VIDEO", "success"), 1);
  await becomes(subscribed("attempt"), 6);
  await becomes(subscribed("success"), 6);

  const first = await metrics();
  const rises = ["packet_total", "packet_bytes"].flatMap((family) =>
    ["incoming", "outgoing"].map((direction) => `livekit_${family}{direction="${direction}",transmission="initial"}`));
  for (const name of rises) await until(`${name} rises`, async () => (await metrics()).get(name) > first.get(name) + 100);
  const now = await metrics();
  const [packetsIn, packetsOut, bytesIn, bytesOut] = rises.map((name) => now.get(name));
  assert.ok(packetsOut > packetsIn && bytesOut > bytesIn, "each goes to two");
  assert.ok(bytesIn / packetsIn > 40 && bytesIn / packetsIn < 1300, `bytes for a packet: ${bytesIn / packetsIn}`);
  assert.equal(now.get('stoa_media_packets_total{action="forwarded"}'), packetsOut, "one count, two names");
  for (const name of ["livekit_nack_total", "livekit_pli_total"]) {
    for (const direction of ["incoming", "outgoing"]) assert.ok(now.has(`${name}{direction="${direction}"}`), name);
  }
  const asked = () => stoa.metric("livekit_pli_total", 'direction="incoming"');
  const before = await asked();
  rooms.push(await enter("late")); // in the midst of a picture: only a key frame starts it
  await until("a key frame is asked for", async () => (await asked()) > before);
  for (const type of ["AUDIO", "VIDEO"]) assert.ok(now.has(`livekit_packet_loss_total{direction="outgoing",type="${type}"}`));

  for (const stop of stops.splice(0)) await stop();
  for (const room of rooms) await room.disconnect();
  for (const name of [...gauges("AUDIO"), ...gauges("VIDEO"), "livekit_participant_total"]) await becomes(name, 0);
  assert.equal((await metrics()).get(published("AUDIO", "success")), 2, "what was stays counted");
});
