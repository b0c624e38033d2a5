// Who is in a room, and what an operator may do about each.
import { useEffect, useId, useState } from "preact/hooks";
import * as api from "../api";
import { Check, Dialog, Field } from "../dialog";
import * as format from "../format";
import { notify } from "../notice";
import type { Participant, Permission, RoomAnswer, Track } from "../types";

const TYPING_MS = 250;

const rights: [keyof Permission, string][] = [
  ["can_publish", "publish tracks"],
  ["can_publish_data", "publish data"],
  ["can_subscribe", "subscribe"],
  ["can_update_metadata", "change own name and metadata"],
  ["hidden", "hidden from others"],
];
const sources = ["CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"];

function rightsInWords(p: Permission | null): string {
  if (!p) return "unknown";
  const may = rights.filter(([right]) => p[right] === true).map(([right, words]) =>
    right === "can_publish" && p.can_publish_sources.length > 0 ? `publish ${p.can_publish_sources.map(format.words).join(", ")}` : words);
  return may.length ? may.join(" · ") : "nothing";
}

function Remove({ room, who, close, done }: { room: string; who: Participant; close: () => void; done: () => void }) {
  const run = async () => {
    await api.removeParticipant(room, who.identity);
    notify(`${who.identity} was removed.`);
    done();
  };
  return (
    <Dialog title={`Remove ${who.identity}?`} action="Remove participant" danger run={run} close={close}>
      <p>The client is disconnected and told why. It can come back with the token it has.</p>
    </Dialog>
  );
}

function Edit({ room, who, close, done }: { room: string; who: Participant; close: () => void; done: () => void }) {
  const [name, setName] = useState(who.name);
  const [metadata, setMetadata] = useState(who.metadata);
  const [permission, setPermission] = useState(who.permission);
  const set = (change: Partial<Permission>) => setPermission((p) => p && { ...p, ...change });
  const run = async () => {
    const change: Partial<Participant> = {};
    if (name !== who.name) change.name = name;
    if (metadata !== who.metadata) change.metadata = metadata;
    if (permission && JSON.stringify(permission) !== JSON.stringify(who.permission)) change.permission = permission;
    await api.updateParticipant(room, who.identity, change);
    notify(`${who.identity} was changed.`);
    done();
  };
  const chosen = permission?.can_publish_sources ?? [];
  const toggle = (source: string, on: boolean) =>
    set({ can_publish_sources: on ? [...chosen, source] : chosen.filter((s) => s !== source) });
  return (
    <Dialog title={`Edit ${who.identity}`} action="Save" run={run} close={close}>
      {permission && (
        <>
          <fieldset>
            <legend>May</legend>
            {rights.map(([right, words]) => (
              <Check key={right} label={words} checked={permission[right] === true} change={(on) => set({ [right]: on })} />
            ))}
          </fieldset>
          {permission.can_publish && (
            <fieldset>
              <legend>Publish only (none chosen: everything)</legend>
              {sources.map((source) => (
                <Check key={source} label={format.words(source)} checked={chosen.includes(source)} change={(on) => toggle(source, on)} />
              ))}
            </fieldset>
          )}
        </>
      )}
      <Field label="Name" hint="Empty leaves it as it is.">
        {(id, hint) => <input id={id} aria-describedby={hint} autocomplete="off" value={name} onInput={(e) => setName(e.currentTarget.value)} />}
      </Field>
      <Field label="Metadata" hint="Empty leaves it as it is.">
        {(id, hint) => <textarea id={id} aria-describedby={hint} rows={3} spellcheck={false} value={metadata} onInput={(e) => setMetadata(e.currentTarget.value)} />}
      </Field>
    </Dialog>
  );
}

