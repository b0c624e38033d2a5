// Everything that goes to the server and comes back.
import type { Participant, Room, RoomAnswer, RoomRow, RoomsPage, Status } from "./types";

const PATIENCE_MS = 5000;

// A failure in words that can be shown as they are.
export class Failure extends Error {
  constructor(message: string, readonly status = 0) {
    super(message);
  }
}

interface TwirpError {
  code?: string;
  msg?: string;
}

function wordsFor(status: number, text: string): string {
  let told = text.trim();
  try {
    const error = JSON.parse(text) as TwirpError;
    told = (error.msg ?? error.code ?? "").replace(/^twirp error unknown: /, "");
  } catch {
    // Not every refusal is JSON.
  }
  if (status === 401) return "The password is no longer accepted. Reload the page to give it again.";
  if (status === 503) return `The server is overloaded${told ? `: ${told}` : ""}. Try again in a moment.`;
  return told ? `${told[0]!.toUpperCase()}${told.slice(1).replace(/\.?$/, ".")}` : `The server answered ${status}.`;
}

async function ask<T>(path: string, init: RequestInit = {}, outer?: AbortSignal): Promise<T> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  const stop = () => patience.abort();
  outer?.addEventListener("abort", stop);
  try {
    const answer = await fetch(`api/${path}`, {
      ...init,
      signal: patience.signal,
      cache: "no-store",
      headers: { ...init.headers, "X-Stoa-Page": "1" },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Failure(wordsFor(answer.status, text), answer.status);
    return JSON.parse(text) as T;
  } catch (error) {
    if (error instanceof Failure || outer?.aborted) throw error;
    if (patience.signal.aborted) throw new Failure(`The server did not answer within ${PATIENCE_MS / 1000} seconds.`);
    throw new Failure("The server cannot be reached.");
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", stop);
  }
}

function query(values: Record<string, string | number>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== "" && value !== 0);
  return pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}

export const status = (signal?: AbortSignal) => ask<Status>("status", {}, signal);

// A page of rooms. The server looks at a slice of what it holds and says where to go on, so a full
// page may take several questions; each is small, and other calls are answered between them.
export async function rooms(prefix: string, from: number, limit: number, signal: AbortSignal): Promise<RoomsPage> {
  const found = new Map<string, RoomRow>();
  let next: number | null = from, total = 0;
  while (next !== null && found.size < limit) {
    const page: RoomsPage = await ask(`rooms?${query({ prefix, from: next, limit: limit - found.size })}`, {}, signal);
    for (const room of page.rooms) found.set(room.name, room);
    total = page.total;
    next = page.next;
  }
  return { rooms: [...found.values()], next, total };
}

export const room = (name: string, prefix: string, from: number, signal?: AbortSignal) =>
  ask<RoomAnswer>(`room?${query({ room: name, prefix, from })}`, {}, signal);

// In development alone: a token to join with.
export const token = (name: string, identity: string) => ask<{ token: string }>(`token?${query({ room: name, identity })}`);

function call<T>(method: string, request: object): Promise<T> {
  return ask<T>(method, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) });
}

export interface RoomWish {
  name: string;
  metadata: string;
  empty_timeout: number;
  departure_timeout: number;
  max_participants: number;
}

export const createRoom = (wish: RoomWish) => call<Room>("CreateRoom", wish);
export const deleteRoom = (name: string) => call<object>("DeleteRoom", { room: name });
export const updateRoomMetadata = (name: string, metadata: string) => call<Room>("UpdateRoomMetadata", { room: name, metadata });
export const removeParticipant = (name: string, identity: string) => call<object>("RemoveParticipant", { room: name, identity });
export const muteTrack = (name: string, identity: string, track_sid: string, muted: boolean) =>
  call<object>("MutePublishedTrack", { room: name, identity, track_sid, muted });
export const updateParticipant = (name: string, identity: string, change: Partial<Participant>) =>
  call<Participant>("UpdateParticipant", { room: name, identity, ...change });
