// What README.md shows under "A first room" is taken from there and done: it cannot rot unseen.
import { test, beforeEach, afterEach } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { RoomServiceClient, TokenVerifier } from "livekit-server-sdk";
import { Stoa } from "./server.mjs";

const here = (path) => new URL(path, import.meta.url).pathname;
const binary = resolve(process.env.STOA_BIN ?? here("../../build/stoa"));
const readme = await readFile(here("../../README.md"), "utf8");
const address = "http://127.0.0.1:7880"; // where `./dev run` listens, as README says

// The text between this heading and the next one.
function section(title) {
  const [, text] = readme.split(`\n## ${title}\n`);
  assert.ok(text, `README.md has no "## ${title}"`);
  return text.split("\n## ")[0];
}

// Fenced blocks with their language; indented ones have none.
function blocks(text) {
  const found = [];
  let fence = null, indented = null;
  for (const line of text.split("\n")) {
    if (fence) {
      if (line.startsWith("```")) fence = null;
      else fence.code += line + "\n";
    } else if (line.startsWith("```")) {
      found.push((fence = { language: line.slice(3).trim(), code: "" }));
    } else if (line.startsWith("    ")) {
      if (!indented) found.push((indented = { language: "", code: "" }));
      indented.code += line.slice(4) + "\n";
    } else {
      indented = null;
    }
  }
  assert.equal(fence, null, "a fence of README.md is not closed");
  return found;
}

const first = section("A first room");
const inLanguages = (...names) => blocks(first).filter((b) => names.includes(b.language)).map((b) => b.code);
const scripts = inLanguages("js", "javascript", "mjs");
const shell = inLanguages("", "sh", "shell", "bash", "console").join("");

let stoa, client, folder;

// A folder like the top of a checkout after `./dev build` and `npm install`.
beforeEach(async () => {
  stoa = await Stoa.start();
  client = new RoomServiceClient(stoa.url, "devkey", "secret");
  folder = await mkdtemp(join(tmpdir(), "stoa-readme-"));
  await mkdir(join(folder, "build"));
  await symlink(binary, join(folder, "build", "stoa"));
  await symlink(here("node_modules"), join(folder, "node_modules"));
});
afterEach(async () => {
  await stoa?.stop();
  if (folder) await rm(folder, { recursive: true });
});

// Another port is all that may differ from what is shown.
function asHere(code) {
  assert.ok(code.includes(address), `the code speaks to ${address}:\n${code}`);
  return code.replaceAll(address, stoa.url);
}

const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("LIVEKIT_")));

// What it printed; an exit status other than 0 fails the test.
function run(command, ...args) {
  return new Promise((done, fail) => {
    execFile(command, args, { cwd: folder, env: clean, timeout: 30_000 }, (error, stdout, stderr) => {
      if (error) fail(new Error(`${command} ended with ${error.code ?? error.signal}\n${stdout}\n${stderr}`));
      else done(stdout);
    });
  });
}

const inShell = (code) => run("bash", "-eu", "-o", "pipefail", "-c", code);

// JSON texts one after another, as commands print them.
function jsons(text) {
  const values = [];
  let from = 0;
  for (let to = text.indexOf("}") + 1; to > 0; to = text.indexOf("}", to) + 1) {
    try {
      values.push(JSON.parse(text.slice(from, to)));
      from = to;
    } catch {} // a brace inside
  }
  assert.equal(text.slice(from).trim(), "", `not all of this is JSON:\n${text}`);
  return values;
}

test("the server is where the examples look for it, with their key pair", () => {
  const start = section("Run it");
  assert.ok(start.includes("./dev run"));
  assert.ok(start.includes(`\`${address}\``), `"Run it" names ${address}`);
  assert.ok(start.includes("`devkey` / `secret`"));
});

test("the script makes a room and lists it", async () => {
  assert.equal(scripts.length, 1, "one script is shown");
  const packages = [...first.matchAll(/npm install ([^`]+)`/g)].flatMap((m) => m[1].split(/\s+/));
  for (const [, name] of scripts[0].matchAll(/from "([^"]+)"/g)) {
    assert.ok(packages.includes(name), `${name} is imported, but not installed`);
  }
  await writeFile(join(folder, "first.mjs"), asHere(scripts[0]));
  const printed = await run(process.execPath, "first.mjs");
  const [room, ...more] = await client.listRooms();
  assert.deepEqual([room.name, room.metadata, room.emptyTimeout], ["lobby", "hello", 600]);
  assert.equal(more.length, 0);
  assert.ok(printed.includes(room.sid) && /name: ['"]lobby['"]/.test(printed), `the room is printed:\n${printed}`);
});

test("the shell commands make a room and list it", async () => {
  assert.ok(shell.includes("curl") && shell.includes("token create"), "commands are shown");
  const [made, listed, ...more] = jsons(await inShell(asHere(shell)));
  const [room] = await client.listRooms(["lobby"]);
  assert.ok(room, "the room is there");
  assert.deepEqual([made?.sid, made?.name], [room.sid, "lobby"], JSON.stringify(made));
  assert.deepEqual(listed?.rooms?.map((r) => [r.sid, r.name]), [[room.sid, "lobby"]], JSON.stringify(listed));
  assert.equal(more.length, 0);
});

test("the client's token lets into the room that it names", async () => {
  const commands = [...first.matchAll(/`(build\/stoa token create[^`]*)`/g)].map((m) => m[1]);
  assert.equal(commands.length, 1, "one command for a client's token is shown");
  const jwt = (await inShell(commands[0])).trim();
  const claims = await new TokenVerifier("devkey", "secret").verify(jwt);
  assert.equal(claims.sub, "ann");
  assert.deepEqual([claims.video.roomJoin, claims.video.room], [true, "lobby"]);
  const answer = await fetch(`${stoa.url}/rtc/validate?access_token=${jwt}`);
  assert.equal(answer.status, 200, await answer.text());
});
