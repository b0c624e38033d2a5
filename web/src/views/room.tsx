// One room: what it is, who is in it, and what can be done about either.
import { useState } from "preact/hooks";
import * as api from "../api";
import { Dialog, Field } from "../dialog";
import * as format from "../format";
import { notify } from "../notice";
import { usePoll } from "../poll";
import { go, joinPath, overviewPath } from "../route";
import type { Room } from "../types";
import type { Context } from "./index";
import { Participants } from "./participants";
import { endsIn, shownName } from "./rooms";

const POLL_MS = 2000;

const seconds = (value: number) => (value === 4294967295 ? "for ever" : format.span(value * 1000));

function DeleteRoom({ room, here, close }: { room: Room; here: number; close: () => void }) {
  const run = async () => {
    await api.deleteRoom(room.name);
    notify(`${shownName(room.name)} was deleted.`);
    go(overviewPath);
  };
  const who = here === 0 ? "Nobody is in it." : `${here === 1 ? "The one participant" : `All ${format.count(here)} participants`} will be disconnected.`;
  return (
    <Dialog title={`Delete ${shownName(room.name)}?`} action="Delete room" danger run={run} close={close}>
      <p>{who} A room of the same name can be made again at once; it will be another one.</p>
    </Dialog>
  );
}

function EditMetadata({ room, close, done }: { room: Room; close: () => void; done: () => void }) {
  const [metadata, setMetadata] = useState(room.metadata);
  const run = async () => {
    await api.updateRoomMetadata(room.name, metadata);
    notify("The room's metadata was changed.");
    done();
  };
  return (
    <Dialog title="Room metadata" action="Save" run={run} close={close}>
      <Field label="Metadata" hint="Any text; every participant is told. Empty clears it.">
        {(id, hint) => <textarea id={id} aria-describedby={hint} rows={8} autofocus spellcheck={false} value={metadata} onInput={(e) => setMetadata(e.currentTarget.value)} />}
      </Field>
    </Dialog>
  );
}

function Facts({ room, now_ms }: { room: Room; now_ms: number }) {
  const created = Number(room.creation_time_ms), active = Number(room.stoa_last_active_ms ?? created);
  const expires = room.stoa_expires_ms == null ? null : Number(room.stoa_expires_ms);
  const ends = endsIn(expires, room.num_participants, now_ms);
  const facts: [string, string][] = [
    ["Created", `${format.dateAndTime(created)}, ${format.span(now_ms - created)} ago`],
    ["Last active", room.num_participants > 0 ? "now, in use" : `${format.dateAndTime(active)}, ${format.span(now_ms - active)} ago`],
    ["Ends", expires === null ? (room.num_participants > 0 ? "not while in use" : ends) : `${ends}, ${format.dateAndTime(expires)}`],
    ["Stays unjoined", seconds(room.empty_timeout)],
    ["Stays after the last leave", seconds(room.departure_timeout)],
    ["Participants", `${format.count(room.num_participants)}${room.max_participants ? ` of at most ${format.count(room.max_participants)}` : ""}, ${format.count(room.num_publishers)} ${room.num_publishers === 1 ? "publisher" : "publishers"}`],
    ["Recording", room.active_recording ? "yes" : "no"],
    ["Session id", room.sid],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function RoomView({ name, context }: { name: string; context: Context }) {
  const [asking, setAsking] = useState<"delete" | "metadata" | null>(null);
  const [place, setPlace] = useState<{ prefix: string; from: number[] }>({ prefix: "", from: [0] });
  const answer = usePoll(JSON.stringify([name, place]), POLL_MS, (signal) =>
    api.room(name, place.prefix, place.from[place.from.length - 1]!, signal));
  const room = answer.value?.room;
  const close = () => setAsking(null);
  return (
    <>
      <p class="back"><a href={overviewPath}>← All rooms</a></p>
      <div class="bar">
        <h1 tabIndex={-1}>{shownName(name)}</h1>
        {room && (
          <>
            <a class="button" href={joinPath(name)}>Join</a>
            <button type="button" onClick={() => setAsking("metadata")}>Edit metadata</button>
            <button type="button" class="danger" onClick={() => setAsking("delete")}>Delete room</button>
          </>
        )}
      </div>
      {answer.refusal && <p class="failure" role="alert">{answer.refusal}</p>}
      {!answer.value && !answer.refusal && <p class="quiet-text" role="status">Asking the server…</p>}
      {answer.value && !room && (
        <p class="banner" role="status">There is no room of this name on this server now. If one is created, it shows here.</p>
      )}
      {room && (
        <>
          <Facts room={room} now_ms={context.now_ms} />
          {room.metadata && <pre class="metadata" aria-label="Room metadata" tabIndex={0}>{room.metadata}</pre>}
          <Participants room={name} answer={answer.value!} place={place} setPlace={setPlace} again={answer.again} now_ms={context.now_ms} />
        </>
      )}
      {room && asking === "delete" && <DeleteRoom room={room} here={answer.value!.here} close={close} />}
      {room && asking === "metadata" && <EditMetadata room={room} close={close} done={answer.again} />}
    </>
  );
}
