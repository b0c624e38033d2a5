// The way into a room, and out of it again. Where the server makes no tokens for this page, one is pasted.
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import type { Call, Device } from "../call";
import { Check, Field } from "../dialog";
import { count } from "../format";
import type { Status } from "../types";
import type { Context } from "./index";
import { Stage } from "./stage";

const NAME_KEY = "stoa-name";
const HELD_KEY = "stoa-join"; // what was asked for, over one loading of the page

interface Wish {
  room: string;
  name: string;
  token: string;
  server: string;
  own: boolean; // with a token of one's own
  devices: Device[];
}

function remembered(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

function remember(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Not remembered then.
  }
}

function takeHeld(): Wish | null {
  try {
    const text = sessionStorage.getItem(HELD_KEY);
    sessionStorage.removeItem(HELD_KEY);
    return text === null ? null : (JSON.parse(text) as Wish);
  } catch {
    return null;
  }
}

// Where this server's signalling is, seen from this page.
const ownServer = (status: Status) => `${status.signal_tls ? "wss" : "ws"}://${location.hostname}:${status.signal_port}`;

// "https://a/" and "a" both are "wss://a" or so. Throws words.
function serverAddress(text: string): string {
  const given = text.trim().replace(/^http/i, "ws");
  let url: URL;
  try {
    url = new URL(/^wss?:\/\//i.test(given) ? given : `wss://${given}`);
  } catch {
    throw new Error("The server's address is not one: it looks like wss://rtc.example.com.");
  }
  return `${url.protocol}//${url.host}`;
}

// What can be said of a token without its key. Throws words.
function checkToken(text: string): void {
  let claims: { exp?: number; video?: { room?: string; roomJoin?: boolean } };
  try {
    const [, payload] = text.split(".") as [string, string];
    if (text.split(".").length !== 3) throw new Error();
    claims = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    throw new Error("This is no token: a token has three parts with dots between.");
  }
  if (claims.exp && claims.exp * 1000 < Date.now()) throw new Error(`This token was valid until ${new Date(claims.exp * 1000).toLocaleString()}.`);
  if (!claims.video?.roomJoin || !claims.video.room) throw new Error("This token is not for joining a room: it wants roomJoin and a room.");
}

// The page may talk to its own server alone, or to one that its address names: then it is loaded anew.
function goTo(server: string, wish: Wish): void {
  sessionStorage.setItem(HELD_KEY, JSON.stringify({ ...wish, server }));
  location.href = `?server=${encodeURIComponent(server)}${location.hash}`;
}

// Refused, but why? Room settings are known to this server's pages.
async function isFull(room: string): Promise<string | null> {
  try {
    const { room: there, here } = await api.room(room, "", 0);
    return there?.max_participants && here >= there.max_participants
      ? `The room is full: it takes ${count(there.max_participants)} ${there.max_participants === 1 ? "participant" : "participants"}.` : null;
  } catch {
    return null;
  }
}

const roomOf = (token: string): string => {
  const claims = JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))) as { video: { room: string } };
  return new TextDecoder().decode(Uint8Array.from(claims.video.room, (c) => c.charCodeAt(0)));
};

// A call that has begun, or null when the page is loaded anew. Throws words.
async function enter(wish: Wish, own: string, changed: () => void): Promise<Call | null> {
  const server = wish.own ? serverAddress(wish.server) : own;
  if (wish.own) checkToken(wish.token);
  if (server !== own && new URLSearchParams(location.search).get("server") !== server) {
    goTo(server, wish);
    return null;
  }
  const token = wish.own ? wish.token : (await api.token(wish.room, wish.name)).token;
  const { Call, joinWords } = await import("../call").catch(() => {
    throw new Error("A part of this page could not be loaded: the server cannot be reached.");
  });
  const call = new Call(changed);
  try {
    await call.join(server, token, wish.devices);
  } catch (failure) {
    throw new Error((server === own ? await isFull(roomOf(token)) : null) ?? joinWords(server, failure));
  }
  return call;
}

