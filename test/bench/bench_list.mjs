// ListRooms of a million rooms in both codings, read as it comes: how long it takes, what the server
// holds meanwhile, what other callers feel, and what is left when the reader goes away in the middle.
// Usage: bench_list.mjs [--json] [rooms]
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const asJson = process.argv.includes("--json");
const ROOMS = Number(process.argv.slice(2).find((a) => /^\d+$/.test(a)) ?? 1_000_000);
const binary = process.env.STOA_BIN ?? new URL("../../build/stoa", import.meta.url).pathname;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

let server, jwt, port, said = "";

function start() {
  server = spawn(
    binary,
    ["serve", "--dev", "--bind", "127.0.0.1", "--port", "0", "--udp-port", "0", "--prometheus.port", "0",
      "--logging.level", "warn", "--room.empty_timeout", "86400"],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  server.stderr.on("data", (d) => (said += said.length < 10_000 ? d : ""));
  process.on("exit", () => server.kill("SIGKILL"));
}

// Its log is quiet: which port it took is in the kernel's table of its sockets.
async function findPort() {
  for (;;) {
    const inodes = new Set();
    try {
      for (const fd of readdirSync(`/proc/${server.pid}/fd`)) {
        try {
          inodes.add(/socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${server.pid}/fd/${fd}`))?.[1]);
        } catch {}
      }
      for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
        const f = line.trim().split(/\s+/);
        if (f[3] === "0A" && inodes.has(f[9])) return parseInt(f[1].split(":")[1], 16);
      }
    } catch {}
    if (server.exitCode !== null) throw new Error(`stoa ended: ${said}`);
    await sleep(20);
  }
}

const base64url = (s) => Buffer.from(s).toString("base64url");
function token() {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "devkey", exp: now + 3600, video: { roomCreate: true, roomList: true } };
  const text = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`;
  return `${text}.${createHmac("sha256", "secret").update(text).digest("base64url")}`;
}
const rssKb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]);

async function fill(count) {
  const PIPELINE = 64, CONNS = 8;
  let next = 0;
  const one = async () => {
    const s = connect(port, "127.0.0.1");
    await once(s, "connect");
    s.setNoDelay(true);
    let answered = 0, sent = 0, tail = "";
    await new Promise((done, fail) => {
      const more = () => {
        let text = "";
        while (next < count && sent - answered < PIPELINE) {
          const body = `{"name":"room-${String(next++).padStart(7, "0")}"}`;
          text += `POST /twirp/livekit.RoomService/CreateRoom HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
            `Authorization: Bearer ${jwt}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
          sent++;
        }
        if (text) s.write(text);
        if (next >= count && answered === sent) s.destroy(), done();
      };
      const mark = "HTTP/1.1 200 OK";
      s.on("data", (d) => {
        const text = tail + d.toString("latin1");
        answered += text.split(mark).length - 1;
        tail = text.slice(Math.max(text.lastIndexOf(mark) + 1, text.length - mark.length + 1));
        if (/HTTP\/1.1 [345]/.test(text)) fail(new Error(text.slice(0, 300)));
        more();
      });
      s.on("error", fail);
      more();
    });
  };
  await Promise.all(Array.from({ length: CONNS }, one));
}

// Another caller, meanwhile and on a thread of its own: a room is asked for by name over one kept
// connection.
async function probeMain() {
  const { port, jwt } = workerData;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  let going = true;
  parentPort.once("message", () => (going = false));
  const body = '{"names":["room-0000001"]}';
  while (going) {
    const begun = performance.now();
    await new Promise((done, fail) => {
      const r = request({ agent, host: "127.0.0.1", port, method: "POST", path: "/twirp/livekit.RoomService/ListRooms",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${jwt}`, "Content-Length": body.length } },
        (a) => a.on("data", () => {}).on("end", done).on("error", fail));
      r.on("error", fail);
      r.end(body);
    });
    times.push(performance.now() - begun);
    await sleep(4);
  }
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (q) => Number(times[Math.min(times.length - 1, Math.floor(times.length * q))].toFixed(2));
  parentPort.postMessage({ probes: times.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) });
}

function probe() {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port, jwt } });
  return async () => {
    worker.postMessage("end");
    return (await once(worker, "message"))[0];
  };
}

// Reads the answer as it comes; counts rooms without keeping them.
async function list(type, { stopAfter = Infinity, slow = false } = {}) {
  let peak = rssKb();
  const watch = setInterval(() => (peak = Math.max(peak, rssKb())), 20);
  const begun = performance.now();
  let bytes = 0, rooms = 0, first = 0, tail = Buffer.alloc(0);
  const mark = type === "json" ? Buffer.from('"name":"room-') : Buffer.from([0x12, 12, ...Buffer.from("room-")]);
  await new Promise((done, fail) => {
    const body = type === "json" ? "{}" : "";
    const r = request({ host: "127.0.0.1", port, method: "POST", path: "/twirp/livekit.RoomService/ListRooms",
      headers: { "Content-Type": `application/${type}`, Authorization: `Bearer ${jwt}`, "Content-Length": body.length } }, (a) => {
      if (a.statusCode !== 200) return fail(new Error(`status ${a.statusCode}`));
      a.on("data", (d) => {
        first ||= performance.now() - begun;
        bytes += d.length;
        const all = Buffer.concat([tail, d]);
        for (let at = all.indexOf(mark); at >= 0; at = all.indexOf(mark, at + 1)) rooms++;
        tail = all.subarray(Math.max(0, all.length - mark.length + 1));
        if (bytes > stopAfter) r.destroy(), done();
        if (slow) a.pause(), setTimeout(() => a.resume(), 2);
      });
      a.on("end", done).on("error", fail);
    });
    r.on("error", (e) => (bytes > stopAfter ? done() : fail(e)));
    r.end(body);
  });
  clearInterval(watch);
  return { rooms, megabytes: Number((bytes / 1e6).toFixed(1)), seconds: Number(((performance.now() - begun) / 1000).toFixed(2)),
    first_byte_ms: Number(first.toFixed(1)), rss_peak_mb: Number((peak / 1024).toFixed(1)) };
}

async function main() {
  start();
  jwt = token();
  port = await findPort();
  const figures = { rooms: ROOMS };
  const begun = performance.now();
  await fill(ROOMS);
  figures.created_per_s = Math.round(ROOMS / ((performance.now() - begun) / 1000));
  await sleep(500);
  figures.rss_before_mb = Number((rssKb() / 1024).toFixed(1));
  let end = probe();
  await sleep(3000);
  figures.alone = await end();
  for (const type of ["json", "protobuf"]) {
    end = probe();
    figures[type] = await list(type);
    figures[type].others = await end();
    if (figures[type].rooms !== ROOMS) throw new Error(`${type}: ${figures[type].rooms} of ${ROOMS} rooms`);
  }
  end = probe();
  const several = await Promise.all(Array.from({ length: 8 }, () => list("protobuf")));
  figures.eight_at_once = { seconds: Math.max(...several.map((s) => s.seconds)), rss_peak_mb: Math.max(...several.map((s) => s.rss_peak_mb)), others: await end() };
  for (let i = 0; i < 200; i++) await list("json", { stopAfter: 4_000_000 }); // more than may be held at once
  await sleep(500);
  figures.rss_after_200_gone_mb = Number((rssKb() / 1024).toFixed(1));
  figures.after = await list("protobuf");
  server.kill("SIGTERM");
  console.log(asJson ? JSON.stringify(figures) : JSON.stringify(figures, null, 2));
  process.exit(0);
}

await (isMainThread ? main() : probeMain());
