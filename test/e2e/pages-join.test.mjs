// The page that joins rooms, in headless Chromium with made-up camera, microphone and screen: two of them talk,
// and each way in which one does not come in, or does not stay, is told in words.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import net from "node:net";
import { once } from "node:events";
import { chromium } from "playwright-core";
import { AccessToken, RoomServiceClient, TrackSource } from "livekit-server-sdk";
import { dispose, Room } from "@livekit/rtc-node";
import { faint, nameless, overflow } from "./pages.mjs";
import { sendTone } from "./publish.mjs";
import { freePort, Stoa, until } from "./server.mjs";

const FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
let stoa, api, browser;
const clients = [];

const launch = (...args) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--autoplay-policy=no-user-gesture-required", ...args],
});

before(async () => {
  stoa = await Stoa.start();
  api = new RoomServiceClient(stoa.url, "devkey", "secret");
  browser = await launch(...FAKE);
});
after(async () => {
  for (const client of clients) await client.disconnect();
  await dispose();
  await browser?.close();
  await stoa?.stop();
});

const ui = (server = stoa, hash = "#/join") => `http://127.0.0.1:${server.metricsPort}/ui/${hash}`;

async function token(identity, room, grant = {}, secret = "secret", ttl = 600) {
  const at = new AccessToken("devkey", secret, { identity, ttl });
  at.addGrant({ roomJoin: true, room, ...grant });
  return at.toJwt();
}

async function open(url = ui(), options = {}, within = browser) {
  const context = await within.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.errors = [];
  page.on("pageerror", (e) => page.errors.push(String(e)));
  page.on("console", (m) => /Content Security Policy/.test(m.text()) && page.errors.push(m.text()));
  await page.goto(url);
  return page;
}

// Leaves by the button, so that the room is free of it at once.
async function close(page) {
  const leave = page.getByRole("button", { name: "Leave the call" });
  if (await leave.isVisible()) {
    await leave.click();
    await page.getByText("You left.").waitFor();
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
}

const inCall = (page) => page.getByRole("button", { name: "Leave the call" }).waitFor();
const face = (page, name) => page.getByRole("listitem", { name, exact: false });
const join = (page) => page.getByRole("button", { name: "Join", exact: true }).click();
const failed = (page, words) => page.getByRole("alert").filter({ hasText: words }).waitFor();

async function talk(room, name, options) {
  const page = await open(ui(stoa, `#/join/${encodeURIComponent(room)}`), options);
  await page.getByLabel("Your name").fill(name);
  await join(page);
  await inCall(page);
  return page;
}

async function paste(page, jwt, server) {
  await page.getByRole("button", { name: "Join", exact: true }).waitFor();
  const own = page.getByLabel("With a token of my own");
  if (await own.isVisible()) await own.check();
  await page.getByLabel("Token", { exact: true }).fill(jwt);
  if (server) await page.getByLabel("Server").fill(server);
  await join(page);
}

// What a picture shows right now, as a few numbers.
const pixels = (picture) => picture.evaluate((video) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 64, 36);
  return [...context.getImageData(0, 0, 64, 36).data].filter((_, i) => i % 4 === 1);
});

async function moves(page, name) {
  const picture = face(page, name).locator("video");
  await picture.waitFor();
  await until(`the picture of ${name} has come`, () => picture.evaluate((v) => v.videoWidth > 0 && v.readyState >= 2), 20_000);
  const first = await pixels(picture);
  assert.ok(Math.max(...first) - Math.min(...first) > 50, "it is a picture");
  await until(`the picture of ${name} moves`, async () => {
    const now = await pixels(picture);
    return now.filter((value, i) => Math.abs(value - first[i]) > 30).length > 20;
  });
}

// The highest level that comes out of the page's loudspeakers over a while; the fake microphone beeps each second.
const level = (page, ms = 2500) => page.evaluate(async (ms) => {
  const context = new AudioContext();
  await context.resume();
  const meter = context.createAnalyser();
  for (const audio of document.querySelectorAll("audio")) {
    if (!audio.paused && audio.srcObject) context.createMediaStreamSource(audio.srcObject).connect(meter);
  }
  const samples = new Float32Array(meter.fftSize), end = performance.now() + ms;
  let most = 0;
  while (performance.now() < end) {
    meter.getFloatTimeDomainData(samples);
    most = Math.max(most, ...samples.map(Math.abs));
    await new Promise((done) => setTimeout(done, 20));
  }
  await context.close();
  return most;
}, ms);

