// A client in a process of its own, to be stopped, cut off and killed: `node caller.mjs URL TOKEN`.
// It publishes a tone and says what it hears and sees, one JSON object on each line of stdout.
import { AudioFrame, AudioSource, AudioStream, LocalAudioTrack, Room, RoomEvent, TrackPublishOptions, TrackSource } from "@livekit/rtc-node";

const RATE = 48000, [url, token] = process.argv.slice(2);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

// Loud for as long as it is captured; the stream is real time.
export async function tone(source) {
  for (let phase = 0; ; ) {
    const data = new Int16Array(RATE / 100);
    for (let i = 0; i < data.length; i++, phase++) data[i] = Math.round(12000 * Math.sin((2 * Math.PI * 440 * phase) / RATE));
    await source.captureFrame(new AudioFrame(data, RATE, 1, data.length));
  }
}

// Calls back for each half second in which something loud was heard.
export async function hear(track, loud) {
  let energy = 0, samples = 0;
  for await (const frame of new AudioStream(track, RATE, 1)) {
    for (const s of frame.data) energy += s * s;
    samples += frame.data.length;
    if (samples < RATE / 2) continue;
    if (Math.sqrt(energy / samples) > 3000) loud();
    energy = samples = 0;
  }
}

export async function join(url, token, on) {
  const room = new Room();
  room.on(RoomEvent.TrackSubscribed, (track) => void hear(track, () => on({ heard: true })));
  room.on(RoomEvent.Reconnecting, () => on({ event: "reconnecting" }));
  room.on(RoomEvent.Reconnected, () => on({ event: "reconnected" }));
  room.on(RoomEvent.Disconnected, (reason) => on({ event: "disconnected", reason }));
  room.on(RoomEvent.ParticipantDisconnected, (p) => on({ event: "left", identity: p.identity }));
  room.on(RoomEvent.DataReceived, (data) => on({ event: "data", text: Buffer.from(data).toString() }));
  await room.connect(url, token, { autoSubscribe: true, dynacast: false });
  const source = new AudioSource(RATE, 1), options = new TrackPublishOptions();
  options.source = TrackSource.SOURCE_MICROPHONE;
  await room.localParticipant.publishTrack(LocalAudioTrack.createAudioTrack("mic", source), options);
  void tone(source);
  on({ event: "joined", sid: room.localParticipant.sid });
  return room;
}

if (url) {
  let count = 0;
  const room = await join(url, token, say);
  // Numbered texts, by the reliable channel: none may be lost, none may come twice.
  if (process.env.SAY) setInterval(() => void room.localParticipant.publishData(Buffer.from(String(++count)), { reliable: true }).catch(() => {}), 100);
}
