// Kills a server with SIGKILL at random moments under load, starts it again, and compares what came
// back with what was acknowledged: no acknowledged room is lost, no acknowledged delete returns,
// metadata is at least as new as acknowledged, and every start works. `./dev crash --kills N`.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const binary = process.env.STOA_BIN ?? new URL("../../build/stoa", import.meta.url).pathname;
const NAMES = 40; // of each connection: they are created and deleted again and again
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const base64 = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");

export function sign(grants) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${base64({ alg: "HS256", typ: "JWT" })}.${base64({ iss: "devkey", sub: "crash", nbf: now - 10, exp: now + 7200, video: grants })}`;
  return `${text}.${createHmac("sha256", "secret").update(text).digest("base64url")}`;
}

export class Server {
  constructor(folder, args, metricsPort = 0) {
    this.folder = folder;
    this.args = args;
    this.metricsPort = metricsPort;
  }

  spawn() {
    this.lines = [];
    this.process = spawn(
      binary,
      ["serve", "--dev", "--bind", "127.0.0.1", "--port", "0", "--udp-port", "0", "--prometheus.port", String(this.metricsPort),
        "--logging.level", "info", "--stoa.journal.dir", this.folder, ...this.args],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, LIVEKIT_KEYS: "" } },
    );
    this.exit = once(this.process, "exit");
    let rest = "";
    this.process.stderr.setEncoding("utf8").on("data", (text) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop();
      for (const line of parts) {
        if (this.lines.length < 200) this.lines.push(line);
        if (!line.startsWith("{")) continue; // what an assertion or a sanitizer says
        const event = JSON.parse(line);
        if (event.event === "journal_read") this.read = event;
        if (event.event === "ready") this.onReady?.(event);
      }
    });
  }

  // Milliseconds until it answers.
  async start() {
    const began = performance.now();
    const ready = new Promise((resolve) => (this.onReady = resolve));
    this.spawn();
    const ended = this.exit.then(() => {
      throw new Error("the server did not start:\n" + this.lines.join("\n"));
    });
    ended.catch(() => {});
    this.port = (await Promise.race([ready, ended])).port;
    return performance.now() - began;
  }

  async kill(signal = "SIGKILL") {
    this.process.kill(signal);
    await this.exit;
  }
}

// One connection, and all that it was told. Its names are its own, so what must be there is known.
class Client {
  rooms = new Map(); // name -> { alive, version, sid }: what was acknowledged
  pending = null; // { kind, name, version }: asked, not acknowledged
  version = 0;
  acknowledged = 0;
  latencies = [];

  constructor(index) {
    this.prefix = `c${index}-`;
    this.admin = new Map();
  }

  token(name) {
    if (!this.admin.has(name)) this.admin.set(name, sign({ roomCreate: true, roomAdmin: true, room: name }));
    return this.admin.get(name);
  }

  call(method, name, body) {
    const data = JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const r = request(
        { agent: this.agent, port: this.port, host: "127.0.0.1", method: "POST", path: `/twirp/livekit.RoomService/${method}`,
          headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(data), Authorization: `Bearer ${this.token(name)}` } },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (t) => (text += t));
          answer.on("end", () => {
            this.latencies.push(performance.now() - began);
            if (answer.statusCode === 200) resolve(JSON.parse(text));
            else reject(Object.assign(new Error(`${method} ${answer.statusCode} ${text}`), { refused: true }));
          });
          answer.on("error", reject);
          answer.on("aborted", () => reject(new Error("aborted")));
        },
      );
      r.on("error", reject);
      r.end(data);
    });
  }

  choose() {
    const name = this.prefix + Math.floor(Math.random() * NAMES);
    const room = this.rooms.get(name);
    const kind = !room?.alive ? "create" : Math.random() < 0.3 ? "delete" : "update";
    return { kind, name, version: ++this.version };
  }

  async one() {
    const p = (this.pending = this.choose());
    const metadata = `${p.version} ${"x".repeat(Math.floor(Math.random() * 2000))}`;
    if (p.kind === "create") {
      const room = await this.call("CreateRoom", p.name, { name: p.name, metadata, emptyTimeout: 86400 });
      this.rooms.set(p.name, { alive: true, version: p.version, sid: room.sid });
    } else if (p.kind === "update") {
      await this.call("UpdateRoomMetadata", p.name, { room: p.name, metadata });
      this.rooms.get(p.name).version = p.version;
    } else {
      await this.call("DeleteRoom", p.name, { room: p.name });
      this.rooms.set(p.name, { alive: false });
    }
    this.pending = null;
    this.acknowledged++;
  }

  // Until the server is gone. A refusal is an error of the server's: nothing was killed yet.
  async run(port) {
    this.port = port;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (;;) {
      try {
        await this.one();
      } catch (error) {
        this.agent.destroy();
        if (error.refused) throw error;
        return;
      }
    }
  }

  // Compares; what was asked and not acknowledged may have happened, and counts from now on.
  check(found) {
    const faults = [];
    const p = this.pending;
    for (const name of new Set([...this.rooms.keys(), ...(p ? [p.name] : [])])) {
      const was = this.rooms.get(name) ?? { alive: false };
      const is = found.get(name);
      const open = p?.name === name ? p : null;
      if (was.alive && !is && open?.kind !== "delete") faults.push(`${name}: acknowledged and lost`);
      if (!was.alive && is && open?.kind !== "create") faults.push(`${name}: deleted, acknowledged, and back`);
      if (was.alive && is && is.version !== was.version && is.version !== open?.version)
        faults.push(`${name}: metadata ${is.version}, acknowledged ${was.version}`);
      if (was.alive && is && is.sid !== was.sid) faults.push(`${name}: sid ${is.sid}, was ${was.sid}`);
      this.rooms.set(name, is ? { alive: true, version: is.version, sid: is.sid } : { alive: false });
    }
    this.pending = null;
    return faults;
  }
}

async function list(client, port) {
  client.port = port;
  client.agent = new Agent({ keepAlive: false });
  client.admin.set("", sign({ roomList: true }));
  const { rooms } = await client.call("ListRooms", "", {});
  return new Map(rooms.map((r) => [r.name, { sid: r.sid, version: Number(r.metadata.split(" ")[0]) }]));
}

// `kills` rounds: start, compare, load, kill. Returns figures; `faults` must be empty.
export async function crash({ kills, connections = 8, load_ms_max = 300, args = [], say = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), "stoa-crash-"));
  // Answers wait for the journal as long as they may: then every one of them is a promise. A small
  // bound makes snapshots run under the kills, too.
  const server = new Server(join(folder, "journal"), ["--stoa.journal.wait", "1s", "--stoa.journal.bytes_max", "16777216", ...args]);
  const clients = Array.from({ length: connections }, (_, i) => new Client(i));
  const figures = { kills: 0, killed_while_starting: 0, acknowledged: 0, unanswered: 0, torn_starts: 0, cut_bytes: 0, start_ms_max: 0, faults: [] };
  try {
    for (let round = 0; round <= kills && figures.faults.length === 0; round++) {
      if (round > 0 && Math.random() < 0.1) {
        server.spawn();
        await sleep(Math.random() * 60);
        await server.kill();
        figures.killed_while_starting++;
      }
      figures.start_ms_max = Math.max(figures.start_ms_max, await server.start());
      figures.torn_starts += server.read.cut_bytes > 0;
      figures.cut_bytes += server.read.cut_bytes;
      if (server.read.malformed > 0) figures.faults.push("a record could not be read");
      const found = await list(new Client("list"), server.port);
      figures.unanswered += clients.filter((c) => c.pending).length;
      for (const c of clients) figures.faults.push(...c.check(found));
      for (const name of found.keys())
        if (!clients.some((c) => c.rooms.has(name))) figures.faults.push(`${name}: never asked for`);
      if (round === kills) break;
      const running = clients.map((c) => c.run(server.port));
      await sleep(Math.random() * load_ms_max);
      await server.kill();
      await Promise.all(running);
      figures.kills++;
      if (figures.kills % 50 === 0) say(`${figures.kills} kills, ${clients.reduce((n, c) => n + c.acknowledged, 0)} acknowledged`);
    }
    figures.acknowledged = clients.reduce((n, c) => n + c.acknowledged, 0);
    const latencies = clients.flatMap((c) => c.latencies).sort((a, b) => a - b);
    figures.p50_ms = Number(latencies[Math.floor(latencies.length * 0.5)]?.toFixed(2));
    figures.p99_ms = Number(latencies[Math.floor(latencies.length * 0.99)]?.toFixed(2));
    figures.start_ms_max = Math.round(figures.start_ms_max);
    return figures;
  } finally {
    if (server.process.exitCode === null && server.process.signalCode === null) await server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const at = process.argv.indexOf("--kills");
  const kills = at < 0 ? 20 : Number(process.argv[at + 1]);
  if (!Number.isInteger(kills) || kills < 1) {
    console.error("usage: crash --kills N");
    process.exit(2);
  }
  const figures = await crash({ kills, say: (text) => console.error(text) });
  console.log(JSON.stringify(figures));
  process.exit(figures.faults.length === 0 ? 0 : 1);
}