test("two see and hear each other, mute, share and write", async () => {
  const ann = await talk("two", "Ann");
  assert.match(await ann.locator(".call-line").innerText(), /only you/);
  const bob = await talk("two", "Bob", { colorScheme: "dark", ...PHONE });
  await Promise.all([moves(ann, "Bob"), moves(bob, "Ann")]);
  const levels = await Promise.all([level(ann), level(bob)]);
  assert.ok(Math.min(...levels) > 0.01, `both are heard: ${levels}`);
  const [participants] = [await api.listParticipants("two")];
  assert.deepEqual(participants.map((p) => [p.identity, p.tracks.length]).sort(), [["Ann", 2], ["Bob", 2]]);

  await ann.getByRole("button", { name: "Mute your microphone" }).click();
  await face(bob, "Ann, muted").waitFor();
  await until("the server knows", async () => (await api.getParticipant("two", "Ann")).tracks.some((t) => t.muted));
  assert.ok((await level(bob)) < 0.005, "nothing is heard of who is muted");
  await ann.getByRole("button", { name: "Unmute your microphone" }).click();
  await face(bob, "Ann, muted").waitFor({ state: "detached" });
  assert.ok((await level(bob)) > 0.01, "and again");
  await ann.getByRole("button", { name: "Turn your camera off" }).click();
  await face(bob, "Ann, no picture").waitFor();
  assert.equal(await face(bob, "Ann").locator("video").count(), 0);
  await ann.getByRole("button", { name: "Turn your camera on" }).click();
  await moves(bob, "Ann");

  await ann.getByRole("button", { name: "Share your screen" }).click();
  await moves(bob, "Screen of Ann");
  assert.equal(await overflow(bob), 0);
  await ann.getByRole("button", { name: "Stop sharing your screen" }).click();
  await face(bob, "Screen of Ann").waitFor({ state: "detached" });

  await ann.getByRole("button", { name: "Chat" }).click();
  await ann.getByLabel("Message to everybody").fill("Hello <b>Bob</b>");
  await ann.keyboard.press("Enter");
  await bob.getByRole("button", { name: "Chat, 1 not read" }).click();
  await bob.getByRole("log").getByText("Hello <b>Bob</b>").waitFor();
  await bob.getByLabel("Message to everybody").fill("Hello Ann");
  await bob.getByRole("button", { name: "Send" }).click();
  await ann.getByRole("log").getByText("Hello Ann").waitFor();
  for (const page of [ann, bob]) {
    assert.equal(await overflow(page), 0);
    assert.deepEqual(await nameless(page), []);
    assert.deepEqual(await faint(page), []);
  }

  await bob.getByRole("button", { name: "Leave the call" }).click();
  await bob.getByText(/You left. The call lasted/).waitFor();
  await face(ann, "Bob").waitFor({ state: "detached" });
  assert.deepEqual((await api.listParticipants("two")).map((p) => p.identity), ["Ann"]);
  await join(bob); // and in again, with what was given before
  await inCall(bob);
  await moves(ann, "Bob");
  await ann.getByRole("link", { name: "Overview", exact: true }).click(); // going elsewhere is leaving
  await face(bob, "Ann").waitFor({ state: "detached" });
  await close(bob);
  await close(ann);
});

