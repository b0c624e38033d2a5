// Numbers, times and sizes as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const stamp = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

export const count = (value: number) => whole.format(value);

export function rate(value: number): string {
  if (value === 0) return "0";
  return value < 10 ? tenths.format(value) : whole.format(value);
}

export function bytes(value: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? whole.format(value) : tenths.format(value)}\u00a0${units[unit]}`;
}

// "12s", "4m 32s", "3h 05m", "6d 2h"
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m\u00a0${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h\u00a0${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d\u00a0${Math.floor(s / 3600) % 24}h`;
}

export function milliseconds(ms: number): string {
  if (ms < 1) return `${whole.format(ms * 1000)}\u00a0µs`;
  if (ms < 100) return `${tenths.format(ms)}\u00a0ms`;
  return ms < 10_000 ? `${whole.format(ms)}\u00a0ms` : `${tenths.format(ms / 1000)}\u00a0s`;
}

export const timeOfDay = (ms: number) => clock.format(ms);
export const dateAndTime = (ms: number) => stamp.format(ms);

// PARTICIPANT_STATE-like names of the API: "SCREEN_SHARE" as "screen share".
export const words = (name: string) => name.toLowerCase().replace(/_/g, " ");
