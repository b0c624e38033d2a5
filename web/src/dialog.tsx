// A question that stands before everything else. The browser's own dialog keeps the focus inside,
// closes by Escape and gives the focus back.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

interface DialogProps {
  title: string;
  action: string; // what the button does, in words
  danger?: boolean;
  children: ComponentChildren;
  run: () => Promise<void>; // throws what is to be shown
  close: () => void;
}

export function Dialog({ title, action, danger, children, run, close }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const name = useId();

  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      await run();
      close();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby={name} onClose={close} onCancel={(e) => busy && e.preventDefault()}>
      <form onSubmit={submit}>
        <h2 id={name}>{title}</h2>
        <div class="dialog-body">{children}</div>
        {error && <p class="failure" role="alert">{error}</p>}
        <div class="dialog-buttons">
          <button type="button" onClick={close} disabled={busy} autofocus={danger}>Cancel</button>
          <button type="submit" class={danger ? "danger" : "primary"} aria-disabled={busy}>{busy ? "Working…" : action}</button>
        </div>
      </form>
    </dialog>
  );
}

export function Field(props: { label: string; hint?: string; children: (id: string, hintId: string | undefined) => ComponentChildren }) {
  const id = useId();
  const hintId = props.hint ? `${id}-hint` : undefined;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children(id, hintId)}
      {props.hint && <span id={hintId} class="hint">{props.hint}</span>}
    </div>
  );
}

export function Check(props: { label: string; checked: boolean; change: (on: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={props.checked} onChange={(e) => props.change(e.currentTarget.checked)} />
      <span>{props.label}</span>
    </label>
  );
}