test("other LiveKit clients are read, heard and seen to speak", async () => {
  const other = new Room(), heard = [];
  other.registerTextStreamHandler("lk.chat", async (reader, { identity }) => heard.push([identity, await reader.readAll()]));
  await other.connect(stoa.wsUrl, await token("node", "mixed"));
  clients.push(other);
  const page = await talk("mixed", "Ann");
  await face(page, "node").waitFor();
  await page.getByRole("button", { name: "Chat" }).click();
  await page.getByLabel("Message to everybody").fill("to node \u00e9");
  await page.getByRole("button", { name: "Send" }).click();
  await until("it has come", () => heard.length > 0);
  assert.deepEqual(heard, [["Ann", "to node \u00e9"]]);
  await other.localParticipant.sendText("from node", { topic: "lk.chat" });
  await page.getByRole("log").getByText("from node").waitFor();
  const stop = await sendTone(other);
  await face(page, "node, no picture, speaking").waitFor();
  assert.ok((await level(page)) > 0.1, "the tone is heard");
  await stop();
  await page.getByRole("button", { name: "Choose devices" }).click();
  const microphone = page.getByRole("dialog").getByLabel("Microphone");
  await until("devices are listed", async () => (await microphone.locator("option").count()) > 1);
  await microphone.selectOption({ index: 1 });
  await page.getByRole("button", { name: "Use these" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await close(page);
});

test("all of it by keyboard", async () => {
  const page = await open(ui(stoa, "#/join/keys"));
  await page.getByLabel("Your name").focus();
  await page.keyboard.type("Kim");
  await page.keyboard.press("Enter");
  await inCall(page);
  await until("the room's name has the focus", () => page.evaluate(() => document.activeElement.tagName === "H1" && document.activeElement.textContent === "keys"));
  await page.getByRole("button", { name: "Mute your microphone" }).waitFor();
  const names = [];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    names.push(await page.evaluate(() => document.activeElement.getAttribute("aria-label")));
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  }
  assert.deepEqual(names, ["Mute your microphone", "Turn your camera off", "Share your screen", "Chat", "Choose devices", "Leave the call"]);
  await page.keyboard.press("Enter");
  await page.getByText("You left.").waitFor();
  await close(page);
});

test("a pasted token is used as it is, and a bad one is told of", async () => {
  const page = await open();
  for (const [jwt, words] of [
    ["nonsense", "This is no token: a token has three parts"],
    [await token("a", "pasted", {}, "other"), "The server does not let you in with this token"],
    [await token("a", "pasted", {}, "secret", "-2h"), "This token was valid until"],
    [await token("a", "pasted", { roomJoin: false }), "This token is not for joining a room"],
  ]) {
    await paste(page, jwt);
    await failed(page, words);
  }
  await paste(page, await token("eva", "past\u00e9d", { canPublishSources: [TrackSource.CAMERA, TrackSource.SCREEN_SHARE] }));
  await page.getByRole("heading", { name: "past\u00e9d", level: 1 }).waitFor();
  await failed(page, "You may not send your microphone in this room.");
  assert.equal(await page.getByRole("button", { name: "Unmute your microphone: you may not in this room" }).isDisabled(), true);
  await page.getByRole("button", { name: "Turn your camera off" }).waitFor();
  assert.equal(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]).includes("eyJ")), false);
  await close(page);
});

// Passes TCP on until it is cut off.
async function startRelay(target) {
  const sockets = new Set();
  const relay = net.createServer((client) => {
    const server = net.connect(target, "127.0.0.1");
    for (const s of [client, server]) sockets.add(s.on("error", () => s.destroy()));
    client.pipe(server).pipe(client);
  });
  const port = await freePort();
  relay.start = async () => {
    relay.listen(port, "127.0.0.1");
    await once(relay, "listening");
  };
  relay.cut = () => {
    relay.close();
    for (const s of sockets) s.destroy();
  };
  await relay.start();
  return Object.assign(relay, { url: `ws://127.0.0.1:${port}` });
}

test("another server is reached when it is named, and a lost connection comes back", async () => {
  const relay = await startRelay(stoa.port);
  const page = await open();
  await paste(page, await token("eva", "relayed"), relay.url);
  await inCall(page);
  assert.equal(new URL(page.url()).searchParams.get("server"), relay.url);
  const bob = await talk("relayed", "Bob");
  await moves(bob, "eva");
  relay.cut();
  await page.getByText("Connection lost: reconnecting…").waitFor();
  await relay.start();
  await page.getByText("Connection lost: reconnecting…").waitFor({ state: "detached" });
  await Promise.all([moves(bob, "eva"), moves(page, "Bob")]);
  await close(page);
  await close(bob);
  relay.cut();
  const lost = await open();
  await paste(lost, await token("eva", "relayed"), relay.url);
  await failed(lost, `There is no way to the server at ${relay.url}.`);
  await paste(lost, await token("eva", "relayed"), "wss://[");
  await failed(lost, "The server's address is not one");
  await close(lost);
});

