// Small signs beside words or in their place; what they mean is said in words, too.
const paths = {
  microphone: "M8 1.5a2 2 0 0 0-2 2v4a2 2 0 0 0 4 0v-4a2 2 0 0 0-2-2zM3.5 7.5a4.5 4.5 0 0 0 9 0M8 12v2.5M5.5 14.5h5",
  camera: "M1.5 4.5h8v7h-8zM9.5 7.2l5-2.7v7l-5-2.7",
  screen: "M1.5 2.5h13v8.5h-13zM5 14h6M8 11v3M8 8.7V5M6.2 6.6 8 4.8l1.8 1.8",
  chat: "M2 2.5h12v8.5H7.5L4 14v-3H2z",
  leave: "M6.5 2.5h-4v11h4M6.5 8h8M11.5 4.8 14.7 8l-3.2 3.2",
  devices: "M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6M10 2.7a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6zM6 9.7a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z",
  poor: "M2.5 13.5v-2M6.2 13.5v-4M9.8 13.5v-7M13.5 13.5v-10M2 2l12 12",
};

export type Sign = keyof typeof paths;

export function Icon({ sign, off }: { sign: Sign; off?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <path d={off ? `${paths[sign]}M2 1.5l12 13` : paths[sign]} />
    </svg>
  );
}
