// Each video codec that this Chromium can encode, from one page to another, in both modes.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { joinCall, receives, sees, sent } from "./call.mjs";
import { Stoa } from "./server.mjs";

const LIMIT = { timeout: 60_000 };
let stoa, browser;

before(async () => {
  stoa = await Stoa.start();
  browser = await Browser.start("--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream=fps=15");
});
after(async () => {
  await browser?.stop();
  await stoa?.stop();
});

const able = (page, codec) => page.evaluate((c) =>
  RTCRtpSender.getCapabilities("video").codecs.some((x) => x.mimeType.toLowerCase() === `video/${c}`), codec);
const publish = (page, videoCodec, options = {}) => page.evaluate(([videoCodec, options]) =>
  room.localParticipant.setCameraEnabled(true, { resolution: { width: 640, height: 360, frameRate: 15 } },
    { videoCodec, backupCodec: false, degradationPreference: "maintain-resolution", ...options }), [videoCodec, options]);
const unpublish = (page) => page.evaluate(() => room.localParticipant.unpublishTrack(publication("ann", "camera").track));

// From now on its browser takes no such codec.
const lacks = (page, kind, codec) => page.evaluate(([kind, codec]) => {
  const without = (sdp) => sdp.split(/(?=^m=)/m).map((section) => {
    if (!section.startsWith(`m=${kind}`)) return section;
    const types = [...section.matchAll(new RegExp(`^a=rtpmap:(\\d+) ${codec}/`, "gm"))].map((m) => m[1]);
    const repairs = [...section.matchAll(/^a=fmtp:(\d+) apt=(\d+)/gm)].filter((m) => types.includes(m[2])).map((m) => m[1]);
    const gone = [...types, ...repairs];
    if (section.match(/^m=.*/)[0].split(" ").slice(3).every((type) => gone.includes(type.trim()))) {
      return section.replace(/^m=(\w+) \d+/, "m=$1 0").replace("a=recvonly", "a=inactive"); // refused
    }
    return section.split("\r\n").filter((line) => !gone.includes(line.match(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/)?.[1])).map((line) =>
      line.startsWith("m=") ? line.split(" ").filter((word, i) => i < 3 || !gone.includes(word)).join(" ") : line).join("\r\n");
  }).join("");
  for (const make of ["createOffer", "createAnswer"]) {
    const made = RTCPeerConnection.prototype[make];
    RTCPeerConnection.prototype[make] = async function (...args) {
      const { type, sdp } = await made.apply(this, args);
      return { type, sdp: without(sdp) };
    };
  }
}, [kind, codec]);

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    let ann, bob;
    before(async () => {
      [ann, bob] = [await browser.page(), await browser.page()];
      for (const [page, identity] of [[ann, "ann"], [bob, "bob"]]) {
        await joinCall(page, stoa.wsUrl, identity, single ? "codecs-single" : "codecs-dual", { singlePeerConnection: single });
      }
    });
    after(async () => {
      await ann?.close();
      await bob?.close();
    });

    for (const codec of ["vp8", "h264", "vp9", "av1"]) {
      test(`${codec}, published and published again`, LIMIT, async (t) => {
        if (!(await able(ann, codec))) return t.skip(`this Chromium does not encode ${codec}`);
        for (let i = 0; i < 2; i++) {
          await publish(ann, codec);
          assert.equal((await sees(bob, "ann")).codec, `video/${codec}`);
          await bob.evaluate(() => publication("ann", "camera").setVideoQuality(0));
          await sees(bob, "ann");
          await bob.evaluate(() => publication("ann", "camera").setVideoQuality(2));
          await sees(bob, "ann");
          await ann.evaluate(() => room.localParticipant.setCameraEnabled(false));
          await ann.evaluate(() => room.localParticipant.setCameraEnabled(true));
          await sees(bob, "ann");
          await unpublish(ann);
          await bob.waitForFunction(() => !publication("ann", "camera"));
        }
        assert.deepEqual([...ann.errors, ...bob.errors], []);
      });
    }

    // Nobody tells the publisher to send less: the server leaves layers of the one stream out.
    for (const codec of ["vp9", "av1"]) {
      test(`${codec} with layers in one stream: each gets those that it wants`, LIMIT, async (t) => {
        if (!(await able(ann, codec))) return t.skip(`this Chromium does not encode ${codec}`);
        await publish(ann, codec, { scalabilityMode: "L3T3_KEY" });
        for (const [quality, small] of [[2, false], [0, true], [2, false]]) {
          await bob.evaluate((q) => publication("ann", "camera").setVideoQuality(q), quality);
          await receives(bob, "ann", "camera", `quality ${quality}`, (r) => r.width > 0 && (r.width < 640) === small);
          await sees(bob, "ann");
        }
        assert.deepEqual((await sent(ann, "camera")).map((s) => /^L[23]T3/.test(s.mode)), [true]);
        await unpublish(ann);
        await bob.waitForFunction(() => !publication("ann", "camera"));
      });
    }

    test("a codec with another one for those who lack it", LIMIT, async (t) => {
      if (!(await able(ann, "vp9"))) return t.skip("this Chromium does not encode vp9");
      const cid = await browser.page();
      await lacks(cid, "video", "VP9");
      await joinCall(cid, stoa.wsUrl, "cid", single ? "codecs-single" : "codecs-dual", { singlePeerConnection: single });
      await publish(ann, "vp9", { backupCodec: { codec: "vp8" } });
      assert.equal((await sees(bob, "ann")).codec, "video/vp9");
      assert.equal((await sees(cid, "ann")).codec, "video/vp8");
      assert.equal((await sees(bob, "ann")).codec, "video/vp9");
      await ann.evaluate(() => room.localParticipant.setCameraEnabled(false));
      await ann.evaluate(() => room.localParticipant.setCameraEnabled(true));
      await Promise.all([sees(bob, "ann"), sees(cid, "ann")]);
      await cid.close();
      await unpublish(ann);
      await bob.waitForFunction(() => !publication("ann", "camera"));
    });

    // Cid's browser takes no redundancy.
    test("stereo, without DTX, and with redundancy", LIMIT, async () => {
      const cid = await browser.page();
      await lacks(cid, "audio", "red");
      await joinCall(cid, stoa.wsUrl, "cid", single ? "codecs-single" : "codecs-dual", { singlePeerConnection: single });
      for (const options of [{ forceStereo: true, dtx: false, red: false }, { red: true, dtx: true }]) {
        await ann.evaluate((o) => room.localParticipant.setMicrophoneEnabled(true, { channelCount: 2 }, o), options);
        const first = await receives(bob, "ann", "microphone", "it arrives", (r) => r.energy > 0);
        const second = await receives(cid, "ann", "microphone", "it arrives", (r) => r.energy > 0);
        const most = await receives(bob, "ann", "microphone", "it sounds on", (r) => r.energy > first.energy && r.packets > first.packets + 100);
        const least = await receives(cid, "ann", "microphone", "it sounds on", (r) => r.energy > second.energy && r.packets > second.packets + 50);
        const twice = most.bytes / most.packets > 1.4 * (least.bytes / least.packets);
        assert.equal(twice, options.red, `bytes of packets: ${most.bytes / most.packets} and ${least.bytes / least.packets}`);
        await ann.evaluate(() => room.localParticipant.unpublishTrack(publication("ann", "microphone").track));
        await bob.waitForFunction(() => !publication("ann", "microphone"));
      }
      await cid.close();
    });
  });
}
