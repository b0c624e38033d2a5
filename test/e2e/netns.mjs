// A network namespace behind a pair of virtual cables, in which a client runs: its addresses can
// change and its cable can be pulled. Needs root and iproute2; `possible` says why not.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

const run = (...args) => execFileSync(args[0], args.slice(1), { stdio: ["ignore", "pipe", "pipe"] }).toString();

export function possible() {
  const name = `stoa-try-${process.pid}`;
  try {
    run("ip", "netns", "add", name);
    run("ip", "netns", "exec", name, "true");
    return { skip: false };
  } catch (e) {
    return { skip: `no network namespace can be made here: ${String(e.stderr ?? e.message).trim()}` };
  } finally {
    try {
      run("ip", "netns", "del", name);
    } catch {}
  }
}

export class Namespace {
  // Two nets lead to it, so that an address can go while another one stays.
  constructor() {
    this.name = `stoa-${process.pid}`;
    this.outer = `sv${process.pid}`;
    const third = process.pid % 100;
    this.nets = [`10.213.${2 * third}`, `10.213.${2 * third + 1}`];
    this.host = `${this.nets[0]}.1`; // where the server is, by both nets
    this.children = [];
  }

  static start() {
    const n = new Namespace();
    run("ip", "netns", "add", n.name);
    try {
      run("ip", "link", "add", n.outer, "type", "veth", "peer", "name", "inner", "netns", n.name);
      for (const net of n.nets) run("ip", "addr", "add", `${net}.1/24`, "dev", n.outer);
      run("ip", "link", "set", n.outer, "up");
      n.inside("ip", "link", "set", "lo", "up");
      n.inside("ip", "link", "set", "inner", "up");
      n.address(0);
    } catch (e) {
      n.stop();
      throw e;
    }
    return n;
  }

  inside(...args) {
    return run("ip", "netns", "exec", this.name, ...args);
  }

  // It has an address in this net alone from now on, and its route to the server leads there.
  address(net) {
    this.inside("ip", "addr", "add", `${this.nets[net]}.2/24`, "dev", "inner");
    for (const other of this.nets.keys()) {
      if (other === net) continue;
      try {
        this.inside("ip", "addr", "del", `${this.nets[other]}.2/24`, "dev", "inner");
      } catch {} // it had none there
    }
    this.inside("ip", "route", "replace", "default", "via", `${this.nets[net]}.1`);
  }

  // What the server sends to it goes through a link that carries so much, with a queue of 300 ms; 0: a link without a limit.
  limit(kbits) {
    if (kbits > 0) run("tc", "qdisc", "replace", "dev", this.outer, "root", "tbf", "rate", `${kbits}kbit`, "burst", "8kb", "latency", "300ms");
    else run("tc", "qdisc", "replace", "dev", this.outer, "root", "pfifo");
  }

  cable(up) {
    run("ip", "link", "set", this.outer, up ? "up" : "down");
  }

  // The process itself: `ip netns exec` becomes it.
  spawn(...args) {
    const child = spawn("ip", ["netns", "exec", this.name, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.exited = once(child, "exit");
    this.children.push(child);
    return child;
  }

  async stop() {
    for (const child of this.children) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    }
    await Promise.all(this.children.map((c) => c.exited));
    for (const args of [["netns", "del", this.name], ["link", "del", this.outer]]) {
      try {
        run("ip", ...args);
      } catch {} // the namespace took its end of the cable along
    }
  }
}
