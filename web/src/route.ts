// Where we are: the part of the address behind '#'.
import { useEffect, useState } from "preact/hooks";

export const overviewPath = "#/";
export const joinPath = (name = "") => `#/join${name && `/${encodeURIComponent(name)}`}`;
export const roomPath = (name: string) => `#/room/${encodeURIComponent(name)}`;

// What stands behind `start`, decoded; null when the place is another one.
export function behind(hash: string, start: string): string | null {
  if (!hash.startsWith(start)) return null;
  try {
    return decodeURIComponent(hash.slice(start.length));
  } catch {
    return null;
  }
}

export function useHash(): string {
  const [hash, setHash] = useState(location.hash || overviewPath);
  useEffect(() => {
    const changed = () => setHash(location.hash || overviewPath);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

export const go = (path: string) => {
  location.hash = path;
};
