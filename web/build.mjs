// Builds web/dist: one page, one script and one style sheet, named by their bytes, so that browsers
// keep them for as long as they are these. tools/embed_pages.py makes C of the folder.
import { build } from "esbuild";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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
const named = (end) => `assets/${names.find((name) => name.endsWith(end))}`;
const page = (await readFile(at("./index.html"), "utf8")).replace("{{script}}", named(".js")).replace("{{style}}", named(".css"));
if (page.includes("{{") || page.includes("undefined")) throw new Error("index.html: a name was not filled in");
await writeFile(`${fresh}/index.html`, page);
await rm(at("./dist"), { recursive: true, force: true });
await rename(fresh, at("./dist"));
for (const [path, { bytes }] of Object.entries(result.metafile.outputs)) console.log(`${basename(path)} ${bytes} bytes`);
