// What is known to break calls of browsers, each under the number that it has in comments of the source.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { forget, happens, joinCall, receives, sees } from "./call.mjs";
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

// Runs in the page: a picture of that size that moves.
const drawing = () => {
  window.draw = (width, height) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    let hue = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${(hue += 7)} 80% 50%)`;
      context.fillRect(0, 0, width, height);
    }, 66);
    return canvas.captureStream(15).getVideoTracks()[0];
  };
};

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    const name = single ? "traps-single" : "traps-dual";
    const options = { singlePeerConnection: single };
    const publish = { simulcast: false, degradationPreference: "maintain-resolution" };
    let ann, bob;
    before(async () => {
      [ann, bob] = [await browser.page(), await browser.page()];
    });
    after(async () => {
      await ann?.close();
      await bob?.close();
    });

    test("T25: a page that is alone and silent is connected", LIMIT, async () => {
      await joinCall(ann, stoa.wsUrl, "ann", name, options);
      assert.equal(await ann.evaluate(() => room.state), "connected");
      await joinCall(bob, stoa.wsUrl, "bob", name, options);
      await ann.evaluate(drawing);
    });

    test("T46: of several tracks each arrives where it belongs", LIMIT, async () => {
      await ann.evaluate(async (publish) => {
        await room.localParticipant.setMicrophoneEnabled(true);
        await room.localParticipant.setCameraEnabled(true, { resolution: { width: 640, height: 480, frameRate: 15 } }, publish);
        await room.localParticipant.publishTrack(draw(320, 240), { source: "screen_share", ...publish });
      }, publish);
      await receives(bob, "ann", "camera", "it is the camera", (r) => r.frames > 5 && r.width === 640);
      await receives(bob, "ann", "screen_share", "it is the screen", (r) => r.frames > 5 && r.width === 320);
      await receives(bob, "ann", "microphone", "it is the microphone", (r) => r.energy > 0);
    });

    test("T39: who subscribes in the middle gets a key frame", LIMIT, async () => {
      for (let i = 0; i < 3; i++) {
        await forget(bob);
        await bob.evaluate(() => publication("ann", "camera").setSubscribed(false));
        await happens(bob, "unsubscribed", "ann", "camera");
        await bob.evaluate(() => publication("ann", "camera").setSubscribed(true));
        await receives(bob, "ann", "camera", "a key frame came", (r) => r.keyFrames > 0);
        await sees(bob, "ann");
      }
    });

    test("T41: sound and picture have one clock", LIMIT, async () => {
      const told = (r) => r.reports >= 2;
      const sound = await receives(bob, "ann", "microphone", "reports come", told);
      const picture = await receives(bob, "ann", "camera", "reports come", told);
      assert.ok(Math.abs(sound.ahead - picture.ahead) < 500, `apart by ${sound.ahead - picture.ahead} ms`);
    });

    test("T24: a track that was replaced is published again", LIMIT, async () => {
      await ann.evaluate(() => publication("ann", "camera").track.replaceTrack(draw(320, 180)));
      await receives(bob, "ann", "camera", "it is the other picture", (r) => r.height === 180);
      await forget(bob);
      await ann.evaluate(async (publish) => {
        const { track } = publication("ann", "camera");
        await room.localParticipant.unpublishTrack(track, false);
        await room.localParticipant.publishTrack(track.mediaStreamTrack, { source: "camera", ...publish });
      }, publish);
      await happens(bob, "subscribed", "ann", "camera");
      await receives(bob, "ann", "camera", "it is the same picture", (r) => r.frames > 5 && r.height === 180);
    });

    test("T22, T45: what is unpublished is gone, in messages and in descriptions", LIMIT, async () => {
      await forget(bob);
      const sid = await bob.evaluate(() => publication("ann", "screen_share").trackSid);
      await ann.evaluate(() => room.localParticipant.unpublishTrack(publication("ann", "screen_share").track));
      await happens(bob, "unsubscribed", "ann", "screen_share");
      await bob.waitForFunction((sid) => !room.remoteParticipants.get("ann").trackPublications.has(sid), sid);
      await sees(bob, "ann");
      assert.deepEqual([...ann.errors, ...bob.errors], []);
      for (const page of [ann, bob]) assert.equal(await page.evaluate(() => window.reason), undefined);
    });
  });
}
