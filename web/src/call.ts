// A call: the official SDK's room, and what a page shows of it. It is loaded when somebody joins.
import {
  ConnectionError, ConnectionErrorReason, ConnectionQuality, DisconnectReason, Participant, Room, RoomEvent, Track,
  type TrackPublication,
} from "livekit-client";
import { span } from "./format";

const CHAT = "lk.chat"; // where LiveKit's own components talk, too
const MESSAGES_MAX = 500;

export type Phase = "joining" | "connected" | "reconnecting" | "ended";
export type Device = "microphone" | "camera" | "screen";

export interface Message {
  id: string;
  from: string;
  own: boolean;
  text: string;
  at_ms: number;
}

// What is seen of one participant, or of a screen of theirs.
export interface Tile {
  key: string;
  name: string;
  own: boolean;
  screen: boolean;
  video: Track | null;
  silent: boolean; // no microphone that is on
  speaking: boolean;
  poor: boolean; // the connection
}

const shown = (p: Participant) => p.name || p.identity || "somebody";
const live = (pub: TrackPublication | undefined) => (pub?.track && !pub.isMuted ? pub.track : null);

const endings: Partial<Record<DisconnectReason, string>> = {
  [DisconnectReason.CLIENT_INITIATED]: "You left.",
  [DisconnectReason.DUPLICATE_IDENTITY]: "Somebody joined under the same identity, perhaps you in another window: only one may stay.",
  [DisconnectReason.SERVER_SHUTDOWN]: "The server is being shut down.",
  [DisconnectReason.PARTICIPANT_REMOVED]: "You were removed from the room.",
  [DisconnectReason.ROOM_DELETED]: "The room was deleted.",
  [DisconnectReason.ROOM_CLOSED]: "The room was closed.",
  [DisconnectReason.JOIN_FAILURE]: "The connection for sound and pictures could not be made. A firewall may let neither UDP nor TCP to the server's media ports pass.",
  [DisconnectReason.CONNECTION_TIMEOUT]: "The connection was lost for too long.",
};

const nouns: Record<Device, string> = { microphone: "microphone", camera: "camera", screen: "screen" };

// Why a microphone, camera or screen is not there.
export function deviceWords(device: Device, failure: unknown): string {
  const what = nouns[device], name = failure instanceof Error ? failure.name : "";
  if (!navigator.mediaDevices) return `Browsers give the ${what} only to pages over HTTPS or on localhost; this page is neither.`;
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return device === "screen" ? "The screen is not shared: it was not allowed, or nothing was chosen."
        : `The browser was not allowed to use the ${what}. Allow it for this page, beside its address, and try again.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${what} was found.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${what} does not start; another program may be using it.`;
    case "DeviceUnsupportedError":
      return `This browser cannot share the ${what}.`;
    case "PublishTrackError":
      return `You may not send your ${what} in this room.`;
  }
  return `The ${what} does not work: ${failure instanceof Error ? failure.message : failure}.`;
}

// Why one does not come in.
export function joinWords(server: string, failure: unknown): string {
  if (!(failure instanceof ConnectionError)) return `Joining failed: ${failure instanceof Error ? failure.message : failure}.`;
  switch (failure.reason) {
    case ConnectionErrorReason.NotAllowed:
      return `The server does not let you in with this token: ${failure.message}.`;
    case ConnectionErrorReason.LeaveRequest:
      return endings[failure.context as DisconnectReason] ?? "The server ended the connection.";
    case ConnectionErrorReason.ServerUnreachable:
    case ConnectionErrorReason.WebSocket:
    case ConnectionErrorReason.Timeout:
      return `There is no way to the server at ${server}.`;
    case ConnectionErrorReason.InternalError:
      return failure.message.includes("pc connection") ? endings[DisconnectReason.JOIN_FAILURE]! : `The server did not let you in: ${failure.message}.`;
  }
  return `Joining failed: ${failure.message}.`;
}

export class Call {
  phase: Phase = "joining";
  ending = ""; // why, once it has ended
  messages: Message[] = [];
  problems: Partial<Record<Device | "chat", string>> = {};
  busy: Partial<Record<Device, boolean>> = {};
  lasted = "";
  private began = 0;
  private readonly room = new Room({ adaptiveStream: true, dynacast: true });

  constructor(private readonly changed: () => void) {
    const { room } = this;
    const all = [
      RoomEvent.ParticipantConnected, RoomEvent.ParticipantDisconnected, RoomEvent.TrackSubscribed, RoomEvent.TrackUnsubscribed,
      RoomEvent.TrackMuted, RoomEvent.TrackUnmuted, RoomEvent.LocalTrackPublished, RoomEvent.LocalTrackUnpublished,
      RoomEvent.ActiveSpeakersChanged, RoomEvent.ConnectionQualityChanged, RoomEvent.AudioPlaybackStatusChanged,
      RoomEvent.ParticipantNameChanged, RoomEvent.ParticipantPermissionsChanged, RoomEvent.ConnectionStateChanged,
    ] as const;
    for (const event of all) room.on(event, this.changed);
    room.on(RoomEvent.Reconnecting, () => this.enter("reconnecting"));
    room.on(RoomEvent.SignalReconnecting, () => this.enter("reconnecting"));
    room.on(RoomEvent.Reconnected, () => this.enter("connected"));
    room.on(RoomEvent.Disconnected, (reason) => {
      this.ending ||= endings[reason ?? DisconnectReason.UNKNOWN_REASON] ?? "The connection to the server was lost.";
      this.enter("ended");
    });
    // Older clients send a message of its own kind.
    room.on(RoomEvent.ChatMessage, ({ id, message }, p) => {
      if (p && !p.isLocal) this.say({ id, from: shown(p), own: false, text: message, at_ms: Date.now() });
    });
    room.registerTextStreamHandler(CHAT, async (reader, { identity }) => {
      const from = room.remoteParticipants.get(identity);
      const text = await reader.readAll();
      this.say({ id: reader.info.id, from: from ? shown(from) : identity, own: false, text, at_ms: Date.now() });
    });
  }

