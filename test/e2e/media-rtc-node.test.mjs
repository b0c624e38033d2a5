// A call between two @livekit/rtc-node clients: the tone that goes in comes out, and the picture.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import {
  AudioFrame, AudioSource, AudioStream, LocalAudioTrack, LocalVideoTrack, Room, RoomEvent, TrackKind,
  TrackPublishOptions, TrackSource, VideoBufferType, VideoFrame, VideoSource, VideoStream, dispose,
} from "@livekit/rtc-node";
import { AccessToken } from "livekit-server-sdk";
import { Stoa, until } from "./server.mjs";
import { NoSinglePeerProxy } from "./proxy.mjs";

const RATE = 48000, WIDTH = 320, HEIGHT = 180;
let stoa, proxy, tcpOnly;

before(async () => {
  stoa = await Stoa.start();
  proxy = await NoSinglePeerProxy.start(stoa.port);
  tcpOnly = await Stoa.start("--rtc.force_tcp");
});
after(async () => {
  await dispose();
  await proxy?.stop();
  await stoa?.stop();
  await tcpOnly?.stop();
});

async function join(url, identity, room) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room });
  const r = new Room();
  r.tracks = [];
  r.on(RoomEvent.TrackSubscribed, (track, publication, participant) =>
    r.tracks.push({ track, publication, from: participant.identity }));
  r.on(RoomEvent.TrackUnsubscribed, (track) => (r.tracks = r.tracks.filter((t) => t.track !== track)));
  await r.connect(url, await at.toJwt(), { autoSubscribe: true, dynacast: true });
  return r;
}

// A tone of so many hertz, until stopped.
function tone(source, hertz) {
  let phase = 0, stopped = false;
  const done = (async () => {
    while (!stopped) {
      const data = new Int16Array(RATE / 100);
      for (let i = 0; i < data.length; i++, phase++) data[i] = Math.round(12000 * Math.sin((2 * Math.PI * hertz * phase) / RATE));
      await source.captureFrame(new AudioFrame(data, RATE, 1, data.length));
    }
  })();
  return async () => {
    stopped = true;
    await done;
  };
}

// How strong a frequency is in the samples (Goertzel), over all of their energy: 0 to about 1.
function share(samples, hertz) {
  let a = 0, b = 0, energy = 0;
  const k = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  for (const s of samples) {
    [a, b] = [s + k * a - b, a];
    energy += s * s;
  }
  return energy === 0 ? 0 : (2 * (a * a + b * b - k * a * b)) / (samples.length * energy);
}

// Half a second of what a track plays, after a moment.
async function listen(track) {
  const stream = new AudioStream(track, RATE, 1);
  const samples = [];
  let skipped = 0;
  for await (const frame of stream) {
    skipped += frame.samplesPerChannel;
    if (skipped > RATE / 2) samples.push(...frame.data);
    if (samples.length >= RATE / 2) break;
  }
  stream.close?.();
  return samples;
}

function paint(source, [r, g, b]) {
  const data = new Uint8Array(WIDTH * HEIGHT * 4);
  for (let i = 0; i < data.length; i += 4) data.set([r, g, b, 255], i);
  const timer = setInterval(() => source.captureFrame(new VideoFrame(data, WIDTH, HEIGHT, VideoBufferType.RGBA)), 33);
  return () => clearInterval(timer);
}

// The colour in the middle of a picture that has settled.
async function look(track) {
  const stream = new VideoStream(track);
  let seen = 0;
  for await (const { frame } of stream) {
    if (++seen < 20) continue;
    const rgba = frame.convert(VideoBufferType.RGBA);
    const at = (Math.floor(rgba.height / 2) * rgba.width + Math.floor(rgba.width / 2)) * 4;
    stream.close?.();
    return [...rgba.data.slice(at, at + 3)];
  }
}

const near = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 40);

for (const [path, url] of [
  ["/rtc/v1", () => stoa.wsUrl],
  ["/rtc", () => proxy.wsUrl],
  ["/rtc/v1 over TCP alone", () => tcpOnly.wsUrl],
]) {
  describe(`by ${path}`, () => {
    const name = `media${path.replaceAll(/[/ ]/g, "-")}`;
    let ann, bob, stopTone, stopPaint;
    before(async () => {
      ann = await join(url(), "ann", name);
      bob = await join(url(), "bob", name);
    });
    after(async () => {
      await stopTone?.();
      stopPaint?.();
      for (const r of [ann, bob]) await r?.disconnect();
    });

    test("a tone goes in, the same tone comes out", { timeout: 60_000 }, async () => {
      const source = new AudioSource(RATE, 1);
      const options = new TrackPublishOptions();
      options.source = TrackSource.SOURCE_MICROPHONE;
      await ann.localParticipant.publishTrack(LocalAudioTrack.createAudioTrack("mic", source), options);
      stopTone = tone(source, 440);
      await until("bob has the track", () => bob.tracks.find((t) => t.track.kind === TrackKind.KIND_AUDIO), 15_000);
      const heard = await listen(bob.tracks.find((t) => t.track.kind === TrackKind.KIND_AUDIO).track);
      assert.ok(share(heard, 440) > 0.8, `440 Hz has a share of ${share(heard, 440)}`);
      assert.ok(share(heard, 600) < 0.05);
    });

    test("a picture goes in, the same picture comes out", { timeout: 60_000 }, async () => {
      const source = new VideoSource(WIDTH, HEIGHT);
      const options = new TrackPublishOptions();
      options.source = TrackSource.SOURCE_CAMERA;
      await ann.localParticipant.publishTrack(LocalVideoTrack.createVideoTrack("cam", source), options);
      stopPaint = paint(source, [200, 30, 60]);
      await until("bob has the track", () => bob.tracks.find((t) => t.track.kind === TrackKind.KIND_VIDEO), 15_000);
      const seen = await look(bob.tracks.find((t) => t.track.kind === TrackKind.KIND_VIDEO).track);
      assert.ok(near(seen, [200, 30, 60]), `the middle is ${seen}`);
    });

    if (path.includes("TCP")) {
      test("it went over TCP", async () => {
        assert.ok((await tcpOnly.metric("stoa_ice_tcp_links")) >= 2);
      });
    }
  });
}
