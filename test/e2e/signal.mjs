// Signalling by hand: what a client says and is told, message by message, without any media.
import http from "node:http";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { AccessToken } from "livekit-server-sdk";
import { JoinRequest, SignalRequest, SignalResponse, WrappedJoinRequest } from "@livekit/protocol";
import { until } from "./server.mjs";

export const sdp = (name) =>
  readFileSync(new URL(`../fuzz/corpus/sdp/${name}.sdp`, import.meta.url), "utf8").replace(/\r?\n/g, "\r\n");
export const sections = (text) => text.split(/\r\nm=/).slice(1).map((s) => `m=${s}`);
export const mid = (section) => section.match(/\r\na=mid:(.*?)\r\n/)?.[1];

export async function token(identity, room, grant = {}, options = {}) {
  const at = new AccessToken("devkey", "secret", { identity, ttl: 600, ...options });
  at.addGrant({ roomJoin: true, room, ...grant });
  return at.toJwt();
}

// The path of a join by /rtc/v1; `extra` goes into the JoinRequest.
export function path(jwt, extra = {}) {
  const join = new JoinRequest({ clientInfo: { sdk: 1, version: "2.23.0", protocol: 17, clientProtocol: 2 }, connectionSettings: { autoSubscribe: true }, ...extra });
  const wrapped = new WrappedJoinRequest({ joinRequest: join.toBinary() });
  return `/rtc/v1?access_token=${jwt}&join_request=${Buffer.from(wrapped.toBinary()).toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
}

export const offer = (name, id = 1) => ({ type: "offer", sdp: sdp(name), id });

export class Signal {
  messages = []; // SignalResponse, in order
  frames = []; // "text" or "binary", likewise
  closed = false;

  // Throws { status, body } when there is no upgrade.
  static open(stoa, path) {
    return new Promise((resolve, reject) => {
      const request = http.get({ host: "127.0.0.1", port: stoa.port, path, agent: false, maxHeaderSize: 1 << 20, headers: {
        Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": randomBytes(16).toString("base64") } });
      request.on("response", (res) => {
        let body = "";
        res.on("data", (d) => (body += d)).on("end", () => reject(Object.assign(new Error(`${res.statusCode}: ${body}`), { status: res.statusCode, body })));
      });
      request.on("error", reject);
      request.on("upgrade", (res, socket, head) => {
        const signal = new Signal();
        signal.socket = socket;
        signal.upgraded = Date.now();
        let rest = Buffer.alloc(0);
        const take = (d) => (rest = signal.read(Buffer.concat([rest, d])));
        socket.on("data", take).on("error", () => {}).on("close", () => (signal.closed = true));
        take(head);
        resolve(signal);
      });
    });
  }

  // Takes whole frames; what is left of the last one is given back.
  read(bytes) {
    for (;;) {
      if (bytes.length < 2) return bytes;
      let at = 2, len = bytes[1];
      if (len === 126) [len, at] = bytes.length >= 4 ? [bytes.readUInt16BE(2), 4] : [Infinity, 4];
      else if (len === 127) [len, at] = bytes.length >= 10 ? [Number(bytes.readBigUInt64BE(2)), 10] : [Infinity, 10];
      if (bytes.length < at + len) return bytes;
      this.frame(bytes[0] & 15, bytes.subarray(at, at + len));
      bytes = bytes.subarray(at + len);
    }
  }

  frame(opcode, payload) {
    if (opcode === 9) this.write(10, payload);
    if (opcode > 2) return;
    this.frames.push(opcode === 1 ? "text" : "binary");
    this.first ??= Date.now();
    this.messages.push(opcode === 1 ? SignalResponse.fromJsonString(payload.toString()) : SignalResponse.fromBinary(payload));
  }

  write(opcode, payload) {
    const head = payload.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | payload.length])
      : payload.length < 65536 ? Buffer.from([0x80 | opcode, 0xfe, payload.length >> 8, payload.length & 255])
        : Buffer.concat([Buffer.from([0x80 | opcode, 0xff]), Buffer.from(BigInt(payload.length).toString(16).padStart(16, "0"), "hex")]);
    this.socket.write(Buffer.concat([head, Buffer.alloc(4), payload])); // masked with zeros
  }

  send(name, value) {
    this.write(2, Buffer.from(new SignalRequest({ message: { case: name, value } }).toBinary()));
  }
  sendText(name, value) {
    this.write(1, Buffer.from(new SignalRequest({ message: { case: name, value } }).toJsonString()));
  }

  all(name) {
    return this.messages.filter((m) => m.message.case === name).map((m) => m.message.value);
  }
  // The nth message of this name, now or soon.
  told(name, nth = 0, ms = 3000) {
    return until(`${name} is told (so far: ${this.messages.map((m) => m.message.case)})`, () => this.all(name)[nth], ms);
  }
  close() {
    this.socket.destroy();
  }
}
