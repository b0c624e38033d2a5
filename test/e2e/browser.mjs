// Pages in headless Chromium with the published livekit-client, served from loopback.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { chromium } from "playwright-core";

const dist = new URL("./node_modules/livekit-client/dist/", import.meta.url);
const scripts = { "/livekit-client.js": "livekit-client.umd.js", "/e2ee-worker.js": "livekit-client.e2ee.worker.js" };
const html = `<!doctype html><meta charset="utf-8"><title>call</title><script src="/livekit-client.js"></script>`;

export class Browser {
  static start(...args) {
    return Browser.startAt({ host: "127.0.0.1", path: process.env.CHROMIUM ?? "/usr/bin/chromium" }, ...args);
  }

  // The program at `path`, for which this machine is `host`.
  static async startAt({ host, path }, ...args) {
    const b = new Browser();
    b.host = host;
    const code = new Map();
    for (const [path, name] of Object.entries(scripts)) code.set(path, await readFile(new URL(name, dist)));
    b.server = createServer((req, res) => {
      res.setHeader("Content-Type", code.has(req.url) ? "text/javascript" : "text/html");
      res.end(code.get(req.url) ?? html);
    });
    b.server.listen(0, host);
    await once(b.server, "listening");
    b.profile = await mkdtemp(join(tmpdir(), "stoa-chromium-"));
    b.context = await chromium.launchPersistentContext(b.profile, {
      executablePath: path,
      headless: true,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", ...args],
    });
    return b;
  }

  async page() {
    const page = await this.context.newPage();
    page.errors = [];
    page.on("pageerror", (e) => page.errors.push(String(e)));
    await page.goto(`http://${this.host}:${this.server.address().port}/`);
    return page;
  }

  async stop() {
    await this.context?.close();
    this.server.close();
    this.server.closeAllConnections();
    await rm(this.profile, { recursive: true, force: true });
  }
}

// Joins in the page; what it sees is kept in window.seen, window.gone and window.reason.
export function joinPage(page, url, token, options = {}) {
  return page.evaluate(async ([url, token, options]) => {
    const { Room, RoomEvent } = window.LivekitClient;
    const room = new Room(options);
    Object.assign(window, { room, seen: [], gone: [], texts: [], reason: undefined });
    room.on(RoomEvent.DataReceived, (payload, p, kind, topic) =>
      window.seen.push({ text: new TextDecoder().decode(payload), from: p?.identity, kind, topic }));
    room.on(RoomEvent.ParticipantDisconnected, (p) => window.gone.push(p.identity));
    room.on(RoomEvent.Disconnected, (reason) => (window.reason = reason));
    room.registerTextStreamHandler("chat", async (reader, info) => window.texts.push([await reader.readAll(), info.identity]));
    room.registerRpcMethod("greet", async (d) => `hello ${d.callerIdentity}: ${d.payload}`);
    await room.connect(url, token);
    return { sid: await room.getSid(), version: room.serverInfo?.version };
  }, [url, token, options]);
}
