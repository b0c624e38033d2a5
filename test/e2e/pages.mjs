// What every page of the operators' shows: it fits, it can be read, and all that can be pressed has a name.

// How much wider a page is than its window.
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// What can be pressed or goes by a role, and has no name.
export const nameless = (page) => page.evaluate(() => [...document.querySelectorAll("a, button, input, select, textarea, section, nav, dialog, [role]")]
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels?.length) && e.getAttribute("role") !== "status")
  .map((e) => e.outerHTML.slice(0, 100)));

// WCAG 2: contrast of two colours given as "rgb(...)".
function contrast(a, b) {
  const light = (text) => {
    const [r, g, b] = text.match(/[\d.]+/g).slice(0, 3).map((n) => {
      const part = n / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const textColours = (page) => page.evaluate(() => {
  const seen = [];
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255,255,255)";
  };
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (own && e.checkVisibility() && !e.closest(":disabled")) {
      seen.push([e.className || e.tagName, getComputedStyle(e).color, ground(e)]);
    }
  }
  return seen;
});

// Texts that stand out from their ground by less than WCAG asks for.
export async function faint(page) {
  const all = await textColours(page);
  return all.filter(([, text, ground]) => contrast(text, ground) < 4.5).map(([what, text, ground]) => `${what}: ${text} on ${ground}`);
}
