// A subscriber on a link of its own that becomes slow, and fast again: its picture follows, and the sound goes on all the time.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Browser } from "./browser.mjs";
import { joinCall, received, receives, sees } from "./call.mjs";
import { Namespace, possible } from "./netns.mjs";
import { Stoa, sleep } from "./server.mjs";

const LIMIT = { timeout: 180_000 };
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
let net, stoa, here, there, folder;

describe("a link that becomes slow and fast again", possible(), () => {
  before(async () => {
    net = Namespace.start();
    stoa = await Stoa.start("--bind", net.host, "--rtc.node_ip", net.host);
    folder = await mkdtemp(join(tmpdir(), "stoa-inside-"));
    const inside = join(folder, "chromium");
    await writeFile(inside, `#!/bin/sh\nexec ip netns exec ${net.name} ${chromium} "$@"\n`);
    await chmod(inside, 0o755);
    const quiet = ["--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream=fps=15"];
    here = await Browser.start(...quiet);
    there = await Browser.startAt({ host: net.host, path: inside }, ...quiet);
  });
  after(async () => {
    await here?.stop();
    await there?.stop();
    await stoa?.stop();
    await net?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  for (const single of [true, false]) {
    test(`${single ? "single" : "dual"}: the picture shrinks, and is large again within 20 seconds`, LIMIT, async (t) => {
      const name = `slow-${single}`, url = `ws://${net.host}:${stoa.port}`;
      const ann = await here.page(), bob = await there.page();
      await joinCall(ann, url, "ann", name, { singlePeerConnection: single });
      await joinCall(bob, url, "bob", name, { singlePeerConnection: single });
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(true, {}, { dtx: false, red: false }));
      await ann.evaluate(() => room.localParticipant.setCameraEnabled(true, { resolution: { width: 1280, height: 720, frameRate: 15 } },
        { simulcast: true, degradationPreference: "maintain-resolution" }));
      await receives(bob, "ann", "camera", "it is large", (r) => r.width === 1280, 30_000);
      await sleep(3000);
      const before = await received(bob, "ann", "microphone");

      net.limit(300);
      t.after(() => net.limit(0));
      await receives(bob, "ann", "camera", "it is small", (r) => r.width === 320, 20_000);
      const slow = await received(bob, "ann", "microphone");
      await sleep(15_000);
      await sees(bob, "ann");
      const { width } = await received(bob, "ann", "camera");
      assert.equal(width, 320, "it stays small");
      const steady = await received(bob, "ann", "microphone");

      net.limit(0);
      const since = Date.now();
      await receives(bob, "ann", "camera", "it is large again", (r) => r.width === 1280, 40_000);
      const took = Date.now() - since, after = await received(bob, "ann", "microphone");
      const share = (a, b) => (b.concealed - a.concealed) / (b.samples - a.samples);
      t.diagnostic(`${took} ms; sound made up: falling ${share(before, slow)}, slow ${share(slow, steady)}, rising ${share(steady, after)}`);
      assert.ok(took < 20_000, `${took} ms`);
      assert.ok(share(slow, steady) < 0.05, "of the sound on a slow link");
      assert.ok(share(steady, after) < 0.05, "of the sound while the picture grows");
      await ann.close();
      await bob.close();
    });
  }
});