function Form({ status, wish, set, busy, failure, ending, submit }: {
  status: Status; wish: Wish; set: (change: Partial<Wish>) => void; busy: boolean; failure: string; ending: string; submit: () => void;
}) {
  const own = wish.own || !status.signs_tokens;
  const device = (name: Device, label: string) => (
    <Check label={label} checked={wish.devices.includes(name)}
      change={(on) => set({ devices: on ? [...wish.devices, name] : wish.devices.filter((d) => d !== name) })} />
  );
  return (
    <form class="entry" onSubmit={(e) => { e.preventDefault(); submit(); }}>
      <h1 tabIndex={-1}>Join a room</h1>
      {ending && <p class="banner" role="status">{ending}</p>}
      {own ? (
        <>
          <Field key="token" label="Token" hint="As `stoa token create --join --room ROOM --identity NAME` or your own server makes them. It is not kept.">
            {(id, hint) => <textarea id={id} aria-describedby={hint} rows={4} required spellcheck={false} autocomplete="off" value={wish.token} onInput={(e) => set({ token: e.currentTarget.value.trim() })} />}
          </Field>
          <Field key="server" label="Server">
            {(id) => <input id={id} required inputMode="url" autocapitalize="off" spellcheck={false} value={wish.server} onInput={(e) => set({ server: e.currentTarget.value })} />}
          </Field>
        </>
      ) : (
        <>
          <Field key="room" label="Room" hint="If there is none of this name, it is created.">
            {(id, hint) => <input id={id} aria-describedby={hint} required maxLength={256} autocomplete="off" spellcheck={false} value={wish.room} onInput={(e) => set({ room: e.currentTarget.value })} />}
          </Field>
          <Field key="name" label="Your name" hint="Your identity there: only one of each name is in a room.">
            {(id, hint) => <input id={id} aria-describedby={hint} required maxLength={256} autocomplete="nickname" value={wish.name} onInput={(e) => set({ name: e.currentTarget.value })} />}
          </Field>
        </>
      )}
      <div class="checks">
        {device("microphone", "With microphone")}
        {device("camera", "With camera")}
        {status.signs_tokens && <Check label="With a token of my own" checked={wish.own} change={(on) => set({ own: on })} />}
      </div>
      {failure && <p class="failure" role="alert">{failure}</p>}
      <button type="submit" class="primary" aria-disabled={busy}>{busy ? "Joining…" : "Join"}</button>
    </form>
  );
}

function Entry({ name, status }: { name: string; status: Status }) {
  const own = ownServer(status);
  const [wish, setWish] = useState<Wish>({
    room: name, name: remembered(), token: "", server: own, own: !status.signs_tokens, devices: ["microphone", "camera"],
  });
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState("");
  const [, redraw] = useState(0);
  const [call, setCall] = useState<Call | null>(null);
  const here = useRef(true), current = useRef<Call | null>(null);

  const join = async (what: Wish) => {
    if (busy) return;
    setBusy(true);
    setFailure("");
    if (!what.own) remember(what.name);
    try {
      const begun = await enter(what, own, () => redraw((n) => n + 1));
      current.current = begun;
      if (here.current) setCall(begun);
      else void begun?.leave();
    } catch (problem) {
      setFailure(problem instanceof Error ? problem.message : String(problem));
    }
    setBusy(false);
  };

  useEffect(() => {
    here.current = true;
    const held = takeHeld();
    if (held) {
      setWish(held);
      void join(held);
    }
    return () => {
      here.current = false;
      void current.current?.leave();
    };
  }, []);

  if (call && call.phase !== "ended") return <Stage call={call} />;
  return (
    <Form status={status} wish={wish} set={(change) => setWish((w) => ({ ...w, ...change }))} busy={busy} failure={failure}
      ending={call ? `${call.ending} The call lasted ${call.lasted}.` : ""} submit={() => void join({ ...wish, own: wish.own || !status.signs_tokens })} />
  );
}

export function Join({ name, context }: { name: string; context: Context }) {
  const { status } = context;
  if (!status) return <p class="quiet-text" role="status">Asking the server…</p>;
  return <Entry name={name} status={status} />;
}