test("who may not stay is told why", async () => {
  await api.createRoom({ name: "small", maxParticipants: 1 });
  const ann = await talk("small", "Ann");
  const bob = await open(ui(stoa, "#/join/small"));
  await bob.getByLabel("Your name").fill("Bob");
  await join(bob);
  await failed(bob, "The room is full: it takes 1 participant.");
  await bob.getByLabel("Your name").fill("Ann");
  await join(bob);
  await ann.getByText("Somebody joined under the same identity").waitFor();
  await inCall(bob);
  await api.removeParticipant("small", "Ann");
  await bob.getByText("You were removed from the room.").waitFor();
  await join(ann);
  await inCall(ann);
  await api.deleteRoom("small");
  await ann.getByText("The room was deleted.").waitFor();
  await close(ann);
  await close(bob);
});

test("without a microphone or camera, or without leave to use them, the call goes on", async () => {
  const bare = await launch();
  const none = await open(ui(stoa, "#/join/bare"), { permissions: ["camera", "microphone"] }, bare);
  await none.getByLabel("Your name").fill("None");
  await join(none);
  await failed(none, "No camera was found.");
  await failed(none, "No microphone was found.");
  await none.getByRole("button", { name: "Close: No camera was found." }).click();
  await none.getByText("No camera was found.").waitFor({ state: "detached" });
  await face(none, "None (you), no picture, muted").waitFor();
  await close(none);
  await bare.close();

  const asks = await launch("--use-fake-device-for-media-stream", "--deny-permission-prompts");
  const denied = await open(ui(stoa, "#/join/bare"), { permissions: [] }, asks);
  await denied.getByLabel("Your name").fill("Denied");
  await join(denied);
  await failed(denied, "The browser was not allowed to use the camera.");
  await failed(denied, "The browser was not allowed to use the microphone.");
  await close(denied);
  await asks.close();
});

test("outside development no tokens are made, and the page asks for one", async () => {
  const own = await Stoa.start("--development=false", "--keys", "prod: a-secret-that-is-long-enough-for-anybody");
  const words = { "X-Stoa-Page": "1" };
  const refused = await fetch(`http://127.0.0.1:${own.metricsPort}/ui/api/token?room=a&identity=b`, { headers: words });
  assert.equal(refused.status, 403);
  assert.equal(await refused.text(), "Tokens are made here only in development (--dev), and on this machine.");
  const made = await fetch(`http://127.0.0.1:${stoa.metricsPort}/ui/api/token?room=a&identity=b`, { headers: words });
  assert.match((await made.json()).token, /^eyJ/);
  const proxied = await fetch(`http://127.0.0.1:${stoa.metricsPort}/ui/api/token?room=a&identity=b`, { headers: { ...words, "X-Forwarded-For": "10.0.0.1" } });
  assert.equal(proxied.status, 403);

  const page = await open(ui(own));
  await page.getByLabel("Token", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Room", { exact: true }).count(), 0);
  assert.equal(await page.getByLabel("With a token of my own").count(), 0);
  assert.equal(await page.getByLabel("Server").inputValue(), own.wsUrl);
  const at = new AccessToken("prod", "a-secret-that-is-long-enough-for-anybody", { identity: "eva", ttl: 600 });
  at.addGrant({ roomJoin: true, room: "real" });
  await paste(page, await at.toJwt());
  await inCall(page);
  await own.stop("SIGKILL");
  await page.getByText("Connection lost: reconnecting…").waitFor();
  await page.context().close();
});

test("the way in is seen by everybody: light, dark, small, large", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const size of [{}, PHONE]) {
      const page = await open(ui(), { colorScheme, ...size });
      await page.getByLabel("With a token of my own").waitFor();
      for (const own of [false, true]) {
        await page.getByLabel("With a token of my own").setChecked(own);
        assert.equal(await overflow(page), 0);
        assert.deepEqual(await nameless(page), []);
        assert.deepEqual(await faint(page), []);
      }
      await close(page);
    }
  }
});
