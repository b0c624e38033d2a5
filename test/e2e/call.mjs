// What a page does in a call, and what a test may ask it: what it receives, plays and sends.
import { AccessToken } from "livekit-server-sdk";
import { until } from "./server.mjs";

export async function token(identity, room, grant = {}) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room, ...grant });
  return at.toJwt();
}

// Runs in the page: everything here is told to it as text.
async function enter([url, token, options]) {
  const { Room, RoomEvent, ExternalE2EEKeyProvider } = window.LivekitClient;
  const { secret, ...plain } = options; // with a secret, all that is sent is encrypted from client to client
  if (secret) {
    plain.encryption = { keyProvider: new ExternalE2EEKeyProvider(), worker: new Worker("/e2ee-worker.js") };
    await plain.encryption.keyProvider.setKey(secret);
  }
  const room = new Room(plain);
  if (secret) await room.setE2EEEnabled(true);
  const events = [], qualities = [], speakers = new Set(), texts = [];
  const elements = new Map(); // by track sid
  Object.assign(window, { room, events, qualities, speakers, texts, elements, reason: undefined });
  const of = (p, pub) => [p.identity, pub.source];
  room.on(RoomEvent.TrackSubscribed, (track, pub, p) => {
    const element = track.attach();
    Object.assign(element.style, { width: "1280px", height: "720px", position: "absolute", left: 0, top: 0 });
    document.body.append(element);
    elements.set(pub.trackSid, element);
    events.push(["subscribed", ...of(p, pub)]);
  });
  room.on(RoomEvent.TrackUnsubscribed, (track, pub, p) => {
    track.detach().forEach((e) => e.remove());
    elements.delete(pub.trackSid);
    events.push(["unsubscribed", ...of(p, pub)]);
  });
  room.on(RoomEvent.TrackMuted, (pub, p) => events.push(["muted", ...of(p, pub)]));
  room.on(RoomEvent.TrackUnmuted, (pub, p) => events.push(["unmuted", ...of(p, pub)]));
  room.on(RoomEvent.LocalTrackUnpublished, (pub, p) => events.push(["gone", ...of(p, pub)]));
  room.on(RoomEvent.ParticipantConnected, (p) => events.push(["joined", p.identity]));
  room.on(RoomEvent.ParticipantDisconnected, (p) => events.push(["left", p.identity]));
  room.on(RoomEvent.EncryptionError, () => events.push(["undecipherable"]));
  room.on(RoomEvent.Reconnecting, () => events.push(["reconnecting"]));
  room.on(RoomEvent.SignalReconnecting, () => events.push(["reconnecting"]));
  room.on(RoomEvent.ActiveSpeakersChanged, (list) => list.forEach((p) => speakers.add(p.identity)));
  room.on(RoomEvent.ConnectionQualityChanged, (q, p) => qualities.push([p.identity, q]));
  room.on(RoomEvent.DataReceived, (data, p) => texts.push([new TextDecoder().decode(data), p?.identity]));
  room.on(RoomEvent.Disconnected, (reason) => (window.reason = reason));

  window.publication = (identity, source) => {
    const p = identity === room.localParticipant.identity ? room.localParticipant : room.remoteParticipants.get(identity);
    return p?.getTrackPublication(source);
  };
  window.received = async (identity, source) => {
    const pub = window.publication(identity, source);
    const element = elements.get(pub?.trackSid);
    if (!pub?.track?.receiver || !element) return null;
    const stats = await pub.track.receiver.getStats();
    const all = [...stats.values()];
    const r = all.find((s) => s.type === "inbound-rtp");
    if (!r) return null;
    const report = all.find((s) => s.type === "remote-outbound-rtp");
    return {
      sid: pub.trackSid, time: element.currentTime, shown: element.videoWidth ?? 0, paused: element.paused,
      frames: r.framesDecoded ?? 0, width: r.frameWidth ?? 0, height: r.frameHeight ?? 0, bytes: r.bytesReceived,
      energy: r.totalAudioEnergy ?? 0, freezes: r.freezeCount ?? 0, frozen: r.totalFreezesDuration ?? 0,
      keyFrames: r.keyFramesDecoded ?? 0, plis: r.pliCount ?? 0, lost: r.packetsLost, packets: r.packetsReceived,
      concealed: r.concealedSamples ?? 0, samples: r.totalSamplesReceived ?? 0,
      codec: stats.get(r.codecId)?.mimeType?.toLowerCase(),
      muted: pub.isMuted, reports: report?.reportsSent ?? 0,
      ahead: report ? report.remoteTimestamp - report.timestamp : null, // the sender's clock, by its last report
    };
  };
  window.sent = async (source) => {
    const stats = await window.publication(room.localParticipant.identity, source).track.sender.getStats();
    return [...stats.values()].filter((s) => s.type === "outbound-rtp").map((s) => ({
      rid: s.rid ?? "", active: s.active, frames: s.framesEncoded ?? 0, packets: s.packetsSent, width: s.frameWidth ?? 0,
      codec: stats.get(s.codecId)?.mimeType?.toLowerCase(), mode: s.scalabilityMode, limit: s.qualityLimitationReason,
      target: s.targetBitrate, plis: s.pliCount, nacks: s.nackCount,
    }));
  };
  await room.connect(url, token);
  return room.localParticipant.sid;
}

export async function joinCall(page, url, identity, room, options = {}, grant = {}) {
  page.identity = identity;
  return page.evaluate(enter, [url, await token(identity, room, grant), options]);
}

export const received = (page, from, source) => page.evaluate(([f, s]) => window.received?.(f, s), [from, source]);
export const sent = (page, source) => page.evaluate((s) => window.sent(s), source);

// Waits until `check` says yes to what arrives; what was last seen is told when it never does.
export async function receives(page, from, source, what, check, ms = 15_000) {
  let last;
  try {
    return await until(what, async () => ((last = await received(page, from, source)) && check(last) ? last : null), ms);
  } catch (e) {
    throw new Error(`${page.identity}: ${source} of ${from}: ${e.message}; last: ${JSON.stringify(last)}`);
  }
}

// From now on: pictures are decoded, and the element plays them.
export async function sees(page, from, source = "camera", ms = 15_000) {
  const first = await receives(page, from, source, "it arrives", () => true, ms);
  return receives(page, from, source, "it plays", (r) =>
    r.sid !== first.sid || (r.frames >= first.frames + 5 && r.time > first.time && r.shown > 0), ms);
}

// From now on: sound is heard; the beeps of the fake device come twice a second or so.
export async function hears(page, from, source = "microphone", ms = 15_000) {
  const first = await receives(page, from, source, "it arrives", () => true, ms);
  return receives(page, from, source, "it sounds", (r) =>
    r.sid !== first.sid || (r.energy > first.energy && r.time > first.time), ms);
}

// Nothing of it arrives any more: over a second its count of bytes is the same.
export async function still(page, from, source, ms = 15_000) {
  let last = -1, since = 0;
  return receives(page, from, source, "it stops", (r) => {
    if (r.bytes !== last) [last, since] = [r.bytes, Date.now()];
    return Date.now() - since > 1000;
  }, ms);
}

export const happens = (page, ...event) =>
  page.waitForFunction((e) => window.events?.some((x) => JSON.stringify(x) === e), JSON.stringify(event), { timeout: 15_000 })
    .catch(async (e) => {
      throw new Error(`${page.identity}: no ${event}: ${e.message}; but: ${JSON.stringify(await page.evaluate(() => window.events))}`);
    });
export const forget = (page) => page.evaluate(() => { window.events.length = 0; });
