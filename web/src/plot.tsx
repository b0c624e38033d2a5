// A small line over the last minutes, ten of them at most. The number beside it says what is now; the line says how
// it came to be. For those who do not see it, its label says lowest and highest.
import { HISTORY_MS, type Point } from "./stats";

const WIDTH = 300, HEIGHT = 44, TOP = 3;
const WINDOWS_MS = [60_000, 2 * 60_000, 5 * 60_000, HISTORY_MS];

function path(points: [number, number | null][], high: number, now: number, window: number): { line: string; area: string } {
  let line = "", area = "", begun = false, x = 0;
  const end = () => {
    if (begun) area += `L${x.toFixed(1)} ${HEIGHT}Z`;
    begun = false;
  };
  for (const [at, value] of points) {
    if (value === null) {
      end();
      continue;
    }
    x = WIDTH - ((now - at) / window) * WIDTH;
    const y = HEIGHT - 1 - (value / high) * (HEIGHT - 1 - TOP);
    const to = `${x.toFixed(1)} ${y.toFixed(1)}`;
    line += begun ? `L${to}` : `M${to}`;
    area += begun ? `L${to}` : `M${x.toFixed(1)} ${HEIGHT}L${to}`;
    begun = true;
  }
  end();
  return { line, area };
}

export function Plot(props: { label: string; points: Point[]; of: (p: Point) => number | null; show: (value: number) => string; least?: number }) {
  const values = props.points.map((p): [number, number | null] => [p.at_ms, props.of(p)]);
  const known = values.map(([, value]) => value).filter((value): value is number => value !== null);
  const now = props.points[props.points.length - 1]?.at_ms ?? 0;
  const highest = Math.max(0, ...known), lowest = known.length ? Math.min(...known) : 0;
  const seen = now - (props.points[0]?.at_ms ?? now);
  const window = WINDOWS_MS.find((ms) => ms >= seen) ?? HISTORY_MS;
  const { line, area } = path(values, Math.max(highest, props.least ?? 1) * 1.08, now, window);
  const minutes = `${window / 60_000} min`;
  const label = known.length
    ? `${props.label} over the last ${minutes}: lowest ${props.show(lowest)}, highest ${props.show(highest)}`
    : `${props.label}: nothing seen yet`;
  return (
    <div class="plot">
      <span class="plot-high" aria-hidden="true">{known.length ? `max ${props.show(highest)} in ${minutes}` : "\u00a0"}</span>
      <svg role="img" aria-label={label} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
        <line class="plot-base" x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        <path class="plot-area" d={area} />
        <path class="plot-line" d={line} />
      </svg>
    </div>
  );
}
