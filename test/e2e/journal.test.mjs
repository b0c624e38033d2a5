// The journal of a real server: what it brings back, what it refuses, what a kill may take.
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { RoomServiceClient } from "livekit-server-sdk";
import { crash } from "./crash.mjs";
import { Stoa, until } from "./server.mjs";

const binary = process.env.STOA_BIN ?? new URL("../../build/stoa", import.meta.url).pathname;
const base = mkdtempSync(join(tmpdir(), "stoa-journal-"));
after(() => rmSync(base, { recursive: true, force: true }));
let count = 0;
const newFolder = () => join(base, `j${count++}`);
// Answers wait as long as they may: on a busy machine, too, each of them is a promise.
const start = (folder, ...more) => Stoa.start("--stoa.journal.dir", folder, "--stoa.journal.wait", "1s", ...more);
const client = (stoa) => new RoomServiceClient(stoa.url, "devkey", "secret");
const files = (folder) => readdirSync(folder).filter((f) => f.endsWith(".journal")).sort();

async function kill(stoa) {
  stoa.waiting = [];
  stoa.process.kill("SIGKILL");
  await stoa.exit;
}

// What a start that must fail says.
function refusedStart(folder) {
  const r = spawnSync(binary, ["serve", "--dev", "--port", "0", "--udp-port", "0", "--prometheus.port", "0", "--stoa.journal.dir", folder], { encoding: "utf8", timeout: 10_000 });
  assert.equal(r.status, 1, r.stderr);
  return r.stderr.split("\n").filter((l) => l.startsWith("{")).map((l) => JSON.parse(l)).find((e) => e.event === "journal_refused");
}

const byName = (rooms) => Object.fromEntries(rooms.map((r) => [r.name, r]));

test("rooms outlive SIGKILL and a stop, deleted ones stay deleted", async () => {
  const folder = newFolder();
  let stoa = await start(folder);
  const created = await client(stoa).createRoom({ name: "a", metadata: "one", emptyTimeout: 600, departureTimeout: 61, maxParticipants: 7 });
  await client(stoa).createRoom({ name: "gone" });
  await client(stoa).createRoom({ name: "b" });
  await client(stoa).updateRoomMetadata("a", "two");
  await client(stoa).deleteRoom("gone");
  assert.equal(await stoa.metric("stoa_journal_waits_total", 'result="late"'), 0);
  assert.equal(await stoa.metric("stoa_journal_waits_total", 'result="written"'), 5);
  await kill(stoa);

  for (const end of [kill, (s) => s.stop()]) {
    stoa = await start(folder);
    const read = await stoa.event("journal_read");
    assert.equal(read.rooms, 2);
    const rooms = byName(await client(stoa).listRooms());
    assert.deepEqual(Object.keys(rooms).sort(), ["a", "b"]);
    const { sid, metadata, emptyTimeout, departureTimeout, maxParticipants, creationTimeMs } = rooms.a;
    assert.deepEqual(
      { sid, metadata, emptyTimeout, departureTimeout, maxParticipants, creationTimeMs },
      { sid: created.sid, metadata: "two", emptyTimeout: 600, departureTimeout: 61, maxParticipants: 7, creationTimeMs: created.creationTimeMs },
    );
    await end(stoa);
  }
});

test("its files are for nobody else", async () => {
  const folder = newFolder();
  const stoa = await start(folder);
  await client(stoa).createRoom({ name: "a" });
  await stoa.stop();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
});

test("without a folder it says once that rooms live in memory", async () => {
  const stoa = await Stoa.start();
  await client(stoa).createRoom({ name: "a" });
  await stoa.stop();
  assert.equal(stoa.lines.filter((l) => l.includes('"journal_off"')).length, 1);
});

test("a torn end is cut, counted and told", async () => {
  const folder = newFolder();
  let stoa = await start(folder);
  await client(stoa).createRoom({ name: "a" });
  await kill(stoa);
  const last = join(folder, files(folder).at(-1));
  appendFileSync(last, Buffer.from([0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3]));
  stoa = await start(folder);
  assert.equal((await stoa.event("journal_read")).cut_bytes, 11);
  assert.equal(await stoa.metric("stoa_journal_cut_bytes_total"), 11);
  assert.deepEqual(Object.keys(byName(await client(stoa).listRooms())), ["a"]);
  await client(stoa).createRoom({ name: "b" });
  await kill(stoa);
  stoa = await start(folder);
  assert.equal((await stoa.event("journal_read")).rooms, 2);
  await stoa.stop();
});

