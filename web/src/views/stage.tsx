// A call as it is seen: everybody's picture, and below what can be done.
import type { Track } from "livekit-client";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Call, Device, Tile } from "../call";
import { Icon, type Sign } from "../icons";
import { Chat } from "./chat";
import { Devices } from "./devices";
import { shownName } from "./rooms";

function Picture({ track, mirrored }: { track: Track; mirrored: boolean }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = element.current!;
    track.attach(video);
    return () => void track.detach(video);
  }, [track]);
  return <video ref={element} class={mirrored ? "mirrored" : undefined} autoplay muted playsInline />;
}

function Sound({ track }: { track: Track }) {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = element.current!;
    track.attach(audio);
    return () => void track.detach(audio);
  }, [track]);
  return <audio ref={element} autoplay />;
}

const initials = (name: string) =>
  name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0]!.toUpperCase()).join("");

function Face({ tile }: { tile: Tile }) {
  const name = `${tile.name}${tile.own ? " (you)" : ""}`;
  const label = tile.screen ? `Screen of ${name}` : name;
  const state = [tile.video ? "" : "no picture", tile.silent && !tile.screen ? "muted" : "", tile.speaking ? "speaking" : "", tile.poor ? "poor connection" : ""];
  return (
    <li class={`face${tile.speaking ? " speaking" : ""}${tile.screen ? " screen" : ""}`} aria-label={[label, ...state].filter(Boolean).join(", ")}>
      {tile.video ? <Picture track={tile.video} mirrored={tile.own && !tile.screen} /> : <span class="initials" aria-hidden="true">{initials(tile.name)}</span>}
      <span class="plate" aria-hidden="true">
        {tile.silent && !tile.screen && <Icon sign="microphone" off />}
        {tile.poor && <Icon sign="poor" />}
        <span class="plate-name">{label}</span>
      </span>
    </li>
  );
}

const columns = (count: number) => Math.ceil(Math.sqrt(count));

// What cannot be pressed just now keeps the focus: a disabled button would lose it to nobody.
function Control(props: { sign: Sign; label: string; off?: boolean; danger?: boolean; pressed?: boolean; disabled?: boolean; count?: number; press: () => void; about: string }) {
  return (
    <button type="button" class={`control${props.off ? " off" : ""}${props.danger ? " danger" : ""}`} aria-pressed={props.pressed}
      aria-label={props.about} title={props.about} aria-disabled={props.disabled} onClick={() => !props.disabled && props.press()}>
      <Icon sign={props.sign} off={props.off} />
      <span>{props.label}</span>
      {!!props.count && <span class="count">{props.count}</span>}
    </button>
  );
}

const deviceControls: { device: Device; sign: Sign; label: string; on: string; off: string }[] = [
  { device: "microphone", sign: "microphone", label: "Mic", on: "Mute your microphone", off: "Unmute your microphone" },
  { device: "camera", sign: "camera", label: "Camera", on: "Turn your camera off", off: "Turn your camera on" },
  { device: "screen", sign: "screen", label: "Share", on: "Stop sharing your screen", off: "Share your screen" },
];

function Controls({ call, chatting, unread, chat, devices }: { call: Call; chatting: boolean; unread: number; chat: () => void; devices: () => void }) {
  return (
    <div class="controls" role="group" aria-label="Call">
      {deviceControls.map(({ device, sign, label, on, off }) => {
        const isOn = call.isOn(device), may = call.may(device);
        return (
          <Control key={device} sign={sign} label={label} off={!isOn && device !== "screen"} pressed={device === "screen" ? isOn : undefined}
            about={may ? (isOn ? on : off) : `${off}: you may not in this room`}
            disabled={!may || call.busy[device] || (call.phase === "reconnecting" && !isOn)} press={() => void call.turn(device, !isOn)} />
        );
      })}
      <Control sign="chat" label="Chat" pressed={chatting} count={unread} about={unread ? `Chat, ${unread} not read` : "Chat"} press={chat} />
      <Control sign="devices" label="Devices" about="Choose devices" press={devices} />
      <Control sign="leave" label="Leave" danger about="Leave the call" press={() => void call.leave()} />
    </div>
  );
}

export function Stage({ call }: { call: Call }) {
  const [chatting, setChatting] = useState(false);
  const [choosing, setChoosing] = useState(false);
  const [read, setRead] = useState(0);
  const tiles = call.tiles, others = call.messages.filter((m) => !m.own).length;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
    document.documentElement.classList.add("in-call");
    return () => document.documentElement.classList.remove("in-call");
  }, []);
  useEffect(() => {
    if (chatting) setRead(others);
  }, [chatting, others]);
  const people = tiles.filter((tile) => !tile.screen), screens = tiles.filter((tile) => tile.screen);
  return (
    <div class={chatting ? "call chatting" : "call"}>
      <div class="call-line">
        <h1 ref={heading} tabIndex={-1}>{shownName(call.name)}</h1>
        <span class="detail">{people.length === 1 ? "only you" : `${people.length} people`}</span>
        <span role="status">{call.phase === "reconnecting" && <span class="pill warn">Connection lost: reconnecting…</span>}</span>
      </div>
      <div class="call-news">
        {call.isBlocked && (
          <p class="banner">The browser keeps this page silent until you touch it. <button type="button" onClick={() => call.unblock()}>Hear the others</button></p>
        )}
        {(["microphone", "camera", "screen"] as Device[]).map((device) => call.problems[device] && (
          <p key={device} class="failure" role="alert">
            {call.problems[device]} <button type="button" class="quiet" aria-label={`Close: ${call.problems[device]}`} onClick={() => call.dismiss(device)}>✕</button>
          </p>
        ))}
      </div>
      <div class={screens.length ? "stage shared" : "stage"}>
        {screens.length > 0 && (
          <ul class="faces screens" aria-label="Shared screens">{screens.map((tile) => <Face key={tile.key} tile={tile} />)}</ul>
        )}
        <ul class="faces people" aria-label="In this call" data-count={people.length} data-columns={columns(people.length)}>
          {people.map((tile) => <Face key={tile.key} tile={tile} />)}
        </ul>
      </div>
      {chatting && <Chat call={call} close={() => setChatting(false)} />}
      <Controls call={call} chatting={chatting} unread={chatting ? 0 : others - read} chat={() => setChatting(!chatting)} devices={() => setChoosing(true)} />
      {choosing && <Devices call={call} close={() => setChoosing(false)} />}
      <div hidden>{call.sounds.map((track) => <Sound key={track.sid} track={track} />)}</div>
    </div>
  );
}
