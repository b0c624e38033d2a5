// The pages for operators in headless Chromium: what they show, what they do, and who may use them.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { networkInterfaces } from "node:os";
import { once } from "node:events";
import { chromium } from "playwright-core";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import { DisconnectReason, dispose, Room, RoomEvent, TrackKind } from "@livekit/rtc-node";
import { faint, nameless, overflow } from "./pages.mjs";
import { sendColour, sendTone } from "./publish.mjs";
import { sleep, Stoa, until } from "./server.mjs";

const WORDS = { "X-Stoa-Page": "1", "Content-Type": "application/json" };
let stoa, api, browser;
const clients = [], contexts = [];

before(async () => {
  stoa = await Stoa.start();
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
  });
});
after(async () => {
  for (const client of clients) await client.disconnect();
  await dispose();
  await browser?.close();
  await stoa?.stop();
});

const ui = (server = stoa, hash = "") => `http://127.0.0.1:${server.metricsPort}/ui/${hash}`;

async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  contexts.push(context);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.errors = [];
  page.on("pageerror", (e) => page.errors.push(String(e)));
  page.on("console", (m) => m.type() === "error" && page.errors.push(m.text()));
  page.done = async (allowed = []) => {
    assert.deepEqual(page.errors.filter((e) => !allowed.some((a) => a.test(e))), []);
    await context.close();
  };
  await page.goto(url);
  return page;
}

async function enter(room, identity, grant = {}, server = stoa) {
  const at = new AccessToken("devkey", "secret", { identity, name: identity.toUpperCase(), ttl: 600 });
  at.addGrant({ roomJoin: true, room, ...grant });
  const client = new Room();
  client.ended = new Promise((resolve) => client.once(RoomEvent.Disconnected, resolve));
  await client.connect(server.wsUrl, await at.toJwt());
  clients.push(client);
  return client;
}

const tile = (page, name) => page.getByRole("region", { name, exact: true }).locator(".value");
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

test("the overview shows what goes on, and goes on with it", async () => {
  const page = await open(ui());
  await tile(page, "Rooms").filter({ hasText: /^\d+$/ }).waitFor();
  const before = Number(await tile(page, "Rooms").innerText());
  await api.createRoom({ name: "seen", emptyTimeout: 3600, metadata: "x".repeat(1234) });
  await row(page, "seen").waitFor();
  const cells = await row(page, "seen").getByRole("cell").allInnerTexts();
  assert.equal(cells[0], "0");
  assert.match(cells[2], /^in 59m/);
  assert.equal(cells[3].replace(/\s/g, " "), "1.2 KB");
  await until("the number of rooms moves", async () => Number(await tile(page, "Rooms").innerText()) === before + 1);
  const busy = setInterval(() => api.listRooms(["seen"]).catch(() => {}), 20);
  await until("calls are counted", async () => parseFloat(await tile(page, "API calls").innerText()) > 5);
  await until("latency is shown", async () => /\d+ (µs|ms)/.test((await tile(page, "API latency, mean").innerText()).replace(/\s/g, " ")));
  clearInterval(busy);
  assert.equal(await tile(page, "Sweeper").innerText(), "On time");
  assert.match(await tile(page, "Memory").innerText(), /^[\d.]+\sMB$/);
  await page.getByText("Calls by method").click();
  await page.getByRole("row", { name: /^ListRooms/ }).waitFor();
  await api.deleteRoom("seen");
  await row(page, "seen").waitFor({ state: "detached" });
  await page.done();
});

