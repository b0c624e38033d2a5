// Light or dark: as the system says, unless the toggle says otherwise, which this browser remembers.
import { useState } from "preact/hooks";

type Theme = "system" | "light" | "dark";
const KEY = "stoa-theme";
const ORDER: Theme[] = ["system", "light", "dark"];
const SIGNS: Record<Theme, string> = { system: "◐", light: "○", dark: "●" };

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export function applyTheme(theme: Theme = stored()): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function ThemeToggle() {
  const [theme, setTheme] = useState(stored);
  const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length]!;
  const change = () => {
    try {
      if (next === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      // Not remembered then.
    }
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button type="button" class="quiet theme" onClick={change} aria-label={`Colours: ${theme}. Change to ${next}.`} title={`Colours: ${theme}`}>
      <span aria-hidden="true">{SIGNS[theme]}</span> <span class="theme-name">{theme}</span>
    </button>
  );
}
