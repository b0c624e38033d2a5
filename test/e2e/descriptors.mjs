// Compares every message, field and enum value that our .proto files declare with the published
// descriptors of LiveKit's protocol (the npm package that livekit-server-sdk depends on).
//
//   node descriptors.mjs               exits 1 on any difference
//   node descriptors.mjs --self-test   spoils one thing at a time and expects that to be found
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FileDescriptorSet, ScalarType, createDescriptorSet, proto3 } from "@bufbuild/protobuf";
import * as published from "@livekit/protocol";

const protoDir = join(dirname(fileURLToPath(import.meta.url)), "../../src/proto");

function ourDescriptors() {
  const out = mkdtempSync(join(tmpdir(), "descriptors-"));
  try {
    const set = join(out, "set.bin");
    const files = readdirSync(protoDir).filter((name) => name.endsWith(".proto"));
    execFileSync("protoc", [`--proto_path=${protoDir}`, `--descriptor_set_out=${set}`, ...files]);
    return createDescriptorSet(FileDescriptorSet.fromBinary(readFileSync(set)));
  } finally {
    rmSync(out, { recursive: true });
  }
}

// Both sides in one shape: { messages: name -> [{number, name, jsonName, type, label}] in
// declaration order, enums: name -> Map(value name -> number) }.
function ourShape() {
  const set = ourDescriptors();
  const shape = { messages: new Map(), enums: new Map() };
  // Fields of our own stand far behind those of LiveKit, which skips them.
  const ownField = (field) => field.name.startsWith("stoa_") && field.number > 1000;
  for (const message of set.messages.values()) {
    const fields = message.fields.filter((field) => !ownField(field));
    shape.messages.set(message.typeName, fields.map((field) => ({
      number: field.number,
      name: field.name,
      jsonName: jsonName(field.name),
      type: ourType(field),
      label: ourLabel(field),
    })));
  }
  for (const type of set.enums.values()) {
    shape.enums.set(type.typeName, new Map(type.values.map((v) => [v.name, v.number])));
  }
  return shape;
}

// The rule that src/proto applies, and protoc too: drop each underscore, raise the letter after it.
function jsonName(name) {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()).replaceAll("_", "");
}

function ourType(field) {
  switch (field.fieldKind) {
    case "scalar": return ScalarType[field.scalar];
    case "enum": return field.enum.typeName;
    case "message": return field.message.typeName;
    case "map": {
      const value = field.mapValue;
      return `map<${ScalarType[field.mapKey]}, ${
        value.kind === "scalar" ? ScalarType[value.scalar] : (value.enum ?? value.message).typeName}>`;
    }
  }
}

// A oneof named opt_<its only field> stands for `optional`.
function ourLabel(field) {
  if (field.fieldKind === "map") return "map";
  if (field.oneof) {
    return field.oneof.name === `opt_${field.name}` ? "optional" : `oneof ${field.oneof.name}`;
  }
  return field.repeated ? "repeated" : "singular";
}

function publishedShape() {
  const shape = { messages: new Map(), enums: new Map() };
  for (const thing of Object.values(published)) {
    if (typeof thing === "function" && thing.typeName && thing.fields) {
      shape.messages.set(thing.typeName, thing.fields.list().map((field) => ({
        number: field.no,
        name: field.name,
        jsonName: field.jsonName,
        type: publishedType(field),
        label: publishedLabel(field),
      })));
    } else if (typeof thing === "object" && thing !== null) {
      const type = enumType(thing);
      if (type) shape.enums.set(type.typeName, new Map(type.values.map((v) => [v.name, v.no])));
    }
  }
  return shape;
}

function enumType(object) {
  try {
    return proto3.getEnumType(object);
  } catch {
    return undefined; // an export that is no enum
  }
}

function publishedType(field) {
  switch (field.kind) {
    case "scalar": return ScalarType[field.T];
    case "map": {
      const value = field.V;
      return `map<${ScalarType[field.K]}, ${
        value.kind === "scalar" ? ScalarType[value.T] : value.T.typeName}>`;
    }
    default: return field.T.typeName;
  }
}

function publishedLabel(field) {
  if (field.kind === "map") return "map";
  if (field.repeated) return "repeated";
  if (field.opt) return "optional";
  return field.oneof ? `oneof ${field.oneof.name}` : "singular";
}

function compare(ours, theirs) {
  const result = { messages: 0, fields: 0, values: 0, lacking: 0, differences: [] };
  const differ = (text) => result.differences.push(text);
  for (const [name, fields] of ours.messages) {
    const their = theirs.messages.get(name);
    if (!their) {
      differ(`${name}: not published`);
      continue;
    }
    result.messages++;
    const byName = new Map(their.map((field) => [field.name, field]));
    for (const field of fields) {
      const match = byName.get(field.name);
      if (!match) {
        differ(`${name}.${field.name}: not published`);
        continue;
      }
      result.fields++;
      for (const key of ["number", "type", "label", "jsonName"]) {
        if (field[key] !== match[key]) {
          differ(`${name}.${field.name}: ${key} ${field[key]}, published ${match[key]}`);
        }
      }
    }
    const has = new Set(fields.map((field) => field.name));
    const order = their.filter((field) => has.has(field.name)).map((field) => field.name).join();
    if (fields.filter((field) => byName.has(field.name)).map((field) => field.name).join() !== order) {
      differ(`${name}: declaration order is not the published one: ${order}`);
    }
    result.lacking += their.length - their.filter((field) => has.has(field.name)).length;
  }
  for (const [name, values] of ours.enums) {
    const their = theirs.enums.get(name);
    if (!their) {
      differ(`${name}: not published`);
      continue;
    }
    for (const [value, number] of values) {
      result.values++;
      if (their.get(value) !== number) {
        differ(`${name}.${value}: ${number}, published ${their.get(value)}`);
      }
    }
    result.lacking += [...their.keys()].filter((value) => !values.has(value)).length;
  }
  return result;
}

// Each of these must show up as a difference.
const spoils = {
  number: (shape) => { shape.messages.get("livekit.Room")[0].number = 99; },
  type: (shape) => { shape.messages.get("livekit.Room")[2].type = "INT64"; },
  label: (shape) => { shape.messages.get("livekit.SendDataRequest").at(-2).label = "singular"; },
  jsonName: (shape) => { shape.messages.get("livekit.Room")[2].jsonName = "empty_timeout"; },
  name: (shape) => { shape.messages.get("livekit.Codec")[0].name = "mine"; },
  order: (shape) => { shape.messages.get("livekit.Room").reverse(); },
  message: (shape) => { shape.messages.set("livekit.Nowhere", []); },
  enum: (shape) => { shape.enums.get("livekit.TrackType").set("DATA", 3); },
};

function selfTest(theirs) {
  const before = compare(ourShape(), theirs).differences.length;
  let missed = 0;
  for (const [what, spoil] of Object.entries(spoils)) {
    const shape = ourShape();
    spoil(shape);
    const found = compare(shape, theirs).differences.length > before;
    console.log(`${found ? "found" : "MISSED"}: ${what}`);
    missed += found ? 0 : 1;
  }
  return missed === 0;
}

const theirs = publishedShape();
if (process.argv.includes("--self-test")) {
  process.exit(selfTest(theirs) ? 0 : 1);
}
const result = compare(ourShape(), theirs);
result.differences.forEach((text) => console.log(text));
console.log(`${result.messages} messages, ${result.fields} fields, ${result.values} enum values ` +
  `compared, ${result.differences.length} differences`);
console.log(`${result.lacking} fields and values of these are published and not declared by us`);
process.exit(result.differences.length === 0 ? 0 : 1);
