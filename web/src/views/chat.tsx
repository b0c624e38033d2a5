// What is written in a call.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Call } from "../call";
import { timeOfDay } from "../format";

export function Chat({ call, close }: { call: Call; close: () => void }) {
  const [text, setText] = useState("");
  const [sending, setSending] = useState(false);
  const log = useRef<HTMLOListElement>(null), field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => field.current?.focus(), []);
  useEffect(() => log.current?.scrollTo(0, log.current.scrollHeight), [call.messages]);
  const send = async (event: Event) => {
    event.preventDefault();
    if (sending || !text.trim()) return;
    setSending(true);
    if (await call.send(text.trim())) setText("");
    setSending(false);
  };
  return (
    <section class="chat" aria-labelledby={`${id}-heading`} onKeyDown={(e) => e.key === "Escape" && close()}>
      <div class="chat-line">
        <h2 id={`${id}-heading`}>Chat</h2>
        <button type="button" class="quiet" aria-label="Close the chat" onClick={close}>✕</button>
      </div>
      <ol class="messages" ref={log} role="log" aria-label="Messages" tabIndex={0}>
        {call.messages.length === 0 && <li class="quiet-text">Nothing was written since you came.</li>}
        {call.messages.map((m) => (
          <li key={m.id} class={m.own ? "message own" : "message"}>
            <span class="detail">{m.from} · {timeOfDay(m.at_ms).slice(0, 5)}</span>
            <span class="message-text">{m.text}</span>
          </li>
        ))}
      </ol>
      {call.problems.chat && <p class="failure" role="alert">{call.problems.chat}</p>}
      <form class="chat-line" onSubmit={send}>
        <label for={id} class="hidden">Message to everybody</label>
        <input id={id} ref={field} autocomplete="off" placeholder="Message to everybody" value={text} onInput={(e) => setText(e.currentTarget.value)} />
        <button type="submit" class="primary" disabled={sending || call.phase !== "connected"}>Send</button>
      </form>
    </section>
  );
}
