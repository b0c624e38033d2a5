// Asking again and again, gently: never two at once, a tenth of the time at most, seldom when
// nobody looks, and at once when somebody comes back.
import { useEffect, useRef, useState } from "preact/hooks";

const SHARE = 10; // a question that took t is asked again after SHARE * t at the earliest
const HIDDEN_MS = 10_000;

export interface Polled<T> {
  value: T | null;
  stale: boolean; // the value is of another key: what is asked for now has not come yet
  error: string | null; // why the last question failed
  again: () => void; // ask now
}

// `key`: what is asked for; when it changes, what is known is shown until the new answer comes.
export function usePoll<T>(key: string, everyMs: number, question: (signal: AbortSignal) => Promise<T>): Polled<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: string | null }>({ key, value: null, error: null });
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
      try {
        const value = await asking.current(over.signal);
        if (!over.signal.aborted) setState({ key, value, error: null });
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!over.signal.aborted) setState((s) => ({ ...s, error: text }));
      }
      busy = false;
      if (over.signal.aborted) return;
      const wait = Math.max(document.hidden ? HIDDEN_MS : everyMs, (performance.now() - begun) * SHARE);
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

  return { value: state.value, stale: state.key !== key, error: state.error, again: () => kick.current() };
}