test("rooms are found by name, by how names begin, and page by page", async () => {
  for (let i = 0; i < 120; i++) await api.createRoom({ name: `list-${i}`, emptyTimeout: 600 });
  await api.createRoom({ name: "odd/name?#%&\u00e9", emptyTimeout: 600 });
  const page = await open(ui());
  const links = () => page.locator("tbody th a").allInnerTexts();
  const search = page.getByRole("searchbox");
  await search.fill("list-7");
  await until("eleven are found", async () => (await links()).length === 11);
  assert.equal((await links())[0], "list-7");
  await search.fill("LIST");
  await page.getByText("none begins so").waitFor();
  await search.fill("list-");
  await page.getByText("Page 1: 50 whose name").waitFor();
  const seen = new Set(await links());
  for (const number of [2, 3]) {
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText(`Page ${number}: `).waitFor();
    for (const name of await links()) seen.add(name);
  }
  assert.equal(seen.size, 120);
  assert.equal(await page.getByRole("button", { name: "Next" }).isDisabled(), true);
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByText("Page 2: ").waitFor();
  await search.fill("list-1");
  await until("31 are found", async () => (await links()).length === 31);
  await page.getByRole("button", { name: "Name" }).click();
  assert.equal(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"), "ascending");
  assert.deepEqual((await links()).slice(0, 3), ["list-1", "list-10", "list-100"]);
  await search.fill("odd");
  await page.getByRole("link", { name: "odd/name" }).click();
  await page.getByRole("heading", { name: "odd/name?#%&\u00e9", level: 1 }).waitFor();
  await page.getByText("Nobody is in this room.").waitFor();
  await page.goBack();
  assert.equal(await search.inputValue(), "odd");
  await page.done();
  for (let i = 0; i < 120; i++) await api.deleteRoom(`list-${i}`);
});

test("a room page shows who is in, and acts on them", async () => {
  await api.createRoom({ name: "talk", metadata: "about" });
  const [ann, bob] = [await enter("talk", "ann"), await enter("talk", "bob")];
  const page = await open(ui(stoa, "#/room/talk"));
  const ofAnn = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: "Remove ann" }) });
  await ofAnn.getByText("active", { exact: true }).waitFor();
  await ofAnn.locator(".detail", { hasText: "ANN" }).waitFor();
  await page.getByLabel("Room metadata", { exact: true }).filter({ hasText: "about" }).waitFor();
  await ofAnn.getByRole("button", { name: "ann", exact: false }).first().click();
  await ofAnn.getByText("publish tracks · publish data · subscribe").waitFor();
  await ofAnn.getByText(ann.localParticipant.sid).waitFor();

  await page.getByRole("button", { name: "Edit metadata" }).click();
  await page.getByRole("dialog").getByLabel("Metadata", { exact: true }).fill("other");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The room's metadata was changed.").waitFor();
  await until("clients are told", () => bob.metadata === "other");

  await page.getByRole("button", { name: "Edit ann" }).click();
  await page.getByLabel("publish data").uncheck();
  await page.getByLabel("microphone", { exact: true }).check();
  await page.getByRole("textbox", { name: "Name" }).fill("Anna");
  await page.getByRole("button", { name: "Save" }).click();
  await ofAnn.getByText("publish microphone · subscribe").waitFor();
  const now = await api.getParticipant("talk", "ann");
  assert.equal(now.permission.canPublishData, false);
  assert.deepEqual(now.permission.canPublishSources, [2]);
  assert.equal(now.name, "Anna");

  await page.getByRole("button", { name: "Remove ann" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal((await api.listParticipants("talk")).length, 2);
  await page.getByRole("button", { name: "Remove ann" }).click();
  await page.getByRole("button", { name: "Remove participant" }).click();
  assert.equal(await ann.ended, DisconnectReason.PARTICIPANT_REMOVED);
  await ofAnn.waitFor({ state: "detached" });
  await page.getByText("ann was removed.").waitFor();

  await page.getByRole("button", { name: "Delete room" }).click();
  await page.getByText("The one participant will be disconnected.").waitFor();
  await page.keyboard.press("Escape");
  assert.equal((await api.listRooms(["talk"])).length, 1);
  await page.getByRole("button", { name: "Delete room" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete room" }).click();
  assert.equal(await bob.ended, DisconnectReason.ROOM_DELETED);
  await page.getByRole("heading", { name: "Rooms", exact: true, level: 2 }).first().waitFor();
  assert.equal((await api.listRooms(["talk"])).length, 0);
  assert.ok(await stoa.event("operator_call", (e) => e.method === "DeleteRoom" && e.room === "talk"));
  await page.goto(ui(stoa, "#/room/talk"));
  await page.getByText("There is no room of this name").waitFor();
  await page.done();
});

test("tracks are shown, muted and unmuted, taken away with the right to publish, and gone with who is removed", async () => {
  const own = await Stoa.start("--room.enable_remote_unmute", "true");
  const [ann, bob] = [await enter("tracks", "ann", {}, own), await enter("tracks", "bob", {}, own)];
  const told = [];
  bob.on(RoomEvent.TrackMuted, (pub, p) => told.push(`${p.identity} muted ${pub.kind}`));
  bob.on(RoomEvent.TrackUnmuted, (pub, p) => told.push(`${p.identity} unmuted ${pub.kind}`));
  bob.on(RoomEvent.TrackUnsubscribed, (track) => told.push(`ann unsubscribed ${track.kind}`));
  const stops = [await sendTone(ann), await sendColour(ann)];
  const hears = () => until("bob hears", () => [...bob.remoteParticipants.get("ann").trackPublications.values()].filter((pub) => pub.track).length === 2);
  await hears();
  const page = await open(ui(own, "#/room/tracks"));
  const happens = (what) => until(`bob is told: ${what}`, () => told.includes(what));
  await page.getByText("cam video · video/VP8 · 320 × 180").waitFor();
  await page.getByText("mic audio · audio/red").waitFor();

  for (const [name, kind] of [["cam", TrackKind.KIND_VIDEO], ["mic", TrackKind.KIND_AUDIO]]) {
    await page.getByRole("button", { name: `Mute ${name} of ann` }).click();
    await page.getByText(`${name} of ann was muted.`).waitFor();
    await happens(`ann muted ${kind}`);
    await until("the publisher obeys", () => [...ann.localParticipant.trackPublications.values()].find((pub) => pub.kind === kind).muted);
    await page.getByRole("button", { name: `Unmute ${name} of ann` }).click();
    await happens(`ann unmuted ${kind}`);
    await page.getByRole("button", { name: `Mute ${name} of ann` }).waitFor();
  }

  const sent = () => own.metric("stoa_media_packets_total", 'action="forwarded"');
  const flows = async () => {
    const before = await sent();
    await sleep(500);
    return (await sent()) - before;
  };
  await until("packets are forwarded", async () => (await flows()) > 20);
  await page.getByRole("button", { name: "Edit ann" }).click();
  await page.getByLabel("publish tracks").uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("No tracks published.").first().waitFor();
  for (const kind of [TrackKind.KIND_VIDEO, TrackKind.KIND_AUDIO]) await happens(`ann unsubscribed ${kind}`);
  await until("nothing is forwarded any more", async () => (await flows()) === 0);
  for (const stop of stops) await stop();

  await page.getByRole("button", { name: "Edit ann" }).click();
  await page.getByLabel("publish tracks").check();
  await page.getByRole("button", { name: "Save" }).click();
  const again = await sendTone(ann);
  await until("packets are forwarded", async () => (await flows()) > 20);
  await page.getByRole("button", { name: "Remove ann" }).click();
  await page.getByRole("button", { name: "Remove participant" }).click();
  assert.equal(await ann.ended, DisconnectReason.PARTICIPANT_REMOVED);
  await again();
  await until("bob sees nobody", () => bob.remoteParticipants.size === 0);
  await page.getByRole("listitem").filter({ hasText: "ann" }).waitFor({ state: "detached" });
  await page.done();
  await bob.disconnect();
  await own.stop();
});

test("what the server refuses is said where it was asked", async () => {
  const client = await enter("refused", "ann");
  const stop = await sendTone(client);
  const page = await open(ui(stoa, "#/room/refused"));
  await page.getByRole("button", { name: "Mute mic of ann" }).click();
  await page.getByRole("button", { name: "Unmute mic of ann" }).click();
  await page.getByRole("alert").filter({ hasText: "Remote unmute not enabled." }).waitFor(); // the server's own words
  await page.done([/412/]);
  await stop();
  await client.disconnect();
});

test("everything is done by keyboard alone", async () => {
  const client = await enter("keys", "ann");
  const page = await open(ui());
  await row(page, "keys").waitFor();
  const focused = () => page.evaluate(() => {
    const e = document.activeElement;
    return { text: (e.getAttribute("aria-label") ?? e.textContent ?? "").trim(), type: e.type ?? "", id: e.id, tag: e.tagName };
  });
  const tabTo = async (what, matches) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      const at = await focused();
      if (matches(at)) {
        const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(ring, "none", `${what} shows its focus`);
        return;
      }
    }
    assert.fail(`no way by Tab to ${what}`);
  };
  await page.keyboard.press("Tab");
  assert.equal((await focused()).text, "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal((await focused()).id, "main");

  await tabTo("the search", (f) => f.type === "search");
  await page.keyboard.type("keys");
  await until("one is found", async () => (await page.locator("tbody th a").count()) === 1);
  await tabTo("the room", (f) => f.tag === "A" && f.text === "keys");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "keys", level: 1 }).waitFor();
  await until("the heading has the focus", async () => (await focused()).text === "keys");
  await page.getByRole("button", { name: "Remove ann" }).waitFor();
  await tabTo("details", (f) => f.text.includes("ann") && f.text.includes("▸"));
  await page.keyboard.press("Space");
  await page.getByText("No tracks published.").waitFor();
  await tabTo("removing", (f) => f.text === "Remove ann");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal((await focused()).text, "Cancel"); // what cannot be undone is not the first choice
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await focused()).text, "Remove ann");
  await page.keyboard.press("Enter");
  await tabTo("the question's answer", (f) => f.text === "Remove participant");
  await page.keyboard.press("Enter");
  assert.equal(await client.ended, DisconnectReason.PARTICIPANT_REMOVED);

  await page.goto(ui());
  await tabTo("creating", (f) => f.text === "Create room");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "typed", level: 1 }).waitFor();
  assert.equal((await api.listRooms(["typed"])).length, 1);
  await page.done();
});

