// SIGHUP: keys, certificate and the webhooks' signing key are read again; what is broken changes nothing.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Room, dispose } from "@livekit/rtc-node";
import { AccessToken, RoomServiceClient, WebhookReceiver } from "livekit-server-sdk";
import { Stoa, until } from "./server.mjs";

const directory = mkdtempSync(join(tmpdir(), "stoa-reload-"));
const path = (name) => join(directory, name);
const OLD = "old-secret-of-more-than-32-characters", NEW = "new-secret-of-more-than-32-characters";
const started = [];

async function start(...args) {
  const stoa = await Stoa.start(...args);
  stoa.reloads = 0;
  started.push(stoa);
  return stoa;
}
after(async () => {
  await dispose();
  for (const stoa of started) await stoa.stop();
  rmSync(directory, { recursive: true });
});

// Sends SIGHUP and gives the log line that says what became of it.
async function reload(stoa) {
  const said = () => stoa.lines.filter((l) => /"event":"reload(ed|_failed)"/.test(l));
  const before = said().length;
  stoa.process.kill("SIGHUP");
  await until("the reload is logged", () => said().length > before);
  return JSON.parse(said()[before]);
}

const tries = async (stoa, key, secret) => {
  try {
    await new RoomServiceClient(stoa.url, key, secret).listRooms();
    return "valid";
  } catch (e) {
    return `${e.status} ${e.message}`;
  }
};
const REFUSED = /^401 .*invalid API key/;
const keysYaml = (keys) => `keys:\n${Object.entries(keys).map(([k, s]) => `  ${k}: ${s}\n`).join("")}`;

test("keys of the configuration file", async () => {
  const file = path("stoa.yaml");
  writeFileSync(file, keysYaml({ first: OLD, second: OLD }));
  const stoa = await start("--config", file);
  assert.equal(await tries(stoa, "first", OLD), "valid");
  assert.match(await tries(stoa, "third", NEW), REFUSED);

  const at = new AccessToken("first", OLD, { identity: "ann", ttl: 600 });
  at.addGrant({ roomJoin: true, room: "stays" });
  const jwt = await at.toJwt();
  const room = new Room();
  await room.connect(stoa.wsUrl, jwt, { autoSubscribe: true, dynacast: false });

  writeFileSync(file, keysYaml({ third: NEW, second: NEW }));
  const said = await reload(stoa);
  assert.deepEqual([said.event, said.keys], ["reloaded", 2]);
  assert.equal(await tries(stoa, "third", NEW), "valid");
  assert.equal(await tries(stoa, "second", NEW), "valid");
  assert.match(await tries(stoa, "first", OLD), REFUSED);
  assert.match(await tries(stoa, "second", OLD), /^401 .*signature is invalid/);
  // Who was in stays in; who comes with a token of a removed key does not get in.
  const api = new RoomServiceClient(stoa.url, "third", NEW);
  assert.deepEqual((await api.listParticipants("stays")).map((p) => p.identity), ["ann"]);
  await api.updateParticipant("stays", "ann", { metadata: "still here" });
  await until("the session hears it", () => room.localParticipant.metadata === "still here");
  await assert.rejects(new Room().connect(stoa.wsUrl, jwt, { autoSubscribe: true, dynacast: false }));
  await room.disconnect();
});

test("a broken file leaves the old keys and says why", async () => {
  const file = path("broken.yaml");
  writeFileSync(file, keysYaml({ good: OLD }));
  const stoa = await start("--config", file);
  for (const [text, reason] of [
    ["keys: [unclosed\n", /broken\.yaml/],
    [`${keysYaml({ other: NEW })}no_such_setting: 1\n`, /no_such_setting/],
    [`${keysYaml({ other: NEW })}port: many\n`, /port/],
    [`${keysYaml({ other: NEW })}webhook:\n  urls: ["http://127.0.0.1:1/"]\n  api_key: gone\n`, /api_key is required/],
  ]) {
    writeFileSync(file, text);
    const said = await reload(stoa);
    assert.equal(said.event, "reload_failed");
    assert.match(said.reason, reason);
    assert.equal(await tries(stoa, "good", OLD), "valid");
    assert.match(await tries(stoa, "other", NEW), REFUSED);
  }
  rmSync(file);
  assert.equal((await reload(stoa)).event, "reload_failed");
  assert.equal(await tries(stoa, "good", OLD), "valid");
  writeFileSync(file, keysYaml({ other: NEW }));
  assert.equal((await reload(stoa)).event, "reloaded");
  assert.equal(await tries(stoa, "other", NEW), "valid");
});

