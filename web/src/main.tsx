// The frame around all views: who we are, where to go, and whether the server still answers.
import { render, type ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "./api";
import * as format from "./format";
import { Notice } from "./notice";
import { usePoll } from "./poll";
import { joinPath, overviewPath, useHash } from "./route";
import { History } from "./stats";
import { applyTheme, ThemeToggle } from "./theme";
import { findView, type Context } from "./views";

const POLL_MS = 1500;
const STALE_MS = 5000;
const history = new History();

// Time as the server has it, going on between two answers.
function useServerNow(latest: number | undefined): number {
  const seen = useRef({ server: Date.now(), here: performance.now() });
  const [, tick] = useState(0);
  if (latest !== undefined) seen.current = { server: latest, here: performance.now() };
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return seen.current.server + (performance.now() - seen.current.here);
}

function Stale({ answeredAt, error }: { answeredAt: number | null; error: string | null }) {
  if (answeredAt === null) return error ? <p class="banner bad" role="alert">{error}</p> : null;
  const silent = Date.now() - answeredAt;
  if (silent < STALE_MS) return null;
  return (
    <p class="banner bad" role="alert">
      <strong>No answer from the server since {format.timeOfDay(answeredAt)}.</strong> What you see is from then.{" "}
      {error ?? ""} It is asked again all the time.
    </p>
  );
}

function Health({ context }: { context: Context }) {
  const { status } = context;
  if (!status) return <span class="health">…</span>;
  if (status.draining) return <span class="health warn">Draining</span>;
  return status.ready ? <span class="health good">Ready</span> : <span class="health bad">Not ready</span>;
}

function Header({ context, nav }: { context: Context; nav: ComponentChildren }) {
  return (
    <header class="top">
      <a class="brand" href={overviewPath} aria-label="Stoa, overview">
        <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
          <path fill="currentColor" d="M1 5 8 1l7 4v1H1zM2 7h2v6H2zm5 0h2v6H7zm5 0h2v6h-2zM1 14h14v1H1z" />
        </svg>
        Stoa
      </a>
      <Health context={context} />
      {nav}
      <span class="node">{context.status ? `${context.status.node} · ${context.status.version}` : ""}</span>
      <ThemeToggle />
    </header>
  );
}

function App() {
  const hash = useHash();
  const answeredAt = useRef<number | null>(null);
  const status = usePoll("status", POLL_MS, async (signal) => {
    const answer = await api.status(signal);
    answeredAt.current = Date.now();
    history.add(answer);
    return answer;
  }, true);
  const now = useServerNow(status.value?.now_ms);
  const context: Context = { status: status.value, history, now_ms: now };
  const view = findView(hash);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  // A new place is told by its title and begins at its heading.
  useEffect(() => {
    document.title = view.title ? `${view.title} · Stoa` : "Stoa";
    if (!first.current) main.current?.querySelector<HTMLElement>("h1")?.focus();
    first.current = false;
  }, [hash]);

  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>Skip to content</a>
      <Header context={context} nav={
        <nav aria-label="Places">
          <a href={overviewPath} aria-current={view.key === "overview" ? "page" : undefined}>Overview</a>
          <a href={joinPath()} aria-current={view.key === "join" ? "page" : undefined}>Join</a>
        </nav>
      } />
      <Stale answeredAt={answeredAt.current} error={status.error} />
      <main ref={main} id="main" class={view.full ? "full" : undefined} tabIndex={-1} key={hash}>{view.render(context)}</main>
      <Notice />
    </>
  );
}

applyTheme();
render(<App />, document.getElementById("app")!);
