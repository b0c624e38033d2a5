// Starts one Stoa on loopback with free ports, and stops it whatever the test did.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";

const binary = process.env.STOA_BIN ?? new URL("../../build/stoa", import.meta.url).pathname;

export async function freePort() {
  const s = createServer();
  s.listen(0, "127.0.0.1");
  await once(s, "listening");
  const { port } = s.address();
  s.close();
  await once(s, "close");
  return port;
}

export class Stoa {
  lines = [];
  waiting = [];

  static async start(...args) {
    const stoa = new Stoa();
    await stoa.launch(args);
    return stoa;
  }

  async launch(args) {
    this.metricsPort = await freePort();
    this.process = spawn(
      binary,
      ["serve", "--dev", "--bind", "127.0.0.1", "--port", "0", "--udp-port", "0",
        "--prometheus.port", String(this.metricsPort), ...args],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, LIVEKIT_KEYS: "" } },
    );
    this.exit = once(this.process, "exit").then(([code, signal]) => ({ code, signal }));
    let rest = "";
    this.process.stderr.setEncoding("utf8").on("data", (text) => {
      rest += text;
      const parts = rest.split("\n");
      rest = parts.pop();
      for (const line of parts) this.onLine(line);
    });
    this.exit.then(({ code, signal }) => {
      if (code !== 0) console.error(`stoa ended: code ${code}, signal ${signal}\n${this.lines.slice(-60).join("\n")}`);
    });
    this.exit.then(() => this.waiting.forEach((w) => w.reject(new Error("stoa ended: " + this.lines.join("\n")))));
    const ready = await this.event("ready");
    this.port = ready.port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.wsUrl = `ws://127.0.0.1:${this.port}`;
  }

  onLine(line) {
    this.lines.push(line);
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      return;
    }
    this.waiting = this.waiting.filter((w) => {
      if (w.name !== event.event || !w.matches(event)) return true;
      w.resolve(event);
      return false;
    });
  }

  // The first logged event of that name, past or to come.
  event(name, matches = () => true) {
    for (const line of this.lines) {
      try {
        const event = JSON.parse(line);
        if (event.event === name && matches(event)) return Promise.resolve(event);
      } catch {}
    }
    return new Promise((resolve, reject) => this.waiting.push({ name, matches, resolve, reject }));
  }

  async metrics() {
    const text = await (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
    const values = new Map();
    for (const line of text.split("\n")) {
      if (line.startsWith("#") || !line) continue;
      const at = line.lastIndexOf(" ");
      values.set(line.slice(0, at).replace(/node_id="[^"]*",node_type="SERVER",?/, ""), Number(line.slice(at + 1)));
    }
    return values;
  }

  // Sum over the series of one family whose labels contain all the given texts.
  async metric(family, ...labels) {
    let sum = 0;
    for (const [name, value] of await this.metrics()) {
      const base = name.split("{")[0];
      if (base === family && labels.every((l) => name.includes(l))) sum += value;
    }
    return sum;
  }

  async stop(signal = "SIGTERM") {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill(signal);
      const late = setTimeout(() => this.process.kill("SIGKILL"), 10_000);
      await this.exit;
      clearTimeout(late);
    }
    return this.exit;
  }
}

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// Polls until the check gives something true; the wait is bounded, the check says what was missing.
export async function until(what, check, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await sleep(20);
  }
}
