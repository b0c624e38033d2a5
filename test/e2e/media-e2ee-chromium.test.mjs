// Calls that clients encrypt end to end, between pages of headless Chromium: nothing of it is the server's business, but for
// the silence after a mute, which decoders know as the server's by the room's trailer.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { forget, happens, hears, joinCall, received, sees, still } from "./call.mjs";
import { Stoa } from "./server.mjs";

const LIMIT = { timeout: 60_000 };
let stoa, browser;

before(async () => {
  stoa = await Stoa.start();
  browser = await Browser.start("--autoplay-policy=no-user-gesture-required");
});
after(async () => {
  await browser?.stop();
  await stoa?.stop();
});

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    let ann, bob, eve;
    before(async () => {
      [ann, bob, eve] = [await browser.page(), await browser.page(), await browser.page()];
      for (const [page, identity, secret] of [[ann, "ann", "the key"], [bob, "bob", "the key"], [eve, "eve", "another key"]]) {
        await joinCall(page, stoa.wsUrl, identity, single ? "e2ee-single" : "e2ee-dual", { singlePeerConnection: single, secret });
      }
    });
    after(async () => {
      for (const page of [ann, bob, eve]) await page?.close();
    });

    test("who has the key sees and hears, who has another one does not", LIMIT, async () => {
      await ann.evaluate(() => room.localParticipant.enableCameraAndMicrophone());
      await Promise.all([sees(bob, "ann"), hears(bob, "ann")]);
      const r = await received(eve, "ann", "camera");
      assert.equal(r?.frames ?? 0, 0);
      await happens(eve, "undecipherable");
    });

    test("the silence after a mute is taken for what it is", LIMIT, async () => {
      await forget(bob);
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(false));
      await happens(bob, "muted", "ann", "microphone");
      await still(bob, "ann", "microphone");
      assert.ok(!(await bob.evaluate(() => window.events.some(([e]) => e === "undecipherable"))));
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
      await happens(bob, "unmuted", "ann", "microphone");
      await hears(bob, "ann");
      assert.deepEqual([...ann.errors, ...bob.errors], []);
    });
  });
}