test("a newer, a foreign and a used journal are refused and left as they are", async () => {
  const folder = newFolder();
  const stoa = await start(folder);
  await client(stoa).createRoom({ name: "a" });
  assert.match(refusedStart(folder).reason, /another process has it/);
  await stoa.stop();
  const file = join(folder, files(folder)[0]);
  const good = readFileSync(file);
  for (const [at, byte, reason] of [[11, 2, /newer version/], [0, 0x78, /is none/]]) {
    const changed = Buffer.from(good);
    changed[at] = byte;
    writeFileSync(file, changed);
    assert.match(refusedStart(folder).reason, reason);
    assert.deepEqual(readFileSync(file), changed);
  }
  const open = newFolder();
  mkdirSync(open);
  spawnSync("chmod", ["777", open]);
  assert.match(refusedStart(open).reason, /others may write/);
  assert.match(refusedStart(join(base, "none", "journal")).reason, /does not exist/);
});

const tool = (...args) => spawnSync(binary, ["journal", ...args], { encoding: "utf8", timeout: 20_000, maxBuffer: 64 << 20 });

test("check, dump and compact tell what is in it", async () => {
  const folder = newFolder();
  let stoa = await start(folder);
  for (const name of ["a", "gone", 'quote"d']) await client(stoa).createRoom({ name, metadata: `of ${name}`, maxParticipants: 3 });
  await client(stoa).deleteRoom("gone");
  const sid = byName(await client(stoa).listRooms()).a.sid;
  assert.match(tool("compact", folder).stderr, /another process has it/);
  assert.equal(tool("check", folder).status, 0); // reading is for everybody
  await kill(stoa);

  const check = JSON.parse(tool("check", folder, "--json").stdout);
  assert.deepEqual([check.sound, check.version, check.rooms, check.torn_bytes], [true, 1, 4, 0]);
  const lines = tool("dump", folder).stdout.trim().split("\n").map((l) => JSON.parse(l));
  assert.deepEqual(lines.filter((l) => l.type === "room").map((l) => [l.name, l.alive]), [["a", true], ["gone", true], ['quote"d', true], ["gone", false]]);
  assert.equal(lines[2].lives[0].metadata, 'of quote"d');
  assert.equal(lines[0].lives[0].settings.max_participants, 3);

  assert.equal(tool("compact", folder).status, 0);
  const after = tool("dump", folder).stdout.trim().split("\n").map((l) => JSON.parse(l));
  assert.deepEqual(after.map((l) => l.type), ["snapshot_begin", "clock", "room", "room", "room", "snapshot_end"]);
  assert.equal(after.find((l) => l.name === "gone").alive, false); // a peer may not have heard of it
  appendFileSync(join(folder, files(folder).at(-1)), "torn");
  const torn = tool("check", folder);
  assert.deepEqual([torn.status, /4 bytes in 1 files/.test(torn.stdout)], [1, true]);

  stoa = await start(folder);
  const rooms = byName(await client(stoa).listRooms());
  assert.deepEqual([Object.keys(rooms).sort(), rooms.a.sid], [["a", 'quote"d'], sid]);
  await stoa.stop();
  assert.equal(tool("check", join(base, "none")).status, 1);
  assert.equal(tool("compact", join(base, "none")).status, 1);
  assert.ok(!readdirSync(base).includes("none"));
  assert.equal(tool("check").status, 2);
});

test("it is compacted while it serves, within its bound", async () => {
  const folder = newFolder();
  const most = 16 << 20;
  let stoa = await start(folder, "--stoa.journal.bytes_max", String(most));
  const rooms = client(stoa);
  const metadata = "m".repeat(400_000);
  for (let i = 0; i < 5; i++) await rooms.createRoom({ name: `kept${i}`, metadata: `${i}` });
  await rooms.createRoom({ name: "big" });
  let largest = 0;
  for (let i = 0; i < 60; i++) {
    await rooms.updateRoomMetadata("big", `${i} ${metadata}`);
    if (i % 5 === 0) largest = Math.max(largest, await stoa.metric("stoa_journal_bytes", 'what="log"'));
  }
  await until("a snapshot is done", () => stoa.metric("stoa_journal_snapshots_total", 'result="ok"'));
  assert.ok(largest < 2 * most, `${largest} bytes`);
  await kill(stoa);
  stoa = await start(folder);
  const found = byName(await client(stoa).listRooms());
  assert.equal(Object.keys(found).length, 6);
  assert.match(found.big.metadata, /^59 /);
  assert.equal(found.kept3.metadata, "3");
  await stoa.stop();
});

test("SIGKILL at random moments takes nothing that was acknowledged", async () => {
  const figures = await crash({ kills: 20 });
  assert.deepEqual(figures.faults, []);
  assert.equal(figures.kills, 20);
  assert.ok(figures.acknowledged > 100, `${figures.acknowledged} calls`);
});
