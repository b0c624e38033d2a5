// Rates and times out of counters: what happened between two looks at the server.
import type { MethodCalls, Status } from "./types";

const WINDOW_MS = 15_000; // latencies are of the calls of so long
export const HISTORY_MS = 10 * 60_000;

export interface Point {
  at_ms: number; // of the server
  rooms: number;
  participants: number;
  memory_bytes: number;
  overdue_ms: number;
  calls_per_s: number | null; // null: not known, such as over a restart
  mean_ms: number | null; // null: no calls
  load: number | null; // of the control thread, 0 to 1
  traffic: number | null; // bytes of HTTP and WebSocket per second, both ways
  datagrams: number | null; // of UDP per second, both ways
}

export interface Latency {
  calls: number;
  per_s: number;
  refused: number;
  failed: number;
  mean_ms: number | null;
  p50: string;
  p99: string;
}

// A histogram only knows between which limits a call was: that is what is said.
function quantile(buckets: number[], limits: number[], part: number): string {
  const total = buckets.reduce((sum, n) => sum + n, 0);
  if (total === 0) return "–";
  let below = 0;
  for (let i = 0; i < limits.length; i++) {
    below += buckets[i]!;
    if (below >= total * part) return `≤\u00a0${limits[i]! < 1000 ? `${limits[i]}\u00a0ms` : `${limits[i]! / 1000}\u00a0s`}`;
  }
  return `> ${limits[limits.length - 1]! / 1000} s`;
}

function sum(calls: MethodCalls[]): MethodCalls {
  const all: MethodCalls = { method: "", sum_us: 0, statuses: [0, 0, 0], buckets: [] };
  for (const c of calls) {
    all.sum_us += c.sum_us;
    c.statuses.forEach((n, i) => (all.statuses[i] = all.statuses[i]! + n));
    c.buckets.forEach((n, i) => (all.buckets[i] = (all.buckets[i] ?? 0) + n));
  }
  return all;
}

const ended = (c: MethodCalls) => c.statuses[0] + c.statuses[1] + c.statuses[2];

function between(before: MethodCalls, after: MethodCalls, ms: number, limits: number[]): Latency {
  const buckets = after.buckets.map((n, i) => n - (before.buckets[i] ?? 0));
  const calls = ended(after) - ended(before);
  return {
    calls,
    per_s: calls / (ms / 1000),
    refused: after.statuses[1] - before.statuses[1],
    failed: after.statuses[2] - before.statuses[2],
    mean_ms: calls > 0 ? (after.sum_us - before.sum_us) / 1000 / calls : null,
    p50: quantile(buckets, limits, 0.5),
    p99: quantile(buckets, limits, 0.99),
  };
}

// Keeps what was seen. One for the life of the page, so that plots go on over all views.
export class History {
  points: Point[] = [];
  last: Status | null = null;
  private recent: Status[] = [];

  add(now: Status): void {
    const before = this.last?.started_ms === now.started_ms ? this.last : null;
    if (this.last && !before) this.recent = [];
    const ms = before ? now.now_ms - before.now_ms : 0;
    const calls = before && ms > 0 ? between(sum(before.calls), sum(now.calls), ms, now.bucket_ms) : null;
    const perMs = (...names: string[]) =>
      before && ms > 0 ? names.reduce((all, name) => all + now.metrics[name]! - before.metrics[name]!, 0) / ms : null;
    const scaled = (value: number | null, by: number) => (value === null ? null : Math.max(0, value * by));
    const busy = scaled(perMs("control_busy_us"), 1 / 1000);
    this.points.push({
      at_ms: now.now_ms,
      rooms: now.metrics.rooms ?? 0,
      participants: now.metrics.participants ?? 0,
      memory_bytes: now.memory_bytes,
      overdue_ms: now.metrics.overdue_ms ?? 0,
      calls_per_s: calls?.per_s ?? null,
      mean_ms: calls?.mean_ms ?? null,
      load: busy === null ? null : Math.min(1, busy),
      traffic: scaled(perMs("edge_bytes_in", "edge_bytes_out"), 1000),
      datagrams: scaled(perMs("datagrams_in", "datagrams_out"), 1000),
    });
    while (this.points[0] && this.points[0].at_ms < now.now_ms - HISTORY_MS) this.points.shift();
    this.last = now;
    this.recent.push(now);
    while (this.recent.length > 2 && this.recent[1]!.now_ms <= now.now_ms - WINDOW_MS) this.recent.shift();
  }

  private window(): [Status, Status, number] | null {
    const first = this.recent[0], last = this.last;
    const ms = first && last ? last.now_ms - first.now_ms : 0;
    return first && last && ms > 0 ? [first, last, ms] : null;
  }

  calls(): Latency | null {
    const w = this.window();
    return w && between(sum(w[0].calls), sum(w[1].calls), w[2], w[1].bucket_ms);
  }

  byMethod(): [string, Latency, number][] {
    const w = this.window();
    if (!w) return [];
    return w[1].calls.map((c, i) => [c.method, between(w[0].calls[i]!, c, w[2], w[1].bucket_ms), ended(c)]);
  }
}
