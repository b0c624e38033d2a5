// What official clients see of published tracks and subscriptions, by both signalling paths.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import {
  Room, RoomEvent, AudioSource, VideoSource, LocalAudioTrack, LocalVideoTrack, TrackPublishOptions, TrackSource, dispose,
} from "@livekit/rtc-node";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
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

async function join(url, identity, roomName, options = {}) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room: roomName });
  const room = new Room();
  room.events = [];
  const note = (name) => (track, publication) => room.events.push(`${name}:${(publication ?? track).sid}`);
  room.on(RoomEvent.TrackPublished, (publication) => room.events.push(`published:${publication.sid}`));
  room.on(RoomEvent.TrackUnpublished, (publication) => room.events.push(`unpublished:${publication.sid}`));
  room.on(RoomEvent.TrackSubscribed, note("subscribed"));
  room.on(RoomEvent.TrackUnsubscribed, note("unsubscribed"));
  room.on(RoomEvent.TrackMuted, (publication) => room.events.push(`muted:${publication.sid}`));
  room.on(RoomEvent.TrackUnmuted, (publication) => room.events.push(`unmuted:${publication.sid}`));
  room.on(RoomEvent.LocalTrackSubscribed, (track) => room.events.push(`taken:${track.sid}`));
  room.on(RoomEvent.Disconnected, (reason) => (room.disconnectReason = reason));
  await room.connect(url, await at.toJwt(), { autoSubscribe: true, dynacast: false, ...options });
  return room;
}

const happened = (room, event) => until(`${event} (${room.events})`, () => room.events.includes(event));

function microphone() {
  const source = new AudioSource(48000, 1);
  const track = LocalAudioTrack.createAudioTrack("mic", source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
  return { source, track, options };
}

function camera() {
  const source = new VideoSource(640, 360);
  const track = LocalVideoTrack.createVideoTrack("cam", source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_CAMERA, simulcast: true });
  return { source, track, options };
}

for (const [path, url] of [["/rtc/v1", () => stoa.wsUrl], ["/rtc", () => proxy.wsUrl]]) {
  describe(`by ${path}`, () => {
    const name = `tracks${path.replaceAll("/", "-")}`;
    let ann, bob, cid, mic, cam;
    before(async () => {
      ann = await join(url(), "ann", name);
      bob = await join(url(), "bob", name);
      cid = await join(url(), "cid", name, { autoSubscribe: false });
    });
    after(async () => {
      for (const r of [ann, bob, cid]) await r?.disconnect();
    });

    test("a microphone is published and subscribed to", async () => {
      const m = microphone();
      mic = await ann.localParticipant.publishTrack(m.track, m.options);
      assert.match(mic.sid, /^TR_AM/);
      await happened(bob, `published:${mic.sid}`);
      await happened(bob, `subscribed:${mic.sid}`);
      await happened(cid, `published:${mic.sid}`);
      await happened(ann, `taken:${mic.sid}`);
      assert.ok(!cid.events.includes(`subscribed:${mic.sid}`));
      const [track] = (await api.getParticipant(name, "ann")).tracks;
      assert.deepEqual([track.sid, track.mimeType, track.muted], [mic.sid, "audio/red", false]);
    });

    test("a camera beside it", async () => {
      const c = camera();
      cam = await ann.localParticipant.publishTrack(c.track, c.options);
      assert.match(cam.sid, /^TR_VC/);
      await happened(bob, `subscribed:${cam.sid}`);
      assert.equal((await api.getParticipant(name, "ann")).tracks.length, 2);
      const rooms = await api.listRooms([name]);
      assert.equal(rooms[0].numParticipants, 3);
    });

    test("the third subscribes by choice, and lets go", async () => {
      const publication = cid.remoteParticipants.get("ann").trackPublications.get(mic.sid);
      publication.setSubscribed(true);
      await happened(cid, `subscribed:${mic.sid}`);
      publication.setSubscribed(false);
      await happened(cid, `unsubscribed:${mic.sid}`);
      // The client says so to itself first, and to the server by and by: what the API asks for next
      // must not come before that.
      await until("the server has heard it", async () =>
        (await stoa.metric("livekit_track_subscribed_total", 'kind="AUDIO"')) === 1);
    });

    test("muted by the API", async () => {
      const muted = await api.mutePublishedTrack(name, "ann", cam.sid, true);
      assert.equal(muted.sid, cam.sid);
      await happened(bob, `muted:${cam.sid}`);
      await assert.rejects(api.mutePublishedTrack(name, "ann", cam.sid, false), /remote unmute not enabled/);
    });

    test("subscriptions by the API", async () => {
      await api.updateSubscriptions(name, "cid", [mic.sid, "TR_unknown"], true);
      await until("it comes again", () => cid.events.filter((e) => e === `subscribed:${mic.sid}`).length === 2);
    });

    test("who comes later gets what is there", async () => {
      const dora = await join(url(), "dora", name);
      await happened(dora, `subscribed:${mic.sid}`);
      await happened(dora, `subscribed:${cam.sid}`);
      await dora.disconnect();
    });

    test("unpublished, by the client and by a revoked permission", async () => {
      await ann.localParticipant.unpublishTrack(mic.sid);
      await happened(bob, `unpublished:${mic.sid}`);
      await api.updateParticipant(name, "ann", { permission: { canPublish: false, canSubscribe: true, canPublishData: true } });
      await happened(bob, `unpublished:${cam.sid}`);
      await until("no track is left", async () => (await api.getParticipant(name, "ann")).tracks.length === 0);
      assert.equal(ann.disconnectReason, undefined);
    });
  });
}

test("many tracks of many", async () => {
  const rooms = [];
  for (let i = 0; i < 6; i++) rooms.push(await join(stoa.wsUrl, `p${i}`, "many"));
  const sids = [];
  for (const room of rooms) {
    const m = microphone(), c = camera();
    sids.push((await room.localParticipant.publishTrack(m.track, m.options)).sid);
    sids.push((await room.localParticipant.publishTrack(c.track, c.options)).sid);
  }
  for (const [i, room] of rooms.entries()) {
    for (const [j, sid] of sids.entries()) {
      if (j >> 1 !== i) await happened(room, `subscribed:${sid}`);
    }
  }
  for (const room of rooms) await room.disconnect();
});
