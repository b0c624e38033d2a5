// The places there are. A new one is a row more here and a file beside this one.
import type { ComponentChildren } from "preact";
import { behind } from "../route";
import type { History } from "../stats";
import type { Status } from "../types";
import { Join } from "./join";
import { Overview } from "./overview";
import { RoomView } from "./room";

export interface Context {
  status: Status | null; // null until the first answer
  history: History;
  now_ms: number; // of the server
}

interface View {
  key: string;
  title: string;
  full?: boolean; // as wide and high as the window
  render: (context: Context) => ComponentChildren;
}

const places: ((hash: string) => View | null)[] = [
  (hash) => {
    const name = behind(hash, "#/room/");
    return name === null ? null : { key: "room", title: name, render: (context) => <RoomView name={name} context={context} /> };
  },
  (hash) => {
    const name = hash === "#/join" ? "" : behind(hash, "#/join/");
    return name === null ? null : { key: "join", title: "Join a room", full: true, render: (context) => <Join name={name} context={context} /> };
  },
  (hash) => (hash === "#/" ? { key: "overview", title: "", render: (context) => <Overview context={context} /> } : null),
];

export function findView(hash: string): View {
  for (const place of places) {
    const view = place(hash);
    if (view) return view;
  }
  return {
    key: "none",
    title: "No such place",
    render: () => (
      <>
        <h1 tabIndex={-1}>No such place</h1>
        <p>This address leads nowhere. <a href="#/">Go to the overview.</a></p>
      </>
    ),
  };
}