test("a key file", async () => {
  const file = path("keys.yaml");
  writeFileSync(file, `one: ${OLD}\n`, { mode: 0o600 });
  const stoa = await start("--key-file", file);
  assert.equal(await tries(stoa, "one", OLD), "valid");
  writeFileSync(file, `two: ${NEW}\n`);
  chmodSync(file, 0o644);
  assert.match((await reload(stoa)).reason, /others permissions/);
  assert.equal(await tries(stoa, "one", OLD), "valid");
  chmodSync(file, 0o600);
  assert.equal((await reload(stoa)).event, "reloaded");
  assert.equal(await tries(stoa, "two", NEW), "valid");
  assert.match(await tries(stoa, "one", OLD), REFUSED);
});

test("many reloads under load: each call is answered by one set of keys or the other", async () => {
  const file = path("busy.yaml");
  writeFileSync(file, keysYaml({ a: OLD, both: OLD }));
  const stoa = await start("--config", file);
  let going = true, calls = 0;
  const client = new RoomServiceClient(stoa.url, "both", OLD);
  const caller = (async () => {
    while (going) {
      await Promise.all(Array.from({ length: 8 }, () => client.listRooms(["none"])));
      calls += 8;
    }
  })();
  for (let i = 0; i < 20; i++) {
    writeFileSync(file, keysYaml({ [i % 2 ? "a" : "b"]: OLD, both: OLD }));
    await reload(stoa);
    assert.equal(await tries(stoa, i % 2 ? "a" : "b", OLD), "valid");
    assert.match(await tries(stoa, i % 2 ? "b" : "a", OLD), REFUSED);
  }
  going = false;
  await caller; // none was refused
  assert.ok(calls > 0);
});

function certificate(name) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
    "-subj", `/CN=${name}`, "-keyout", path(`${name}.key`), "-out", path(`${name}.crt`)], { stdio: "ignore" });
  chmodSync(path(`${name}.key`), 0o600);
}

async function shownName(port) {
  const s = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(s, "secureConnect");
  return [s.getPeerCertificate().subject.CN, s];
}

test("the TLS certificate", async () => {
  certificate("before.example");
  certificate("after.example");
  const install = (name) => {
    copyFileSync(path(`${name}.crt`), path("tls.crt"));
    copyFileSync(path(`${name}.key`), path("tls.key"));
  };
  install("before.example");
  const stoa = await start("--stoa.tls_cert_file", path("tls.crt"), "--stoa.tls_key_file", path("tls.key"));
  const [first, open] = await shownName(stoa.port);
  assert.equal(first, "before.example");
  writeFileSync(path("tls.crt"), "no certificate\n");
  const said = await reload(stoa);
  assert.deepEqual([said.event, said.part, said.reason], ["reload_failed", "stoa.tls_cert_file", "malformed input"]);
  const [still, second] = await shownName(stoa.port);
  assert.equal(still, "before.example");
  install("after.example");
  await until("the new one is shown", async () => {
    await reload(stoa);
    const [name, s] = await shownName(stoa.port);
    s.destroy();
    return name === "after.example";
  });
  // A connection from before goes on.
  open.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(String((await once(open, "data"))[0]), /^HTTP\/1\.1 200/);
  open.destroy();
  second.destroy();
});

test("webhooks are signed with the new key", async () => {
  const seen = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const part of req.setEncoding("utf8")) body += part;
    seen.push({ body, authorization: req.headers.authorization });
    res.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const file = path("hook.yaml");
  const write = (keys, name) => writeFileSync(file,
    `${keysYaml(keys)}webhook:\n  urls: ["http://127.0.0.1:${server.address().port}/"]\n  api_key: ${name}\n`);
  write({ one: OLD }, "one");
  const stoa = await start("--config", file);
  await new RoomServiceClient(stoa.url, "one", OLD).createRoom({ name: "by-one" });
  await until("the first is in", () => seen.length === 1);
  assert.equal((await new WebhookReceiver("one", OLD).receive(seen[0].body, seen[0].authorization)).room.name, "by-one");
  write({ one: NEW }, "one"); // another secret of the same key
  assert.equal((await reload(stoa)).event, "reloaded");
  await new RoomServiceClient(stoa.url, "one", NEW).createRoom({ name: "by-new-secret" });
  await until("the second is in", () => seen.length === 2);
  await new WebhookReceiver("one", NEW).receive(seen[1].body, seen[1].authorization);
  write({ two: OLD }, "two"); // another key
  assert.equal((await reload(stoa)).event, "reloaded");
  await new RoomServiceClient(stoa.url, "two", OLD).createRoom({ name: "by-two" });
  await until("the third is in", () => seen.length === 3);
  await new WebhookReceiver("two", OLD).receive(seen[2].body, seen[2].authorization);
  assert.equal(JSON.parse(Buffer.from(seen[2].authorization.split(".")[1], "base64url")).iss, "two");
  server.close();
});
