// The list of rooms: a page of it at a time, found by name or the beginning of one.
import { useEffect, useId, useState } from "preact/hooks";
import * as api from "../api";
import * as format from "../format";
import { usePoll } from "../poll";
import { roomPath } from "../route";
import type { RoomRow } from "../types";
import { CreateRoom } from "./create";

const ROWS = 50;
const POLL_MS = 2000;
const TYPING_MS = 250;

type Order = "found" | "name" | "participants" | "created_ms" | "expires_ms";
interface Sorting {
  by: Order;
  down: boolean;
}

const never = (room: RoomRow) => room.expires_ms ?? Number.MAX_SAFE_INTEGER;

function sorted(rooms: RoomRow[], { by, down }: Sorting): RoomRow[] {
  if (by === "found") return rooms;
  const order = (a: RoomRow, b: RoomRow) =>
    by === "name" ? a.name.localeCompare(b.name) : by === "expires_ms" ? never(a) - never(b) : a[by] - b[by];
  return [...rooms].sort((a, b) => (down ? order(b, a) : order(a, b)));
}

export function endsIn(expires: number | null, participants: number, now: number): string {
  if (expires !== null) return expires <= now ? "now" : `in ${format.span(expires - now)}`;
  return participants > 0 ? "in use" : "never";
}

// Names are links in rows: control characters and blanks at the ends would not be seen.
export const shownName = (name: string) => (name === "" ? "(no name)" : name);

function Row({ room, now_ms }: { room: RoomRow; now_ms: number }) {
  return (
    <tr>
      <th scope="row"><a href={roomPath(room.name)}>{shownName(room.name)}</a></th>
      <td class="number">
        {format.count(room.participants)}
        {room.publishers > 0 && <span class="detail"> · {format.count(room.publishers)} {room.publishers === 1 ? "publisher" : "publishers"}</span>}
      </td>
      <td class="number">{format.span(now_ms - room.created_ms)}</td>
      <td class="number">{endsIn(room.expires_ms, room.participants, now_ms)}</td>
      <td class="number wide">{room.metadata_bytes ? format.bytes(room.metadata_bytes) : "–"}</td>
    </tr>
  );
}

function Head(props: { label: string; short?: string; by: Order; number?: boolean; sorting: Sorting; sort: (s: Sorting) => void }) {
  const { by, sorting } = props, on = sorting.by === by;
  // Numbers are mostly asked for from the top; a third press brings back the order found.
  const first = by === "participants";
  const next: Sorting = !on ? { by, down: first } : sorting.down === first ? { by, down: !first } : { by: "found", down: false };
  return (
    <th scope="col" class={props.number ? "number" : undefined} aria-sort={on ? (sorting.down ? "descending" : "ascending") : undefined}>
      <button type="button" class="sort" onClick={() => props.sort(next)}>
        {props.short ? <><span class="wide-text">{props.label}</span><span class="narrow-text">{props.short}</span></> : props.label}
        <span aria-hidden="true" class="arrow">{on ? (sorting.down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function Search({ was, set }: { was: string; set: (prefix: string) => void }) {
  const [text, setText] = useState(was);
  const id = useId();
  useEffect(() => {
    const timer = setTimeout(() => set(text), text ? TYPING_MS : 0);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <form role="search" class="search" onSubmit={(e) => { e.preventDefault(); set(text); }}>
      <label for={id} class="hidden">Find rooms by name, or how it begins</label>
      <input id={id} type="search" autocomplete="off" spellcheck={false} placeholder="Find by name" value={text}
        onInput={(e) => setText(e.currentTarget.value)} />
    </form>
  );
}

interface Place {
  prefix: string;
  starts: number[]; // where each page up to this one begins
}

// Kept while another view is open: who comes back finds the list as it was.
let kept: Place = { prefix: "", starts: [0] };

export function Rooms({ now_ms }: { now_ms: number }) {
  const [place, setPlace] = useState(kept);
  kept = place;
  const [sorting, setSorting] = useState<Sorting>({ by: "found", down: false });
  const [creating, setCreating] = useState(false);
  const from = place.starts[place.starts.length - 1]!;
  const found = usePoll(JSON.stringify(place), POLL_MS, (signal) => api.rooms(place.prefix, from, ROWS, signal));
  const page = found.value;
  const search = (prefix: string) => {
    if (prefix !== place.prefix) setPlace({ prefix, starts: [0] });
  };
  const head = { sorting, sort: setSorting };
  return (
    <section class="rooms" aria-labelledby="rooms-heading">
      <div class="bar">
        <h2 id="rooms-heading">Rooms</h2>
        <Search was={place.prefix} set={search} />
        <button type="button" class="primary" onClick={() => setCreating(true)}>Create room</button>
      </div>
      {found.refusal && <p class="failure" role="alert">{found.refusal}</p>}
      <p class="quiet-text" role="status">{page && !found.stale ? summary(page.rooms.length, page.total, place, page.next !== null) : found.refusal ? "" : "Looking…"}</p>
      {page && page.rooms.length > 0 && (
        <table class="room-list" aria-busy={found.stale}>
          <caption class="hidden">Rooms: name, participants, age, when they end, size of metadata</caption>
          <thead>
            <tr>
              <Head label="Name" by="name" {...head} />
              <Head label="Participants" short="In" by="participants" number {...head} />
              <Head label="Age" by="created_ms" number {...head} />
              <Head label="Ends" by="expires_ms" number {...head} />
              <th scope="col" class="number wide">Metadata</th>
            </tr>
          </thead>
          <tbody>{sorted(page.rooms, sorting).map((room) => <Row key={room.sid} room={room} now_ms={now_ms} />)}</tbody>
        </table>
      )}
      {(place.starts.length > 1 || page?.next != null) && (
        <nav class="pages" aria-label="Pages of rooms">
          <button type="button" disabled={place.starts.length === 1} onClick={() => setPlace({ ...place, starts: place.starts.slice(0, -1) })}>Previous</button>
          <span>Page {place.starts.length}</span>
          <button type="button" disabled={page?.next == null} onClick={() => setPlace({ ...place, starts: [...place.starts, page!.next!] })}>Next</button>
        </nav>
      )}
      {creating && <CreateRoom close={() => setCreating(false)} />}
    </section>
  );
}

function summary(shown: number, total: number, place: Place, more: boolean): string {
  const all = `${format.count(total)} in all`;
  if (total === 0) return "There are no rooms.";
  if (place.prefix) {
    if (shown === 0) return `No room is called “${place.prefix}”, and none begins so; ${all}.`;
    return `${more || place.starts.length > 1 ? `Page ${place.starts.length}: ` : ""}${format.count(shown)} whose name begins with “${place.prefix}”; ${all}.`;
  }
  return shown === total ? `${format.count(total)} ${total === 1 ? "room" : "rooms"}.` : `Page ${place.starts.length}: ${format.count(shown)} shown, ${all}.`;
}
