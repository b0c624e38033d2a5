// The program's own commands, run as people and scripts run them, against a real server.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoomServiceClient, TokenVerifier } from "livekit-server-sdk";
import { Stoa, freePort } from "./server.mjs";

const binary = process.env.STOA_BIN ?? new URL("../../build/stoa", import.meta.url).pathname;
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("LIVEKIT_")));

// Runs a command to its end; never throws for its exit status.
function run(args, env = {}) {
  return new Promise((resolve) => {
    execFile(binary, args, { env: { ...clean, ...env }, timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

let stoa, client, folder;
const room = (...args) => run(["room", ...args], { LIVEKIT_URL: stoa.url });

before(async () => {
  stoa = await Stoa.start();
  client = new RoomServiceClient(stoa.url, "devkey", "secret");
  folder = await mkdtemp(join(tmpdir(), "stoa-cli-"));
});
after(async () => {
  await stoa?.stop();
  if (folder) await rm(folder, { recursive: true });
});

async function file(name, text) {
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

test("room create, list, update and delete do what the SDK sees", async () => {
  const made = await room("create", "lobby", "--dev", "--metadata", "m", "--empty-timeout", "77", "--max-participants=3", "--json");
  assert.equal(made.code, 0, made.stderr);
  const answer = JSON.parse(made.stdout);
  const [seen] = await client.listRooms(["lobby"]);
  assert.equal(answer.sid, seen.sid);
  assert.equal(seen.emptyTimeout, 77);
  assert.equal(seen.maxParticipants, 3);
  assert.equal(seen.metadata, "m");
  assert.equal(answer.emptyTimeout, 77);

  const listed = JSON.parse((await room("list", "--json", "--dev")).stdout);
  assert.deepEqual(listed.rooms.map((r) => r.name), ["lobby"]);
  const table = await room("list", "lobby", "--dev");
  assert.match(table.stdout, new RegExp(`^ROOM ID .*NAME\n${seen.sid} +0 +0  lobby\n$`));
  assert.deepEqual(JSON.parse((await room("list", "other", "--json", "--dev")).stdout), { rooms: [] });

  const updated = await room("update", "lobby", "--metadata", "new", "--dev");
  assert.equal(updated.code, 0, updated.stderr);
  assert.equal((await client.listRooms(["lobby"]))[0].metadata, "new");
  await room("update", "lobby", "--metadata", "", "--dev");
  assert.equal((await client.listRooms(["lobby"]))[0].metadata, "");

  assert.equal((await room("delete", "lobby", "--dev")).stdout, "deleted lobby\n");
  assert.deepEqual(await client.listRooms(), []);
  const again = await room("delete", "lobby", "--dev");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^stoa: twirp error not_found: .*requested room does not exist\n$/);
});

test("names that could steer a terminal are shown, not sent to it", async () => {
  await client.createRoom({ name: "red\u001b[31m\n\u009b1m" });
  const table = await room("list", "--dev");
  assert.ok(table.stdout.endsWith("red\\u001b[31m\\u000a\\u009b1m\n"));
  assert.equal(JSON.parse((await room("list", "--dev", "--json")).stdout).rooms[0].name, "red\u001b[31m\n\u009b1m");
  assert.equal((await room("delete", "--dev", "red\u001b[31m\n\u009b1m")).code, 0);
});

test("many rooms are listed whole", async () => {
  const names = Array.from({ length: 500 }, (_, i) => `many-${i}`);
  await Promise.all(names.map((name) => client.createRoom({ name, metadata: "x".repeat(1000) })));
  const listed = JSON.parse((await room("list", "--json", "--dev")).stdout);
  assert.deepEqual(listed.rooms.map((r) => r.name).sort(), names.sort());
  await Promise.all(names.map((name) => client.deleteRoom(name)));
});

test("keys come from options, environment or configuration", async () => {
  const env = { LIVEKIT_URL: stoa.url };
  assert.equal((await room("list", "--api-key", "devkey", "--api-secret", "secret")).code, 0);
  assert.equal((await run(["room", "list"], { ...env, LIVEKIT_API_KEY: "devkey", LIVEKIT_API_SECRET: "secret" })).code, 0);
  assert.equal((await run(["room", "list"], { ...env, LIVEKIT_KEYS: "devkey: secret" })).code, 0);
  const config = await file("keys.yaml", "keys:\n  devkey: secret\n");
  assert.equal((await room("list", "--config", config)).code, 0);
  const none = await room("list");
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no key/);
  const wrong = await room("list", "--api-key", "devkey", "--api-secret", "nope");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /the server answered 401: .*signature is invalid/);
  const unknown = await room("list", "--api-key", "nobody", "--api-secret", "nope");
  assert.match(unknown.stderr, /the server answered 401: invalid API key/);
});

test("a server that is not there, or not to be spoken to, is said", async () => {
  const down = await run(["room", "list", "--dev", "--url", `http://127.0.0.1:${await freePort()}`]);
  assert.equal(down.code, 1);
  assert.match(down.stderr, /no server answers there/);
  const tls = await run(["room", "list", "--dev", "--url", "https://example.org"]);
  assert.equal(tls.code, 1);
  assert.match(tls.stderr, /plain http only/);
  assert.equal((await run(["room", "list", "--dev", "--url", "localhost:7880"])).code, 1);
});

test("wrong usage ends with 2, help with 0", async () => {
  for (const args of [["room"], ["room", "creat"], ["nope"], ["room", "create", "--dev"], ["room", "create", "a", "b", "--dev"],
    ["room", "update", "a", "--dev"], ["room", "list", "--nope"], ["room", "list", "--api-key", "k"], ["create-join-token", "--dev"],
    ["token", "create", "--dev", "stray"], ["version", "stray"], ["serve", "--nope"], ["--port"], ["serve", "--cpuprofile", "f"],
    ["config", "check", "--nope"], ["help", "nope"]]) {
    const { code, stderr } = await run(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, /^stoa: /);
  }
  for (const args of [["help"], ["--help"], ["help", "room"], ["room", "create", "--help"], ["serve", "-h"], ["version"], ["--version"]]) {
    const { code, stdout } = await run(args);
    assert.equal(code, 0, args.join(" "));
    assert.match(stdout, /stoa/);
  }
});

test("config check tells what the server would", async () => {
  const keys = "keys:\n  a: 12345678901234567890123456789012\n";
  const good = await run(["config", "check", "--config", await file("good.yaml", keys)]);
  assert.deepEqual([good.code, good.stdout, good.stderr], [0, "OK\n", ""]);

  const redis = await file("redis.yaml", `${keys}redis:\n  address: redis:6379\n`);
  const warned = await run(["config", "check", "--config", redis]);
  assert.equal(warned.code, 0);
  assert.match(warned.stdout, /^warning: redis\.address: there is no Redis here.*\nOK\n$/);
  const json = JSON.parse((await run(["config", "check", "--json", "--config", redis])).stdout);
  assert.equal(json.ok, true);
  assert.deepEqual(json.warnings.map((w) => w.setting), ["redis.address"]);

  const path = await file("bad.yaml", `${keys}room:\n  auto_creat: true\n`);
  const bad = await run(["config", "check", "--config", path]);
  assert.deepEqual([bad.code, bad.stderr], [1, `stoa: ${path}:4: room.auto_creat: no such setting\n`]);
  const served = await run(["serve", "--config", path]);
  assert.deepEqual([served.code, served.stderr], [bad.code, bad.stderr]);
  assert.equal(JSON.parse((await run(["config", "check", "--json", "--config", path])).stdout).ok, false);
  assert.equal((await run(["config", "check", "--config", path, "--disable-strict-config"])).code, 0);

  const hooks = await file("hooks.yaml", `${keys}webhook:\n  urls: [http://127.0.0.1:1]\n`);
  assert.equal((await run(["config", "check", "--config", hooks])).stderr, "stoa: webhook: api_key is required to use webhooks\n");
  assert.match((await run(["config", "check"])).stderr, /^stoa: keys: none is configured/);
});

test("config sample is a file that the server takes", async () => {
  const { code, stdout } = await run(["config", "sample"]);
  assert.equal(code, 0);
  const path = await file("sample.yaml", stdout);
  assert.equal((await run(["config", "check", "--config", path, "--dev"])).stdout, "OK\n");
});

test("a pair from generate-keys opens a server of its own", async () => {
  const text = await run(["generate-keys"]);
  assert.match(text.stdout, /^API Key:  API\w{12}\nAPI Secret:  \w{43}\n$/);
  const { apiKey, apiSecret } = JSON.parse((await run(["generate-keys", "--json"])).stdout);
  const own = await Stoa.start("--keys", `${apiKey}: ${apiSecret}`, "--stoa.keys_strict");
  try {
    const pair = ["--api-key", apiKey, "--api-secret", apiSecret, "--url", own.url];
    assert.equal((await run(["room", "create", "a", ...pair])).code, 0);
    assert.equal((await run(["room", "list", "--dev", "--url", own.url])).code, 1);
    const { stdout } = await run(["token", "create", "--list", "--api-key", apiKey, "--api-secret", apiSecret]);
    const answer = await fetch(`${own.url}/twirp/livekit.RoomService/ListRooms`, {
      method: "POST", body: "{}", headers: { "Content-Type": "application/json", Authorization: `Bearer ${stdout.trim()}` },
    });
    assert.equal(answer.status, 200);
  } finally {
    await own.stop();
  }
});

test("tokens carry what was asked for", async () => {
  const verifier = new TokenVerifier("devkey", "secret");
  const { token } = JSON.parse((await run(["token", "create", "--dev", "--json", "--join", "--room", "r", "--identity", "ann", "--name", "Ann",
    "--metadata", "m", "--valid-for", "90m"])).stdout);
  const claims = await verifier.verify(token);
  assert.equal(claims.sub, "ann");
  assert.equal(claims.name, "Ann");
  assert.equal(claims.metadata, "m");
  assert.deepEqual(claims.video, { roomJoin: true, room: "r" });
  assert.equal(claims.exp - claims.nbf, 5400);

  const join = await run(["create-join-token", "--dev", "--room", "r", "--identity", "bot", "--recorder"]);
  assert.match(join.stdout, /^Token: /);
  const bot = await verifier.verify(join.stdout.trim().slice("Token: ".length));
  assert.equal(bot.video.recorder, true);
  assert.equal(bot.video.hidden, true);
  assert.equal(bot.video.canPublish, false);
});

test("ports are those of the settings", async () => {
  const { stdout } = await run(["ports", "--port", "1", "--rtc.udp_port", "7000-7009", "--stoa.media_workers", "2"]);
  assert.match(stdout, /^1\/tcp .*\n7000-7001\/udp .*\n7881\/tcp .*\n6789\/tcp .*\n$/);
  const json = JSON.parse((await run(["ports", "--json", "--prometheus.port", "0"])).stdout);
  assert.deepEqual(json.map((p) => [p.protocol, p.first]), [["tcp", 7880], ["udp", 7882], ["tcp", 7881]]);
});

test("a server warns of what it does not have, once each, and of short secrets", async () => {
  const own = await Stoa.start("--dev=false", "--keys", "short: secret", "--redis-host", "r:6379", "--turn.enabled", "--limit.max_metadata_size", "0");
  const named = own.lines.map((l) => JSON.parse(l)).filter((e) => e.event === "setting").map((e) => e.name);
  await own.stop();
  assert.deepEqual(named.sort(), ["keys: secret of short", "limit.max_metadata_size", "redis.address", "turn.enabled"]);
});