  get isOver(): boolean {
    return this.phase === "ended";
  }

  private enter(phase: Phase): void {
    if (this.isOver || (this.phase === "joining" && phase !== "connected")) return;
    if (phase === "ended") this.lasted = span(Date.now() - this.began);
    this.phase = phase;
    this.changed();
  }

  private say(message: Message): void {
    this.messages = [...this.messages, message].slice(-MESSAGES_MAX);
    this.changed();
  }

  // Throws what joinWords can tell of.
  async join(server: string, token: string, wanted: Device[]): Promise<void> {
    try {
      await this.room.connect(server, token);
    } catch (failure) {
      this.phase = "ended";
      throw failure;
    }
    this.began = Date.now();
    this.enter("connected");
    for (const device of wanted) void this.turn(device, true);
  }

  async leave(): Promise<void> {
    this.ending = endings[DisconnectReason.CLIENT_INITIATED]!;
    await this.room.disconnect();
    this.enter("ended");
  }

  isOn(device: Device): boolean {
    const me = this.room.localParticipant;
    return device === "microphone" ? me.isMicrophoneEnabled : device === "camera" ? me.isCameraEnabled : me.isScreenShareEnabled;
  }

  may(device: Device): boolean {
    const permission = this.room.localParticipant.permissions;
    const source = { microphone: Track.Source.Microphone, camera: Track.Source.Camera, screen: Track.Source.ScreenShare }[device];
    const only = permission?.canPublishSources ?? [];
    return !permission || (permission.canPublish && (only.length === 0 || only.some((s) => Track.sourceToProto(source) === s)));
  }

  async turn(device: Device, on: boolean): Promise<void> {
    if (this.busy[device] || this.isOver) return;
    this.busy[device] = true;
    delete this.problems[device];
    this.changed();
    const me = this.room.localParticipant;
    try {
      if (device === "microphone") await me.setMicrophoneEnabled(on);
      else if (device === "camera") await me.setCameraEnabled(on);
      else await me.setScreenShareEnabled(on, { audio: true, selfBrowserSurface: "include" });
    } catch (failure) {
      if (!this.isOver) this.problems[device] = deviceWords(device, failure);
    }
    this.busy[device] = false;
    this.changed();
  }

  devices(): Promise<MediaDeviceInfo[]> {
    return Room.getLocalDevices(undefined, false);
  }

  chosen(kind: MediaDeviceKind): string | undefined {
    return this.room.getActiveDevice(kind);
  }

  // Throws words.
  async choose(kind: MediaDeviceKind, id: string): Promise<void> {
    try {
      await this.room.switchActiveDevice(kind, id);
    } catch (failure) {
      if (kind === "audiooutput") throw new Error("This browser plays sound where the system says.");
      throw new Error(deviceWords(kind === "audioinput" ? "microphone" : "camera", failure));
    }
  }

  dismiss(problem: Device | "chat"): void {
    delete this.problems[problem];
    this.changed();
  }

  // False: nothing was sent, and problems.chat says why.
  async send(text: string): Promise<boolean> {
    const me = this.room.localParticipant;
    delete this.problems.chat;
    try {
      if (me.permissions && !me.permissions.canPublishData) throw new Error("you may not send messages in this room");
      const { id } = await me.sendText(text, { topic: CHAT });
      this.say({ id, from: "You", own: true, text, at_ms: Date.now() });
      return true;
    } catch (failure) {
      this.problems.chat = `Not sent: ${failure instanceof Error ? failure.message : failure}.`;
      this.changed();
      return false;
    }
  }

  // Browsers let a page sound only after somebody has touched it.
  get isBlocked(): boolean {
    return !this.room.canPlaybackAudio;
  }

  unblock(): void {
    void this.room.startAudio().then(this.changed, this.changed);
  }

  get name(): string {
    return this.room.name;
  }

  // Oneself at the end.
  get tiles(): Tile[] {
    const screens: Tile[] = [], people: Tile[] = [];
    for (const p of [...this.room.remoteParticipants.values(), this.room.localParticipant]) {
      const own = p === this.room.localParticipant;
      const screen = live(p.getTrackPublication(Track.Source.ScreenShare));
      const about = {
        name: shown(p), own, silent: !p.isMicrophoneEnabled, speaking: p.isSpeaking,
        poor: p.connectionQuality === ConnectionQuality.Poor || p.connectionQuality === ConnectionQuality.Lost,
      };
      people.push({ ...about, key: p.sid || p.identity, screen: false, video: live(p.getTrackPublication(Track.Source.Camera)) });
      if (screen) screens.push({ ...about, key: `${p.sid}-screen`, screen: true, video: screen, speaking: false });
    }
    return [...screens, ...people];
  }

  get sounds(): Track[] {
    return [...this.room.remoteParticipants.values()].flatMap((p) => [...p.audioTrackPublications.values()])
      .map((pub) => pub.track).filter((track): track is NonNullable<typeof track> => track !== undefined);
  }
}
