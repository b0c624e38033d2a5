// A new room.
import { useState } from "preact/hooks";
import * as api from "../api";
import { Dialog, Field } from "../dialog";
import { notify } from "../notice";
import { go, roomPath } from "../route";
import { shownName } from "./rooms";

const numbers = [
  ["empty_timeout", "Seconds it stays before anybody joins"],
  ["departure_timeout", "Seconds it stays after the last one left"],
  ["max_participants", "Participants at most"],
] as const;

export function CreateRoom({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const [metadata, setMetadata] = useState("");
  const [given, setGiven] = useState<Record<string, string>>({});
  const run = async () => {
    const wish: api.RoomWish = { name, metadata, empty_timeout: 0, departure_timeout: 0, max_participants: 0 };
    for (const [field] of numbers) wish[field] = Number(given[field] || 0);
    const before = await api.room(name, "", 0);
    const room = await api.createRoom(wish);
    notify(before.room ? `${shownName(room.name)} was there already; it stays as it was.` : `${shownName(room.name)} was created.`);
    go(roomPath(room.name));
  };
  return (
    <Dialog title="Create a room" action="Create room" run={run} close={close}>
      <Field label="Name">
        {(id) => <input id={id} required autofocus autocomplete="off" spellcheck={false} value={name} onInput={(e) => setName(e.currentTarget.value)} />}
      </Field>
      <Field label="Metadata" hint="Any text; every participant can read it.">
        {(id, hint) => <textarea id={id} aria-describedby={hint} rows={3} value={metadata} onInput={(e) => setMetadata(e.currentTarget.value)} />}
      </Field>
      {numbers.map(([field, label]) => (
        <Field key={field} label={label}>
          {(id) => (
            <input id={id} type="number" min="0" max="4294967295" step="1" inputMode="numeric" placeholder="as configured" value={given[field] ?? ""}
              onInput={(e) => setGiven({ ...given, [field]: e.currentTarget.value })} />
          )}
        </Field>
      ))}
    </Dialog>
  );
}
