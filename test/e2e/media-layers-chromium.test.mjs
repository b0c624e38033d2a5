// Video with layers between pages of headless Chromium: everybody gets the layer that fits, and the publisher
// sends none that nobody watches.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { joinCall, received, receives, sees, sent, still } from "./call.mjs";
import { Stoa, until } from "./server.mjs";

const LIMIT = { timeout: 60_000 };
const LOW = 0, MEDIUM = 1, HIGH = 2;
let stoa, browser;

before(async () => {
  stoa = await Stoa.start();
  browser = await Browser.start("--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream=fps=15");
});
after(async () => {
  await browser?.stop();
  await stoa?.stop();
});

// The frames that arrive meanwhile: how many, and the longest time without one.
function watch(page, from) {
  let stopped = false, last, longest = 0, first;
  const done = (async () => {
    let since = Date.now();
    while (!stopped) {
      const r = await received(page, from, "camera");
      if (r && r.frames !== last) {
        longest = Math.max(longest, Date.now() - since);
        [last, since, first] = [r.frames, Date.now(), first ?? r.frames];
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    longest = Math.max(longest, Date.now() - since);
  })();
  return async () => {
    stopped = true;
    await done;
    return { frames: last - first, longest };
  };
}

const resize = (page, width, height) => page.evaluate(([width, height]) => {
  for (const e of document.querySelectorAll("video")) Object.assign(e.style, { width: `${width}px`, height: `${height}px` });
}, [width, height]);

const sending = async (page) => (await sent(page, "camera")).filter((s) => s.active).map((s) => s.rid).sort().join("");
const sends = (page, what, rids) => {
  let last;
  return until(what, async () => (last = await sending(page)) === rids, 20_000).catch((e) => {
    throw new Error(`${e.message}: ${last}`);
  });
};

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    const name = single ? "layers-single" : "layers-dual";
    let ann, bob;
    before(async () => {
      [ann, bob] = [await browser.page(), await browser.page()];
      await joinCall(ann, stoa.wsUrl, "ann", name, { singlePeerConnection: single, dynacast: true });
      await joinCall(bob, stoa.wsUrl, "bob", name, { singlePeerConnection: single, adaptiveStream: { pixelDensity: 1 } });
    });
    after(async () => {
      await ann?.close();
      await bob?.close();
    });

    test("T40: the picture is as large as the element", LIMIT, async () => {
      await ann.evaluate(() => room.localParticipant.setCameraEnabled(true, { resolution: { width: 1280, height: 720, frameRate: 15 } },
        { simulcast: true, degradationPreference: "maintain-resolution" }));
      await receives(bob, "ann", "camera", "it is large", (r) => r.width === 1280, 20_000);
      const stop = watch(bob, "ann");
      await resize(bob, 320, 180);
      await receives(bob, "ann", "camera", "it is small", (r) => r.width === 320);
      await resize(bob, 640, 360);
      await receives(bob, "ann", "camera", "it is half", (r) => r.width === 640);
      await resize(bob, 1280, 720);
      await receives(bob, "ann", "camera", "it is large again", (r) => r.width === 1280);
      const { frames, longest } = await stop();
      assert.ok(frames > 10, `${frames} frames`);
      assert.ok(longest < 2500, `${longest} ms without a frame`);
    });

    test("T38: layers that nobody watches stop, and come back", LIMIT, async () => {
      await sends(ann, "all are sent", "fhq");
      await resize(bob, 320, 180);
      await sends(ann, "the lowest is sent", "q");
      await sees(bob, "ann");
      await resize(bob, 1280, 720);
      await sends(ann, "all are sent again", "fhq");
      await receives(bob, "ann", "camera", "it is large again", (r) => r.width === 1280);
      await bob.evaluate(() => { for (const e of document.querySelectorAll("video")) e.style.display = "none"; });
      await still(bob, "ann", "camera");
      await sends(ann, "nothing is sent", "");
      await bob.evaluate(() => { for (const e of document.querySelectorAll("video")) e.style.display = ""; });
      await sees(bob, "ann");
    });

    test("two who want different layers get them at once", LIMIT, async () => {
      const cid = await browser.page();
      await joinCall(cid, stoa.wsUrl, "cid", name, { singlePeerConnection: single });
      await receives(cid, "ann", "camera", "it is large", (r) => r.width === 1280);
      for (const [quality, width] of [[LOW, 320], [HIGH, 1280], [MEDIUM, 640], [LOW, 320]]) {
        await cid.evaluate((q) => publication("ann", "camera").setVideoQuality(q), quality);
        await receives(cid, "ann", "camera", `it is ${width} wide`, (r) => r.width === width);
      }
      assert.equal((await received(bob, "ann", "camera")).width, 1280);
      await sees(bob, "ann");
      await sees(cid, "ann");
      await cid.close();
      assert.deepEqual([...ann.errors, ...bob.errors], []);
    });
  });
}