test("light and dark, by the system and by choice, can be read", async () => {
  await api.createRoom({ name: "colours", metadata: "m", emptyTimeout: 600 });
  const grounds = {};
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(ui(), { colorScheme, reducedMotion: "reduce" });
    await row(page, "colours").waitFor();
    grounds[colorScheme] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    for (const hash of ["", "#/room/colours"]) {
      await page.goto(ui(stoa, hash));
      await page.getByText("colours").first().waitFor();
      assert.deepEqual(await faint(page), [], `${colorScheme} ${hash}`);
    }
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("button")).transitionDuration), "0s");
    await page.done();
  }
  assert.notEqual(grounds.light, grounds.dark);

  const page = await open(ui(), { colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.getByRole("button", { name: /^Colours: system/ }).click();
  await page.getByRole("button", { name: /^Colours: light/ }).click();
  assert.equal(await ground(), grounds.dark);
  await page.reload();
  await page.getByRole("button", { name: /^Colours: dark/ }).waitFor();
  assert.equal(await ground(), grounds.dark);
  await page.done();
});

test("nothing is wider than a phone, and everything has a name", async () => {
  const long = "W".repeat(200);
  await api.createRoom({ name: long, metadata: "M".repeat(3000), emptyTimeout: 600 });
  const client = await enter(long, "i".repeat(200));
  for (const viewport of [{ width: 390, height: 844 }, { width: 1280, height: 900 }]) {
    const page = await open(ui(), { viewport, hasTouch: viewport.width < 500, isMobile: viewport.width < 500 });
    await row(page, long).waitFor();
    assert.equal(await overflow(page), 0, "overview");
    await page.getByRole("link", { name: long }).click();
    await page.locator(".opener").click();
    await page.getByText("No tracks published.").waitFor();
    assert.equal(await overflow(page), 0, "room");
    await page.getByRole("button", { name: /^Edit iii/ }).click();
    assert.equal(await overflow(page), 0, "dialog");
    assert.deepEqual(await nameless(page), []);
    await page.done();
  }
  await client.disconnect();
  await api.deleteRoom(long);
});

