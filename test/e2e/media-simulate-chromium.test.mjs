// What clients ask of the server to try themselves out, and what joiners learn, in Chromium.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { forget, happens, hears, joinCall, receives, sees } from "./call.mjs";
import { Stoa, until } from "./server.mjs";

const LIMIT = { timeout: 90_000 };
let stoa, browser;

before(async () => {
  stoa = await Stoa.start();
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await stoa?.stop();
});

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    const room = single ? "simulate-single" : "simulate-dual";
    let ann, bob;
    const enter = async (identity) => {
      const page = await browser.page();
      await joinCall(page, stoa.wsUrl, identity, room, { singlePeerConnection: single, adaptiveStream: false });
      return page;
    };
    before(async () => {
      ann = await enter("ann");
      bob = await enter("bob");
      await ann.evaluate(async () => {
        await room.localParticipant.setMicrophoneEnabled(true);
        await room.localParticipant.setCameraEnabled(true, { resolution: { width: 1280, height: 720, frameRate: 20 } });
      });
      await sees(bob, "ann");
    });
    after(async () => {
      for (const page of [ann, bob]) await page?.close();
    });

    test("a joiner learns how well those go who are there already", LIMIT, async () => {
      await until("ann's quality was told", () => bob.evaluate(() => window.qualities.some(([who]) => who === "ann")), 20_000);
      const carol = await enter("carol");
      await until("carol knows it", () => carol.evaluate(() => {
        const quality = window.room.remoteParticipants.get("ann")?.connectionQuality;
        return quality && quality !== "unknown";
      }), 5_000);
      await carol.close();
    });

    test("T34: texts across a resume: none is lost, none comes twice", LIMIT, async () => {
      await forget(ann);
      await ann.evaluate(() => {
        let count = 0;
        window.refused = []; // by the client itself, which says so
        window.counting = setInterval(() => {
          const n = ++count;
          room.localParticipant.publishData(new TextEncoder().encode(`${n}`), { reliable: true }).catch((e) => window.refused.push([n, String(e)]));
        }, 25);
      });
      const texts = () => bob.evaluate(() => window.texts.map(([text]) => Number(text)));
      for (const scenario of ["signal-reconnect", "signal-reconnect"]) {
        const resumed = await stoa.metric("stoa_sessions_resumed_total"), before = (await texts()).length;
        await ann.evaluate((s) => room.simulateScenario(s), scenario);
        await until("ann has resumed", async () => (await stoa.metric("stoa_sessions_resumed_total")) > resumed, 20_000);
        await until("texts go on", async () => (await texts()).length > before + 100, 30_000);
      }
      await ann.evaluate(() => clearInterval(window.counting));
      const got = await texts(), refused = await ann.evaluate(() => window.refused.map(([n]) => n));
      const wanted = Array.from({ length: got.at(-1) }, (_, i) => i + 1).filter((n) => !refused.includes(n));
      assert.deepEqual(got.filter((n, i) => n !== wanted[i]).slice(0, 5), [], `refused: ${refused}`);
    });

    test("a link that carries 250 kbit/s gets the lowest layer, and more when it carries more", LIMIT, async () => {
      await receives(bob, "ann", "camera", "the highest layer", (r) => r.width >= 1280, 40_000);
      await bob.evaluate(() => room.simulateScenario("subscriber-bandwidth", 250_000));
      await receives(bob, "ann", "camera", "the lowest layer", (r) => r.width > 0 && r.width <= 320, 20_000);
      await bob.evaluate(() => room.simulateScenario("subscriber-bandwidth", 0));
      await receives(bob, "ann", "camera", "a higher layer again", (r) => r.width > 320, 30_000);
    });

    test("candidates are switched to TCP", LIMIT, async () => {
      const links = await stoa.metric("stoa_ice_tcp_links");
      await forget(bob);
      await bob.evaluate(() => room.simulateScenario("force-tcp"));
      await happens(bob, "reconnecting");
      await until("media goes over TCP", async () => (await stoa.metric("stoa_ice_tcp_links")) > links, 20_000);
      await sees(bob, "ann", "camera", 30_000);
      await hears(bob, "ann", "microphone", 30_000);
    });
  });
}
