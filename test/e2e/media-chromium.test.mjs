// Tracks of livekit-client in Chromium, by both signalling paths: published, subscribed to, resumed.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import { Browser, joinPage } from "./browser.mjs";
import { Stoa, until } from "./server.mjs";

let stoa, browser, api;

before(async () => {
  stoa = await Stoa.start();
  browser = await Browser.start();
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
});
after(async () => {
  await browser?.stop();
  await stoa?.stop();
});

async function join(name, identity, options) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600 });
  at.addGrant({ roomJoin: true, room: name });
  const page = await browser.page();
  await joinPage(page, stoa.wsUrl, await at.toJwt(), options);
  await page.evaluate(() => {
    window.events = [];
    const note = (name) => (...args) => window.events.push(`${name}:${args.find((a) => a?.trackSid)?.trackSid ?? ""}`);
    for (const name of ["trackPublished", "trackUnpublished", "trackSubscribed", "trackUnsubscribed", "trackMuted", "trackUnmuted",
      "localTrackSubscribed", "signalReconnecting", "reconnecting", "reconnected", "trackSubscriptionPermissionChanged"]) {
      room.on(name, note(name));
    }
  });
  return page;
}

const happened = (page, event) => page.waitForFunction((e) => events.includes(e), event, { timeout: 15000 }).catch(async (e) => {
  throw new Error(`${event}: ${JSON.stringify(await page.evaluate(() => window.events))}: ${e.message}`);
});

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    const name = single ? "tracks-single" : "tracks-dual";
    let ann, bob, mic, cam;
    before(async () => {
      ann = await join(name, "ann", { singlePeerConnection: single });
      bob = await join(name, "bob", { singlePeerConnection: single, adaptiveStream: false });
    });
    after(async () => {
      await ann?.close();
      await bob?.close();
    });

    test("microphone and camera are published and subscribed to", async () => {
      mic = await ann.evaluate(async () => (await room.localParticipant.setMicrophoneEnabled(true)).trackSid);
      cam = await ann.evaluate(async () => (await room.localParticipant.setCameraEnabled(true)).trackSid);
      await happened(bob, `trackSubscribed:${mic}`);
      await happened(bob, `trackSubscribed:${cam}`);
      await happened(ann, `localTrackSubscribed:${mic}`);
      const tracks = (await api.getParticipant(name, "ann")).tracks;
      assert.deepEqual(tracks.map((t) => t.mimeType).sort(), ["audio/red", "video/VP8"]);
      assert.equal(tracks.find((t) => t.sid === cam).layers.length > 1, true);
    });

    test("muted and unmuted", async () => {
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(false));
      await happened(bob, `trackMuted:${mic}`);
      await ann.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
      await happened(bob, `trackUnmuted:${mic}`);
      await api.mutePublishedTrack(name, "ann", mic, true);
      await happened(ann, `trackMuted:${mic}`);
    });

    test("subscriptions by choice, by the API, and by the publisher's rules", async () => {
      await bob.evaluate((sid) => room.remoteParticipants.get("ann").trackPublications.get(sid).setSubscribed(false), mic);
      await happened(bob, `trackUnsubscribed:${mic}`);
      await bob.evaluate(() => (events.length = 0));
      await bob.evaluate((sid) => room.remoteParticipants.get("ann").trackPublications.get(sid).setSubscribed(true), mic);
      await happened(bob, `trackSubscribed:${mic}`);
      await api.updateSubscriptions(name, "bob", [cam], false);
      await happened(bob, `trackUnsubscribed:${cam}`);
      await api.updateSubscriptions(name, "bob", [cam], true);
      await happened(bob, `trackSubscribed:${cam}`);
      await ann.evaluate(() => room.localParticipant.setTrackSubscriptionPermissions(false, []));
      await happened(bob, `trackSubscriptionPermissionChanged:${mic}`);
      await bob.evaluate(() => (events.length = 0));
      await ann.evaluate(() => room.localParticipant.setTrackSubscriptionPermissions(true));
      await happened(bob, `trackSubscribed:${mic}`);
      await happened(bob, `trackSubscribed:${cam}`);
    });

    test("both resume when their signal is lost", async () => {
      for (const page of [ann, bob]) {
        await page.evaluate(() => (events.length = 0));
        await page.evaluate(() => room.simulateScenario("signal-reconnect"));
        await happened(page, "reconnected:");
      }
      await until("the server has resumed both", async () => (await stoa.metric("stoa_sessions_resumed_total")) >= (single ? 2 : 4));
      assert.deepEqual(await bob.evaluate(() => events.filter((e) => e.startsWith("track"))), []);
      assert.equal((await api.getParticipant(name, "ann")).tracks.length, 2);
    });

    test("unpublished", async () => {
      await ann.evaluate(() => room.localParticipant.unpublishTrack(room.localParticipant.getTrackPublication("camera").track));
      await happened(bob, `trackUnpublished:${cam}`);
      await api.updateParticipant(name, "ann", { permission: { canPublish: false, canSubscribe: true, canPublishData: true } });
      await happened(bob, `trackUnpublished:${mic}`);
      assert.equal(await ann.evaluate(() => room.state), "connected");
      assert.deepEqual([...ann.errors, ...bob.errors], []);
    });
  });
}
