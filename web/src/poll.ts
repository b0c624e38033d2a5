// Asking again and again, gently: never two at once, a tenth of the time at most, seldom when
// nobody looks, and at once when somebody comes back.
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "./api";

const SHARE = 10; // a question that took t is asked again after SHARE * t at the earliest
const PAUSE_MAX_MS = 30_000;
const HIDDEN_MS = 10_000;

export interface Polled<T> {
  value: T | null;
  stale: boolean; // the value is of another key: what is asked for now has not come yet
  error: string | null; // why the last question failed
  refusal: string | null; // the same, but only when the server itself said so
  again: () => void; // ask now
}

// `key`: what is asked for; when it changes, what is known is shown until the new answer comes.
// `light`: it costs the server nothing, however long the answer was on its way.
export function usePoll<T>(key: string, everyMs: number, question: (signal: AbortSignal) => Promise<T>, light = false): Polled<T> {
  const [state, setState] = useState<{ key: string; value: T | null; failure: unknown }>({ key, value: null, failure: null });
  const asking = useRef(question);
  const kick = useRef(() => {});
  asking.current = question;

  useEffect(() => {
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout>, busy = false, wanted = false;
    const run = async () => {
      clearTimeout(timer);
      busy = true;
      wanted = false;
      const begun = performance.now();
      let took = 0;
      try {
        const value = await asking.current(over.signal);
        took = performance.now() - begun;
        if (!over.signal.aborted) setState({ key, value, failure: null });
      } catch (failure) {
        if (!over.signal.aborted) setState((s) => ({ ...s, failure }));
      }
      busy = false;
      if (over.signal.aborted) return;
      const pause = light ? 0 : Math.min(took * SHARE, PAUSE_MAX_MS);
      const wait = Math.max(document.hidden ? HIDDEN_MS : everyMs, pause);
      timer = setTimeout(run, wanted ? 0 : wait);
    };
    const now = () => {
      wanted = true;
      if (!busy) void run();
    };
    const seen = () => {
      if (!document.hidden) now();
    };
    kick.current = now;
    document.addEventListener("visibilitychange", seen);
    void run();
    return () => {
      over.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key, everyMs]);

  const failure = state.failure, error = failure === null ? null : failure instanceof Error ? failure.message : String(failure);
  const refused = failure instanceof Failure && failure.status !== 0;
  return { value: state.value, stale: state.key !== key, error, refusal: refused ? error : null, again: () => kick.current() };
}
