// What a participant of rtc-node sends: a tone as its microphone, a colour as its camera. Each gives a function that stops it.
import {
  AudioFrame, AudioSource, LocalAudioTrack, LocalVideoTrack, TrackPublishOptions, TrackSource, VideoBufferType, VideoFrame, VideoSource,
} from "@livekit/rtc-node";

const RATE = 48000, WIDTH = 320, HEIGHT = 180;

function from(source) {
  const options = new TrackPublishOptions();
  options.source = source;
  return options;
}

export async function sendTone(room, hertz = 440) {
  const source = new AudioSource(RATE, 1);
  await room.localParticipant.publishTrack(LocalAudioTrack.createAudioTrack("mic", source), from(TrackSource.SOURCE_MICROPHONE));
  let stopped = false, phase = 0;
  const done = (async () => {
    while (!stopped) {
      const data = new Int16Array(RATE / 100);
      for (let i = 0; i < data.length; i++, phase++) data[i] = Math.round(12000 * Math.sin((2 * Math.PI * hertz * phase) / RATE));
      await source.captureFrame(new AudioFrame(data, RATE, 1, data.length));
    }
  })();
  return async () => {
    stopped = true;
    await done;
  };
}

export async function sendColour(room, [r, g, b] = [200, 30, 60]) {
  const source = new VideoSource(WIDTH, HEIGHT);
  await room.localParticipant.publishTrack(LocalVideoTrack.createVideoTrack("cam", source), from(TrackSource.SOURCE_CAMERA));
  const data = new Uint8Array(WIDTH * HEIGHT * 4);
  for (let i = 0; i < data.length; i += 4) data.set([r, g, b, 255], i);
  const timer = setInterval(() => source.captureFrame(new VideoFrame(data, WIDTH, HEIGHT, VideoBufferType.RGBA)), 33);
  return async () => clearInterval(timer);
}
