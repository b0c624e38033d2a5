// What callers notice of a disk that is full, and of one that freezes: CreateRoom at a steady rate on
// a small ext4 of its own, and after SIGKILL all that was answered while the disk was well, and all
// that was owed when it came back, must be there. Needs root and a loop device.
// Usage: ./dev bench journal_disk [--rate N] [--seconds N] [--json]
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, sign } from "../e2e/crash.mjs";
import { freePort } from "../e2e/server.mjs";

const option = (name, preset) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : preset);
const rate = option("--rate", 200), seconds = option("--seconds", 5);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const run = (...args) => execFileSync(args[0], args.slice(1), { stdio: ["ignore", "pipe", "pipe"] }).toString();

const base = mkdtempSync(join(tmpdir(), "stoa-disk-"));
const image = join(base, "image"), mount = join(base, "mount"), filler = join(mount, "filler");
const token = sign({ roomCreate: true, roomList: true });
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const answered = [];
let server, number = 0, frozen = false, mounted = false;

function call(method, body) {
  const data = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const r = request(
      { agent, host: "127.0.0.1", port: server.port, method: "POST", path: `/twirp/livekit.RoomService/${method}`,
        headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(data), Authorization: `Bearer ${token}` } },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (t) => (text += t));
        answer.on("end", () => (answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${answer.statusCode} ${text}`))));
      },
    );
    r.on("error", reject);
    r.end(data);
  });
}

async function metric(name) {
  const text = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
  return text.split("\n").filter((l) => l.startsWith(name)).reduce((n, l) => n + Number(l.slice(l.lastIndexOf(" "))), 0);
}

// Requests leave on time whatever the answers do; latency counts from when they should have left.
async function phase(name) {
  const latencies = [], calls = [], began = performance.now();
  const late = await metric('stoa_journal_waits_total{result="late"'), skipped = await metric('stoa_journal_waits_total{result="skipped"');
  for (let i = 0; i < rate * seconds; i++) {
    const due = began + (i * 1000) / rate;
    if (due > performance.now()) await sleep(due - performance.now());
    const room = `r${number++}`, from = performance.now();
    calls.push(call("CreateRoom", { name: room, metadata: "m".repeat(200), emptyTimeout: 86400 }).then(() => {
      latencies.push(performance.now() - from);
      answered.push(room);
    }));
  }
  await Promise.all(calls);
  latencies.sort((a, b) => a - b);
  const at = (share) => Number(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))].toFixed(2));
  const figures = { calls: latencies.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1),
    late: (await metric('stoa_journal_waits_total{result="late"')) - late, skipped: (await metric('stoa_journal_waits_total{result="skipped"')) - skipped,
    owed: await metric('stoa_dir_owed{to="journal"'), state: await metric("stoa_journal_state{") };
  console.log(`${name.padEnd(22)} ${JSON.stringify(figures)}`);
  return figures;
}

// Milliseconds until nothing is owed and answers wait again.
async function recovered() {
  const began = performance.now();
  for (;;) {
    const owed = await metric('stoa_dir_owed{to="journal"'), skipping = await metric("stoa_journal_skipping{"), unwritten = await metric("stoa_journal_unwritten_milliseconds{");
    if (owed === 0 && skipping === 0 && unwritten === 0) return Math.round(performance.now() - began);
    if (performance.now() - began > 60_000) throw new Error(`the journal does not come back: ${owed} owed`);
    await sleep(50);
  }
}

function fill() {
  const fd = openSync(filler, "w"), block = Buffer.alloc(65536);
  for (let size = block.length; size >= 512; ) {
    try {
      writeSync(fd, block, 0, size);
    } catch (error) {
      if (error.code !== "ENOSPC") throw error;
      size /= 2;
    }
  }
  closeSync(fd);
}

async function main() {
  mkdirSync(mount);
  run("truncate", "-s", "64M", image);
  run("mkfs.ext4", "-q", "-F", "-m", "0", image);
  run("mount", "-o", "loop", image, mount);
  mounted = true;
  server = new Server(join(mount, "journal"), ["--stoa.journal.bytes_max", "16777216"], await freePort());
  await server.start();
  const result = { bench: "journal_disk", rate };
  await phase("warming up");
  result.well = await phase("well");
  fill();
  result.full = await phase("full");
  unlinkSync(filler);
  result.full_recovered_ms = await recovered();
  result.well_again = await phase("well again");
  run("fsfreeze", "-f", mount);
  frozen = true;
  result.frozen = await phase("frozen");
  run("fsfreeze", "-u", mount);
  frozen = false;
  result.frozen_recovered_ms = await recovered();
  result.well_at_last = await phase("well at last");
  await sleep(200);
  await server.kill();
  agent.destroy();
  await server.start();
  const names = new Set((await call("ListRooms", {})).rooms.map((r) => r.name));
  result.answered = answered.length;
  result.lost = answered.filter((n) => !names.has(n)).length;
  console.log(`recovered in ${result.full_recovered_ms} ms and ${result.frozen_recovered_ms} ms; ${result.lost} of ${result.answered} lost`);
  if (process.argv.includes("--json")) console.log(JSON.stringify(result));
  if (result.lost > 0) process.exitCode = 1;
}

try {
  await main();
} finally {
  if (frozen) run("fsfreeze", "-u", mount);
  if (server?.process && server.process.exitCode === null && server.process.signalCode === null) await server.kill();
  agent.destroy();
  if (mounted) run("umount", mount);
  rmSync(base, { recursive: true, force: true });
}
