// Calls between pages of headless Chromium with livekit-client: what one sends, the others see and hear.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { RoomServiceClient } from "livekit-server-sdk";
import { Browser } from "./browser.mjs";
import { forget, happens, hears, joinCall, received, sees, still } from "./call.mjs";
import { Stoa, until } from "./server.mjs";

const LIMIT = { timeout: 60_000 };
let stoa, browser, api;

before(async () => {
  stoa = await Stoa.start();
  browser = await Browser.start("--autoplay-policy=no-user-gesture-required");
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
});
after(async () => {
  await browser?.stop();
  await stoa?.stop();
});

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    const name = single ? "call-single" : "call-dual";
    const options = { singlePeerConnection: single };
    let ann, bob;
    before(async () => {
      [ann, bob] = [await browser.page(), await browser.page()];
      await joinCall(ann, stoa.wsUrl, "ann", name, options);
      await joinCall(bob, stoa.wsUrl, "bob", name, options);
    });
    after(async () => {
      await ann?.close();
      await bob?.close();
    });

    test("camera and microphone, both ways", LIMIT, async () => {
      for (const page of [ann, bob]) await page.evaluate(() => room.localParticipant.enableCameraAndMicrophone());
      await Promise.all([sees(bob, "ann"), hears(bob, "ann"), sees(ann, "bob"), hears(ann, "bob")]);
      assert.deepEqual([...ann.errors, ...bob.errors], []);
    });

    test("who comes late gets all at once", LIMIT, async () => {
      const cid = await browser.page();
      await joinCall(cid, stoa.wsUrl, "cid", name, options);
      await Promise.all([sees(cid, "ann"), hears(cid, "ann"), sees(cid, "bob"), hears(cid, "bob")]);
      await cid.close();
      await happens(bob, "left", "cid");
    });

    test("the microphone is muted and comes back", LIMIT, async () => {
      await forget(bob);
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(false));
      await happens(bob, "muted", "ann", "microphone");
      const { packets } = await received(bob, "ann", "microphone"), end = await still(bob, "ann", "microphone");
      assert.ok(end.packets > packets + 30 && end.packets < packets + 60, `a second of silence: ${packets} to ${end.packets}`);
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
      await happens(bob, "unmuted", "ann", "microphone");
      await hears(bob, "ann");
    });

    test("the camera goes off and on twenty times", LIMIT, async () => {
      for (let i = 0; i < 20; i++) {
        await forget(bob);
        await ann.evaluate(() => room.localParticipant.setCameraEnabled(false));
        await happens(bob, "muted", "ann", "camera");
        await ann.evaluate(() => room.localParticipant.setCameraEnabled(true));
        await happens(bob, "unmuted", "ann", "camera");
      }
      await sees(bob, "ann");
    });

    test("the camera is unpublished and published again", LIMIT, async () => {
      await forget(bob);
      await ann.evaluate(() => room.localParticipant.unpublishTrack(publication("ann", "camera").track));
      await happens(bob, "unsubscribed", "ann", "camera");
      await ann.evaluate(() => room.localParticipant.setCameraEnabled(true));
      await happens(bob, "subscribed", "ann", "camera");
      await sees(bob, "ann");
    });

    test("a screen is shared beside the camera", LIMIT, async () => {
      await ann.evaluate(async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
        const context = canvas.getContext("2d");
        let hue = 0;
        setInterval(() => {
          context.fillStyle = `hsl(${(hue += 7)} 80% 50%)`;
          context.fillRect(0, 0, 640, 360);
        }, 66);
        await room.localParticipant.publishTrack(canvas.captureStream(15).getVideoTracks()[0], { source: "screen_share", name: "slides" });
      });
      await Promise.all([sees(bob, "ann", "screen_share"), sees(bob, "ann")]);
      await ann.evaluate(() => room.localParticipant.unpublishTrack(publication("ann", "screen_share").track));
      await happens(bob, "unsubscribed", "ann", "screen_share");
    });

    test("data during the call", LIMIT, async () => {
      for (const reliable of [true, false]) {
        const text = `reliable: ${reliable}`;
        await until("bob has it", async () => {
          await ann.evaluate(([text, reliable]) => room.localParticipant.publishData(new TextEncoder().encode(text), { reliable }), [text, reliable]);
          return bob.evaluate((t) => texts.some(([x, from]) => x === t && from === "ann"), text);
        });
      }
    });

    test("speakers are told, and connections are well", LIMIT, async () => {
      // The beeps of the fake microphone are too short to be called speech.
      await ann.evaluate(async () => {
        const context = new AudioContext(), tone = context.createOscillator(), out = context.createMediaStreamDestination();
        tone.connect(out);
        tone.start();
        await room.localParticipant.publishTrack(out.stream.getAudioTracks()[0], { source: "screen_share_audio", dtx: false });
      });
      await bob.waitForFunction(() => speakers.has("ann"), null, { timeout: 15_000 });
      await bob.waitForFunction(() => ["ann", "bob"].every((i) => qualities.some(([who]) => who === i)), null, { timeout: 15_000 });
      await ann.evaluate(() => room.localParticipant.unpublishTrack(publication("ann", "screen_share_audio").track));
      await happens(bob, "unsubscribed", "ann", "screen_share_audio");
      await bob.waitForFunction(() => !room.activeSpeakers.some((p) => p.identity === "ann"), null, { timeout: 15_000 });
    });

    test("a track is given up, taken again, and held", LIMIT, async () => {
      await forget(bob);
      await bob.evaluate(() => publication("ann", "camera").setSubscribed(false));
      await happens(bob, "unsubscribed", "ann", "camera");
      await hears(bob, "ann");
      await bob.evaluate(() => publication("ann", "camera").setSubscribed(true));
      await happens(bob, "subscribed", "ann", "camera");
      await sees(bob, "ann");
      await bob.evaluate(() => publication("ann", "camera").setEnabled(false));
      await still(bob, "ann", "camera");
      await bob.evaluate(() => publication("ann", "camera").setEnabled(true));
      await sees(bob, "ann");
    });

    test("the API mutes a track", LIMIT, async () => {
      await forget(ann);
      await forget(bob);
      const sid = await ann.evaluate(() => publication("ann", "microphone").trackSid);
      await api.mutePublishedTrack(name, "ann", sid, true);
      await happens(bob, "muted", "ann", "microphone");
      await happens(ann, "muted", "ann", "microphone");
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
      await happens(bob, "unmuted", "ann", "microphone");
      await hears(bob, "ann");
    });

    test("the API takes the permission to publish away, and gives it back", LIMIT, async () => {
      await forget(bob);
      const permission = { canSubscribe: true, canPublishData: true };
      await api.updateParticipant(name, "ann", undefined, { ...permission, canPublish: false });
      await happens(bob, "unsubscribed", "ann", "camera");
      await happens(bob, "unsubscribed", "ann", "microphone");
      await ann.waitForFunction(() => room.localParticipant.trackPublications.size === 0);
      await api.updateParticipant(name, "ann", undefined, { ...permission, canPublish: true });
      await ann.waitForFunction(() => room.localParticipant.permissions.canPublish);
      await ann.evaluate(() => room.localParticipant.enableCameraAndMicrophone());
      await Promise.all([sees(bob, "ann"), hears(bob, "ann")]);
    });

    test("a page is loaded again in the middle of the call", LIMIT, async () => {
      await forget(bob);
      await ann.reload();
      await joinCall(ann, stoa.wsUrl, "ann", name, options);
      await happens(bob, "left", "ann");
      await happens(bob, "joined", "ann");
      await ann.evaluate(() => room.localParticipant.enableCameraAndMicrophone());
      await Promise.all([sees(bob, "ann"), hears(bob, "ann"), sees(ann, "bob"), hears(ann, "bob")]);
    });

    test("T37: all that time nobody reconnected, and no connection was called lost", LIMIT, async () => {
      for (const page of [ann, bob]) {
        assert.deepEqual(page.errors, []);
        assert.deepEqual(await page.evaluate(() => events.filter(([what]) => what === "reconnecting")), []);
        assert.deepEqual(await page.evaluate(() => qualities.filter(([, q]) => q === "lost")), []);
      }
    });
  });
}
