// One line that says what has been done. Failures are said where they happened instead.
import { useEffect, useState } from "preact/hooks";

const SHOWN_MS = 6000;
let show: (text: string) => void = () => {};

export const notify = (text: string) => show(text);

export function Notice() {
  const [text, setText] = useState("");
  show = setText;
  useEffect(() => {
    if (!text) return;
    const timer = setTimeout(() => setText(""), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return <div class={text ? "notice shown" : "notice"} role="status">{text}</div>;
}
