// Which microphone, camera and speaker a call uses.
import { useEffect, useState } from "preact/hooks";
import type { Call } from "../call";
import { Dialog, Field } from "../dialog";

const kinds: [MediaDeviceKind, string][] = [["audioinput", "Microphone"], ["videoinput", "Camera"], ["audiooutput", "Speaker"]];

export function Devices({ call, close }: { call: Call; close: () => void }) {
  const [there, setThere] = useState<MediaDeviceInfo[] | null>(null);
  const [chosen, setChosen] = useState<Partial<Record<MediaDeviceKind, string>>>({});
  useEffect(() => {
    const look = () => void call.devices().then(setThere, () => setThere([]));
    look();
    navigator.mediaDevices?.addEventListener("devicechange", look);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", look);
  }, []);
  const run = async () => {
    for (const [kind, id] of Object.entries(chosen) as [MediaDeviceKind, string][]) await call.choose(kind, id);
  };
  return (
    <Dialog title="Devices" action="Use these" run={run} close={close}>
      {there === null && <p role="status">Looking…</p>}
      {there !== null && kinds.map(([kind, label]) => {
        const these = there.filter((d) => d.kind === kind && d.deviceId);
        const now = these.find((d) => d.deviceId === call.chosen(kind)) ?? these[0];
        return (
          <Field key={kind} label={label}>
            {(id) => (
              <select id={id} disabled={these.length === 0} value={chosen[kind] ?? now?.deviceId ?? ""}
                onChange={(e) => setChosen({ ...chosen, [kind]: e.currentTarget.value })}>
                {these.length === 0 && <option value="">{kind === "audiooutput" ? "as the system has it" : "none that this page may use"}</option>}
                {these.map((d, i) => <option key={d.deviceId} value={d.deviceId}>{d.label || `${label} ${i + 1}`}</option>)}
              </select>
            )}
          </Field>
        );
      })}
    </Dialog>
  );
}
