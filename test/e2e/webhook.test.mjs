// Webhooks as the official WebhookReceiver sees them: signed, in order, from a receiver that
// refuses at first.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { Room, dispose } from "@livekit/rtc-node";
import { AccessToken, RoomServiceClient, WebhookReceiver } from "livekit-server-sdk";
import { Stoa, until } from "./server.mjs";

let stoa, api, server, refusals = 2;
const events = [];
const receiver = new WebhookReceiver("devkey", "secret");

before(async () => {
  server = createServer(async (req, res) => {
    let body = "";
    for await (const part of req.setEncoding("utf8")) body += part;
    if (refusals-- > 0) {
      res.writeHead(503).end();
      return;
    }
    assert.equal(req.headers["content-type"], "application/webhook+json");
    events.push(await receiver.receive(body, req.headers.authorization));
    res.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  stoa = await Stoa.start("--config-body", `webhook:\n  urls: ["${url}"]\n  api_key: devkey\n`);
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
});
after(async () => {
  await dispose();
  await stoa?.stop();
  server.close();
});

test("a room's life arrives in order, signed, each event once", async () => {
  const made = await api.createRoom({ name: "hooked", metadata: "m", departureTimeout: 600 });
  const at = new AccessToken("devkey", "secret", { identity: "ann", name: "Ann", ttl: 600 });
  at.addGrant({ roomJoin: true, room: "hooked" });
  const room = new Room();
  await room.connect(stoa.wsUrl, await at.toJwt(), { autoSubscribe: true, dynacast: false });
  await until("ann is active", async () => (await api.listParticipants("hooked"))[0]?.state === 2);
  await room.disconnect();
  await until("ann is out", async () => (await api.listParticipants("hooked")).length === 0);
  await api.deleteRoom("hooked");
  await until("all events are in", () => events.length >= 4, 30_000);
  assert.deepEqual(events.map((e) => e.event), ["room_started", "participant_joined", "participant_left", "room_finished"]);
  assert.ok(events.every((e) => e.room.sid === made.sid && /^EV_/.test(e.id)));
  assert.equal(events[0].room.metadata, "m");
  assert.equal(events[1].participant.identity, "ann");
  assert.equal(events[1].participant.name, "Ann");
  assert.equal(events[2].participant.disconnectReason, 1);
  assert.equal(new Set(events.map((e) => e.id)).size, 4);
  assert.ok(events.every((e) => Math.abs(Number(e.createdAt) * 1000 - Date.now()) < 60_000));
});
