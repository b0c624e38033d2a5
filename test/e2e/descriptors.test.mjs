// Our .proto files against the published descriptors, and the comparison against itself.
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const script = new URL("./descriptors.mjs", import.meta.url).pathname;
const run = (...args) => spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });

test("every message, field and enum value that we declare is the published one", (t) => {
  const { status, stdout, stderr } = run();
  t.diagnostic(stdout.trim());
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /\d{3} messages, \d{3} fields, \d{3} enum values compared, 0 differences/);
});

test("the comparison finds what is spoilt", () => {
  assert.equal(run("--self-test").status, 0);
});
