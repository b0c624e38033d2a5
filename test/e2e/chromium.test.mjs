// Two pages of headless Chromium with livekit-client, by both signalling paths.
import { test, before, after, describe } from "node:test";
import assert from "node:assert/strict";
import { AccessToken, RoomServiceClient, DataPacket_Kind } from "livekit-server-sdk";
import { Browser, joinPage } from "./browser.mjs";
import { Stoa } from "./server.mjs";

const PARTICIPANT_REMOVED = 4, ROOM_DELETED = 5;
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

async function token(identity, room, grant = {}) {
  const at = new AccessToken("devkey", "secret", { identity, name: identity.toUpperCase(), ttl: 600 });
  at.addGrant({ roomJoin: true, room, ...grant });
  return at.toJwt();
}

for (const single of [true, false]) {
  describe(single ? "single peer connection" : "dual peer connections", () => {
    const name = single ? "page-single" : "page-dual";
    let ann, bob;
    before(async () => {
      [ann, bob] = [await browser.page(), await browser.page()];
      const a = await joinPage(ann, stoa.wsUrl, await token("ann", name), { singlePeerConnection: single });
      assert.match(a.sid, /^RM_/);
      assert.equal(a.version, "1.13.5");
      await joinPage(bob, stoa.wsUrl, await token("bob", name), { singlePeerConnection: single });
    });
    after(async () => {
      await ann?.close();
      await bob?.close();
    });

    test("they see each other", async () => {
      await ann.waitForFunction(() => room.remoteParticipants.get("bob")?.name === "BOB");
      await bob.waitForFunction(() => room.remoteParticipants.get("ann")?.name === "ANN");
      assert.deepEqual((await api.listParticipants(name)).map((p) => p.identity).sort(), ["ann", "bob"]);
    });

    test("reliable and lossy data both ways", async () => {
      await ann.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode("to all"), { reliable: true, topic: "t" }));
      await bob.waitForFunction(() => seen.some((m) => m.text === "to all" && m.from === "ann" && m.topic === "t"));
      await bob.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode("back"), { reliable: true, destinationIdentities: ["ann"] }));
      await ann.waitForFunction(() => seen.some((m) => m.text === "back" && m.from === "bob"));
      await ann.waitForFunction(async () => {
        await room.localParticipant.publishData(new TextEncoder().encode("lossy"), { reliable: false });
        return true;
      });
      await bob.waitForFunction(() => seen.some((m) => m.text === "lossy" && m.kind === 1));
    });

    test("a text stream and an RPC", async () => {
      await ann.evaluate(() => room.localParticipant.sendText("long ".repeat(20000), { topic: "chat" }));
      await bob.waitForFunction(() => texts.some(([text, from]) => text.length === 100000 && from === "ann"));
      const answer = await ann.evaluate(() => room.localParticipant.performRpc({ destinationIdentity: "bob", method: "greet", payload: "x" }));
      assert.equal(answer, "hello ann: x");
    });

    test("data of the server's API", async () => {
      await api.sendData(name, Buffer.from("from the server"), DataPacket_Kind.RELIABLE, { destinationIdentities: ["bob"] });
      await bob.waitForFunction(() => seen.some((m) => m.text === "from the server"));
    });

    test("one is removed by the API, the room deleted under the other", async () => {
      await api.removeParticipant(name, "ann");
      await ann.waitForFunction(() => window.reason !== undefined);
      assert.equal(await ann.evaluate(() => window.reason), PARTICIPANT_REMOVED);
      await bob.waitForFunction(() => gone.includes("ann"));
      await api.deleteRoom(name);
      await bob.waitForFunction(() => window.reason !== undefined);
      assert.equal(await bob.evaluate(() => window.reason), ROOM_DELETED);
      assert.deepEqual([...ann.errors, ...bob.errors], []);
    });
  });
}

test("a page without permission is told why", async () => {
  const page = await browser.page();
  const error = await joinPage(page, stoa.wsUrl, await token("x", "r", { roomJoin: false })).catch((e) => String(e));
  assert.match(error, /permissions denied|NotAllowed|could not establish/i);
  await page.close();
});