test("a server that does not answer is told of, in words", async () => {
  const own = await Stoa.start();
  const page = await open(ui(own));
  await tile(page, "Rooms").filter({ hasText: /^0$/ }).waitFor();
  own.process.kill("SIGSTOP");
  await page.getByRole("alert").filter({ hasText: /No answer from the server since \d\d:\d\d:\d\d/ }).waitFor({ timeout: 20_000 });
  own.process.kill("SIGCONT");
  await page.getByRole("alert").waitFor({ state: "detached", timeout: 20_000 });
  await own.stop();
  await page.getByRole("alert").filter({ hasText: "The server cannot be reached." }).waitFor({ timeout: 20_000 });
  await page.done([/ERR_CONNECTION|ERR_EMPTY|Failed to load/]);
});

test("the password is asked for, and is enough", async () => {
  const own = await Stoa.start("--prometheus.username", "op", "--prometheus.password", "s3cret");
  const auth = { Authorization: `Basic ${Buffer.from("op:s3cret").toString("base64")}` };
  for (const path of ["", "api/status", "assets/none.js"]) {
    assert.equal((await fetch(ui(own) + path, { headers: WORDS })).status, 401);
  }
  assert.equal((await fetch(ui(own) + "api/status", { headers: { ...WORDS, ...auth } })).status, 200);
  const page = await open(ui(own), { httpCredentials: { username: "op", password: "s3cret" } });
  await page.getByRole("button", { name: "Create room" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("mine");
  await page.getByRole("dialog").getByRole("button", { name: "Create room" }).click();
  await page.getByRole("heading", { name: "mine", level: 1 }).waitFor();
  await page.done();
  await own.stop();
});

test("other sites get nothing done", async () => {
  const evil = createServer((req, res) => res.setHeader("Content-Type", "text/html").end("<!doctype html><title>evil</title>"));
  evil.listen(0, "127.0.0.1");
  await once(evil, "listening");
  const page = await open(`http://localhost:${evil.address().port}/`);
  const target = ui() + "api/CreateRoom";
  const tries = await page.evaluate(async ([target, words]) => {
    const body = JSON.stringify({ name: "forged" });
    const results = [];
    const ways = [
      { mode: "cors", headers: words },
      { mode: "cors", headers: { "Content-Type": "text/plain" } },
      { mode: "no-cors", headers: { "Content-Type": "text/plain" } },
    ];
    for (const way of ways) {
      results.push(await fetch(target, { method: "POST", body, credentials: "include", ...way }).then((r) => r.type, (e) => e.name));
    }
    return results;
  }, [target, WORDS]);
  assert.deepEqual(tries, ["TypeError", "TypeError", "TypeError"]);
  assert.equal(await page.evaluate((url) => fetch(url, { headers: {} }).then(() => "read", () => "kept"), ui() + "api/status"), "kept");
  await page.evaluate(async (target) => {
    document.body.innerHTML = `<iframe name="into"></iframe><form method="post" target="into" enctype="text/plain" action="${target}"><input name='{"name":"forged","x":"' value='"}'></form>`;
    document.forms[0].submit();
    await new Promise((r) => setTimeout(r, 300));
  }, target);
  const same = { ...WORDS, Origin: `http://127.0.0.1:${stoa.metricsPort}` };
  assert.equal((await fetch(target, { method: "POST", headers: { ...WORDS, Origin: "http://evil.example" }, body: '{"name":"forged"}' })).status, 403);
  assert.equal((await fetch(target, { method: "POST", headers: { ...WORDS, "Sec-Fetch-Site": "cross-site" }, body: '{"name":"forged"}' })).status, 403);
  assert.equal((await fetch(target, { method: "POST", headers: same, body: '{"name":"honest"}' })).status, 200);
  assert.deepEqual((await api.listRooms(["forged", "honest"])).map((r) => r.name), ["honest"]);
  await page.context().close();
  evil.close();
  evil.closeAllConnections();
});

test("pages are not on the public port, and not for other machines without a password", async (t) => {
  for (const path of ["/ui/", "/ui/api/status"]) assert.equal((await fetch(stoa.url + path, { headers: WORDS })).status, 404);
  const outside = Object.values(networkInterfaces()).flat().find((a) => a.family === "IPv4" && !a.internal);
  if (!outside) return t.diagnostic("this machine has no address but loopback");
  const own = await Stoa.start("--stoa.metrics_bind", "0.0.0.0");
  const from = `http://${outside.address}:${own.metricsPort}`;
  const refused = await fetch(`${from}/ui/`);
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /prometheus\.password/);
  assert.equal((await fetch(`${from}/ui/api/status`, { headers: WORDS })).status, 403);
  assert.equal((await fetch(`${from}/metrics`)).status, 200);
  await own.stop();
});
