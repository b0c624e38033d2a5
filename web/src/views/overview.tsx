// What goes on in this server, at a glance.
import type { ComponentChildren } from "preact";
import * as format from "../format";
import { Plot } from "../plot";
import type { Latency } from "../stats";
import type { Context } from "./index";
import { Rooms } from "./rooms";

const LATE_MS = 5000; // from here on the sweeper is behind

function Tile(props: { label: string; value: string; tone?: "bad" | "warn"; about?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <section class={`tile ${props.tone ?? ""}`} aria-label={props.label}>
      <h2>{props.label}</h2>
      <p class="value">{props.value}</p>
      <p class="about">{props.about}</p>
      {props.children}
    </section>
  );
}

function Sweeper({ context }: { context: Context }) {
  const m = context.status!.metrics, now = context.now_ms;
  const late = (m.overdue_ms ?? 0) > LATE_MS, lost = (m.scan_findings ?? 0) > 0;
  const next = m.sweep_next_s ? `next due in ${format.span(m.sweep_next_s * 1000 - now)}` : "nothing due";
  const value = lost ? "Lost deadlines" : m.overdue_ms ? `${format.span(m.overdue_ms!)} behind` : "On time";
  return (
    <Tile label="Sweeper" value={value} tone={late || lost ? "bad" : undefined}
      about={`ran ${format.span(now - (m.sweep_last_s ?? 0) * 1000)} ago, ${next}`}>
      <Plot label="Overdue" points={context.history.points} of={(p) => p.overdue_ms} show={format.span} least={1000} />
    </Tile>
  );
}

function Tiles({ context }: { context: Context }) {
  const status = context.status!, m = status.metrics, points = context.history.points;
  const last = points[points.length - 1]!, calls = context.history.calls();
  return (
    <div class="tiles">
      <Tile label="Rooms" value={format.count(m.rooms ?? 0)} about={`${format.bytes(m.dir_bytes ?? 0)} of directory`}>
        <Plot label="Rooms" points={points} of={(p) => p.rooms} show={format.count} />
      </Tile>
      <Tile label="Participants" value={format.count(m.participants ?? 0)} about={`${format.count(m.edge_websockets ?? 0)} signalling connections`}>
        <Plot label="Participants" points={points} of={(p) => p.participants} show={format.count} />
      </Tile>
      <Tile label="API calls" value={`${format.rate(last.calls_per_s ?? 0)} /s`} tone={calls?.failed ? "bad" : undefined}
        about={calls ? `${format.count(calls.refused)} refused, ${format.count(calls.failed)} failed in 15 s` : "…"}>
        <Plot label="API calls per second" points={points} of={(p) => p.calls_per_s} show={format.rate} />
      </Tile>
      <Tile label="API latency, mean" value={calls?.mean_ms == null ? "–" : format.milliseconds(calls.mean_ms)}
        about={calls?.calls ? `p50 ${calls.p50}, p99 ${calls.p99}` : "no calls in 15 s"}>
        <Plot label="Mean latency of API calls" points={points} of={(p) => p.mean_ms} show={format.milliseconds} least={0.01} />
      </Tile>
      <Sweeper context={context} />
      <Tile label="Memory" value={format.bytes(status.memory_bytes)} about={`up ${format.span(context.now_ms - status.started_ms)}`}>
        <Plot label="Memory" points={points} of={(p) => p.memory_bytes} show={format.bytes} />
      </Tile>
      <Tile label="Control thread" value={last.load === null ? "–" : `${(last.load * 100).toFixed(1)} %`} tone={(last.load ?? 0) > 0.8 ? "bad" : undefined}
        about={`longest turn ${format.milliseconds((m.control_turn_us_max ?? 0) / 1000)}`}>
        <Plot label="Load of the control thread" points={points} of={(p) => p.load} show={(v) => `${(v * 100).toFixed(1)} %`} least={0.05} />
      </Tile>
      <Tile label="Traffic" value={last.traffic === null ? "–" : `${format.bytes(last.traffic)}/s`} about={`HTTP, signalling; ${format.rate(last.datagrams ?? 0)} UDP/s`}>
        <Plot label="Bytes of HTTP and signalling per second" points={points} of={(p) => p.traffic} show={(v) => `${format.bytes(v)}/s`} least={1000} />
      </Tile>
    </div>
  );
}

function MethodRow({ name, calls, ever }: { name: string; calls: Latency; ever: number }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="number">{format.count(ever)}</td>
      <td class="number">{format.rate(calls.per_s)}</td>
      <td class="number">{calls.mean_ms === null ? "–" : format.milliseconds(calls.mean_ms)}</td>
      <td class="number wide">{calls.p50}</td>
      <td class="number">{calls.p99}</td>
      <td class="number wide">{format.count(calls.refused)}</td>
      <td class="number wide">{format.count(calls.failed)}</td>
    </tr>
  );
}

function Methods({ context }: { context: Context }) {
  const rows = context.history.byMethod().filter(([, , ever]) => ever > 0).sort((a, b) => b[2] - a[2]);
  return (
    <details class="methods">
      <summary>Calls by method</summary>
      {rows.length === 0 ? <p class="quiet-text">No call of the API has come since the server started.</p> : (
        <table>
          <caption class="hidden">Calls of the Room API by method; rates and times are of the last 15 seconds</caption>
          <thead>
            <tr>
              <th scope="col">Method</th>
              <th scope="col" class="number">Since start</th>
              <th scope="col" class="number">Per s</th>
              <th scope="col" class="number">Mean</th>
              <th scope="col" class="number wide">p50</th>
              <th scope="col" class="number">p99</th>
              <th scope="col" class="number wide">Refused</th>
              <th scope="col" class="number wide">Failed</th>
            </tr>
          </thead>
          <tbody>{rows.map(([name, calls, ever]) => <MethodRow key={name} name={name} calls={calls} ever={ever} />)}</tbody>
        </table>
      )}
    </details>
  );
}

export function Overview({ context }: { context: Context }) {
  return (
    <>
      <h1 class="hidden" tabIndex={-1}>Overview</h1>
      {context.status ? <Tiles context={context} /> : <p class="quiet-text" role="status">Asking the server…</p>}
      {context.status && <Methods context={context} />}
      <Rooms now_ms={context.now_ms} />
    </>
  );
}
