// Builds web/dist: one page, its script and style sheet, and a second script for calls, which is loaded when
// somebody joins one. They are named by their bytes, so that browsers keep them for as long as they are these. tools/embed_pages.py makes C of the folder.
import { build } from "esbuild";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const fresh = at("./dist.new");

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
const result = await build({
  absWorkingDir: at("."),
  entryPoints: { app: "src/main.tsx", style: "src/style.css" },
  outdir: `${fresh}/assets`,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  splitting: true,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2020", "chrome100", "firefox100", "safari15"],
  legalComments: "none",
  charset: "utf8",
  metafile: true,
  logLevel: "warning",
});

const names = Object.keys(result.metafile.outputs).map((path) => basename(path));
const named = (start, end) => `assets/${names.find((name) => name.startsWith(start) && name.endsWith(end))}`;
const page = (await readFile(at("./index.html"), "utf8")).replace("{{script}}", named("app-", ".js")).replace("{{style}}", named("style-", ".css"));
if (page.includes("{{") || page.includes("undefined")) throw new Error("index.html: a name was not filled in");
await writeFile(`${fresh}/index.html`, page);

// What is built in that others wrote, with their terms: /ui/licenses.txt.
const packages = new Set(Object.keys(result.metafile.inputs).map((path) => /^node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
const terms = await Promise.all([...packages].sort().map(async (name) => {
  const folder = at(`./node_modules/${name}/`);
  const { version, license } = JSON.parse(await readFile(`${folder}package.json`, "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version}: ${license}\n\n${file ? await readFile(folder + file, "utf8") : ""}`;
}));
await writeFile(`${fresh}/licenses.txt`, terms.join(`\n${"-".repeat(80)}\n`));
await rm(at("./dist"), { recursive: true, force: true });
await rename(fresh, at("./dist"));
for (const [path, { bytes }] of Object.entries(result.metafile.outputs)) console.log(`${basename(path)} ${bytes} bytes`);
