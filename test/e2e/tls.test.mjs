// TLS at the front door: the API, a WebSocket, what is not TLS, and certificates that do not fit.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { request } from "node:https";
import { randomBytes, createHash } from "node:crypto";
import { once } from "node:events";
import { AccessToken } from "livekit-server-sdk";
import * as proto from "@livekit/protocol";
import { Stoa, until } from "./server.mjs";

const directory = mkdtempSync(join(tmpdir(), "stoa-tls-"));
const certificate = join(directory, "tls.crt");
const key = join(directory, "tls.key");
let stoa, ca, bearer;

before(async () => {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate], { stdio: "ignore" });
  chmodSync(key, 0o600);
  ca = readFileSync(certificate);
  stoa = await Stoa.start("--stoa.tls_cert_file", certificate, "--stoa.tls_key_file", key);
  const at = new AccessToken("devkey", "secret", { identity: "me", ttl: 600 });
  at.addGrant({ roomCreate: true, roomList: true, roomJoin: true, room: "r" });
  bearer = await at.toJwt();
});
after(async () => {
  await stoa?.stop();
  rmSync(directory, { recursive: true });
});

function call(method, body, options = {}) {
  return new Promise((resolve, reject) => {
    const r = request({ host: "127.0.0.1", port: stoa.port, ca, method: "POST", path: `/twirp/livekit.RoomService/${method}`,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${bearer}` }, ...options }, async (answer) => {
      let text = "";
      for await (const part of answer) text += part;
      resolve({ status: answer.statusCode, body: JSON.parse(text) });
    });
    r.on("error", reject);
    r.end(JSON.stringify(body));
  });
}

test("calls of the API, small and large, over one TLS connection", async () => {
  const { Agent } = await import("node:https");
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  const metadata = "m".repeat(400_000); // many TLS records in and out
  const created = await call("CreateRoom", { name: "r", metadata }, { agent });
  assert.equal(created.status, 200);
  assert.equal(created.body.metadata, metadata);
  for (let i = 0; i < 20; i++) assert.equal((await call("ListRooms", { names: ["r"] }, { agent })).body.rooms[0].sid, created.body.sid);
  assert.ok((await stoa.metric("stoa_connections_accepted_total")) <= 3, "the connection was kept");
  agent.destroy();
});

test("old versions and clients that are not ours are refused and counted", async () => {
  const failed = await stoa.metric("stoa_edge_refused_total", 'reason="tls_handshake"');
  const old = connect({ port: stoa.port, host: "127.0.0.1", ca, minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" });
  await assert.rejects(once(old, "secureConnect"), /protocol version/);
  const http2 = connect({ port: stoa.port, host: "127.0.0.1", ca, ALPNProtocols: ["h2"] });
  await assert.rejects(once(http2, "secureConnect"), /no application protocol/);
  const plain = connectPlain(stoa.port, "127.0.0.1");
  plain.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  plain.resume();
  await once(plain, "close");
  await until("they are counted", async () => (await stoa.metric("stoa_edge_refused_total", 'reason="tls_handshake"')) === failed + 3);
  assert.equal((await call("ListRooms", { names: [] })).status, 200);
});

test("a WebSocket: join, ping, leave", async () => {
  const socket = connect({ port: stoa.port, host: "127.0.0.1", ca, ALPNProtocols: ["http/1.1"] });
  await once(socket, "secureConnect");
  const nonce = randomBytes(16).toString("base64");
  let bytes = Buffer.alloc(0);
  let ended = false;
  socket.on("data", (d) => (bytes = Buffer.concat([bytes, d])));
  socket.on("close", () => (ended = true));
  // Cut within the request: two TLS records.
  socket.write("GET /rtc?sdk=js&protocol=16&auto_subscribe=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
  socket.write(`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${nonce}\r\nAuthorization: Bearer ${bearer}\r\n\r\n`);
  await until("101", () => bytes.includes("\r\n\r\n"));
  const head = bytes.subarray(0, bytes.indexOf("\r\n\r\n") + 4);
  assert.match(head.toString(), /^HTTP\/1\.1 101 /);
  const accept = createHash("sha1").update(nonce + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  assert.ok(head.includes(`Sec-WebSocket-Accept: ${accept}\r\n`));
  bytes = bytes.subarray(head.length);

  const next = async () => {
    await until("a frame", () => bytes.length >= 2);
    const at = { 126: 4, 127: 10 }[bytes[1]] ?? 2;
    await until("its head", () => bytes.length >= at);
    const len = at === 10 ? Number(bytes.readBigUInt64BE(2)) : at === 4 ? bytes.readUInt16BE(2) : bytes[1];
    await until("its payload", () => bytes.length >= at + len);
    const payload = bytes.subarray(at, at + len);
    const opcode = bytes[0] & 15;
    bytes = bytes.subarray(at + len);
    return opcode === 2 ? proto.SignalResponse.fromBinary(payload).message : { case: `opcode ${opcode}` };
  };
  const nextOf = async (name) => {
    for (;;) {
      const m = await next();
      if (m.case === name) return m.value;
    }
  };
  const send = (message) => {
    const payload = Buffer.from(new proto.SignalRequest({ message }).toBinary());
    const mask = randomBytes(4);
    socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | payload.length]), mask, payload.map((b, i) => b ^ mask[i % 4])]));
  };
  const first = await next();
  assert.equal(first.case, "join");
  assert.equal(first.value.participant.identity, "me");
  send({ case: "ping", value: 1n });
  assert.ok((await nextOf("pong")) > 1_600_000_000_000n);
  send({ case: "leave", value: new proto.LeaveRequest() });
  await until("the server closes", () => ended);
  await until("nobody is left", async () => (await stoa.metric("stoa_websockets")) === 0);
});

test("a key that is open to others, or fits nothing, stops the start", async () => {
  chmodSync(key, 0o644);
  await assert.rejects(Stoa.start("--stoa.tls_cert_file", certificate, "--stoa.tls_key_file", key), /tls_failed/);
  chmodSync(key, 0o600);
  await assert.rejects(Stoa.start("--stoa.tls_cert_file", key, "--stoa.tls_key_file", key), /tls_failed/);
});