function TrackRow({ room, who, track, done }: { room: string; who: Participant; track: Track; done: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const label = track.name || format.words(track.source);
  const set = async (muted: boolean) => {
    setBusy(true);
    setError("");
    try {
      await api.muteTrack(room, who.identity, track.sid, muted);
      notify(`${label} of ${who.identity} was ${muted ? "muted" : "unmuted"}.`);
      done();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
    setBusy(false);
  };
  const size = track.width && track.height ? ` · ${track.width} × ${track.height}` : "";
  return (
    <li class="track">
      <span>
        <strong>{label}</strong> {format.words(track.type)}{track.mime_type && ` · ${track.mime_type}`}{size}
        {track.muted && <span class="pill warn">muted</span>}
      </span>
      <button type="button" disabled={busy} onClick={() => set(!track.muted)} aria-label={`${track.muted ? "Unmute" : "Mute"} ${label} of ${who.identity}`}>
        {track.muted ? "Unmute" : "Mute"}
      </button>
      {error && <p class="failure" role="alert">{error}</p>}
    </li>
  );
}

function Details({ room, who, done }: { room: string; who: Participant; done: () => void }) {
  const attributes = Object.entries(who.attributes);
  const facts: [string, string][] = [
    ["May", rightsInWords(who.permission)],
    ["Joined", format.dateAndTime(Number(who.joined_at_ms))],
    ["Session id", who.sid],
    ["Kind", format.words(who.kind)],
    ["Region", who.region || "–"],
  ];
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        {attributes.map(([name, value]) => <div key={`a:${name}`}><dt>{name}</dt><dd>{value}</dd></div>)}
      </dl>
      {who.metadata && <pre class="metadata" aria-label={`Metadata of ${who.identity}`} tabIndex={0}>{who.metadata}</pre>}
      {who.tracks.length > 0 ? (
        <ul class="tracks" aria-label={`Tracks of ${who.identity}`}>
          {who.tracks.map((track) => <TrackRow key={track.sid} room={room} who={who} track={track} done={done} />)}
        </ul>
      ) : <p class="quiet-text">No tracks published.</p>}
    </>
  );
}

const tones: Record<string, string> = { ACTIVE: "good", DISCONNECTED: "bad" };

interface Asking {
  what: "remove" | "edit";
  who: Participant;
}

function Card(props: { room: string; who: Participant; now_ms: number; ask: (a: Asking) => void; done: () => void }) {
  const { room, who } = props;
  const [open, setOpen] = useState(who.tracks.length > 0);
  const id = useId();
  const tracks = who.tracks.length;
  return (
    <li class="participant">
      <div class="participant-line">
        <button type="button" class="opener" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
          <span class="arrow" aria-hidden="true">{open ? "▾" : "▸"}</span>
          <span class="identity">{who.identity}</span>
          {who.name && who.name !== who.identity && <span class="detail">{who.name}</span>}
        </button>
        <span class={`pill ${tones[who.state] ?? ""}`}>{format.words(who.state)}</span>
        <span class="detail">
          {tracks === 0 ? "no tracks" : tracks === 1 ? "1 track" : `${tracks} tracks`} · for {format.span(props.now_ms - Number(who.joined_at_ms))}
        </span>
        <span class="acts">
          <button type="button" onClick={() => props.ask({ what: "edit", who })} aria-label={`Edit ${who.identity}`}>Edit</button>
          <button type="button" class="danger" onClick={() => props.ask({ what: "remove", who })} aria-label={`Remove ${who.identity}`}>Remove</button>
        </span>
      </div>
      <div id={id} class="participant-details" hidden={!open}>
        {open && <Details room={room} who={who} done={props.done} />}
      </div>
    </li>
  );
}

interface Place {
  prefix: string;
  from: number[];
}

export function Participants(props: {
  room: string; answer: RoomAnswer; place: Place; setPlace: (p: Place) => void; again: () => void; now_ms: number;
}) {
  const { answer, place, setPlace } = props;
  const [asking, setAsking] = useState<Asking | null>(null);
  const [text, setText] = useState(place.prefix);
  const id = useId();
  useEffect(() => {
    const timer = setTimeout(() => text !== place.prefix && setPlace({ prefix: text, from: [0] }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const dialog = asking && { room: props.room, who: asking.who, close: () => setAsking(null), done: props.again };
  const many = answer.here > 10 || place.prefix !== "" || text !== "";
  return (
    <section aria-labelledby="participants-heading">
      <div class="bar">
        <h2 id="participants-heading">Participants <span class="detail">{format.count(answer.here)}</span></h2>
        {many && (
          <form role="search" class="search" onSubmit={(e) => e.preventDefault()}>
            <label for={id} class="hidden">Find participants by how their identity begins</label>
            <input id={id} type="search" autocomplete="off" spellcheck={false} placeholder="Find by identity" value={text}
              onInput={(e) => setText(e.currentTarget.value)} />
          </form>
        )}
      </div>
      {answer.participants.length === 0 && (
        <p class="quiet-text" role="status">{place.prefix ? "Nobody's identity begins so." : "Nobody is in this room."}</p>
      )}
      <ul class="participants">
        {answer.participants.map((who) => (
          <Card key={who.sid} room={props.room} who={who} now_ms={props.now_ms} ask={setAsking} done={props.again} />
        ))}
      </ul>
      {(place.from.length > 1 || answer.next !== null) && (
        <nav class="pages" aria-label="Pages of participants">
          <button type="button" disabled={place.from.length === 1} onClick={() => setPlace({ ...place, from: place.from.slice(0, -1) })}>Previous</button>
          <span>Page {place.from.length}</span>
          <button type="button" disabled={answer.next === null} onClick={() => setPlace({ ...place, from: [...place.from, answer.next!] })}>Next</button>
        </nav>
      )}
      {dialog && asking.what === "remove" && <Remove {...dialog} />}
      {dialog && asking.what === "edit" && <Edit {...dialog} />}
    </section>
  );
}
