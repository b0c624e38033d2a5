"""Writes the table of message fields in declaration order, for messages where that order is not
the order of the field numbers (protobuf-c sorts its descriptors by number).

usage: gen_order.py OUTPUT.c FILE.proto...
"""

import re
import sys

BLOCK = re.compile(r"^\s*(message|enum|oneof)\s+(\w+)\s*\{")
FIELD = re.compile(r"(?:repeated\s+)?(?:map<[^>]*>|[\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(?:\[[^\]]*\])?;")
PACKAGE = re.compile(r"^\s*package\s+([\w.]+);")


def c_word(name):
    """One part of a full name as protoc-c writes it: SipDTMF is sip_dtmf."""
    out, was_upper = "", True
    for ch in name:
        if ch.isupper() and not was_upper:
            out += "_"
        out += ch.lower()
        was_upper = ch.isupper()
    return out


def read_messages(path):
    """Yields (parts of the full name, field numbers in declaration order)."""
    package, stack, messages = [], [], []
    for raw in open(path, encoding="utf-8"):
        line = raw.split("//")[0]
        found = PACKAGE.match(line)
        if found:
            package = found.group(1).split(".")
            continue
        block = BLOCK.match(line)
        if block:
            kind, name = block.groups()
            numbers = None
            if kind == "message":
                numbers = []
                names = [entry[1] for entry in stack if entry[0] == "message"]
                messages.append((package + names + [name], numbers))
            elif kind == "oneof":
                numbers = stack[-1][2]
            stack.append((kind, name, numbers))
            line = line[block.end():]
        if stack and stack[-1][2] is not None:
            stack[-1][2].extend(int(number) for _, number in FIELD.findall(line))
        for _ in range(line.count("}")):
            stack.pop()
    if stack:
        sys.exit(f"{path}: a block is not closed")
    return messages


def main():
    output, inputs = sys.argv[1], sys.argv[2:]
    rows, arrays = [], []
    for path in inputs:
        for parts, numbers in read_messages(path):
            by_number = sorted(numbers)
            if numbers == by_number:
                continue
            symbol = "__".join(c_word(part) for part in parts)
            indexes = ", ".join(str(by_number.index(n)) for n in numbers)
            arrays.append(f"static const uint8_t {symbol}__order[] = {{{indexes}}};")
            rows.append(f"    {{&{symbol}__descriptor, {symbol}__order, {len(numbers)}}},")
    headers = sorted(re.sub(r"^.*/", "", path)[: -len(".proto")] + ".pb-c.h" for path in inputs)
    with open(output, "w", encoding="utf-8") as out:
        out.write("/* Made by gen_order.py from the .proto files; not edited by hand. */\n")
        out.write('#include "proto_priv.h"\n')
        out.writelines(f'#include "{name}"\n' for name in headers)
        out.write("\n" + "\n".join(arrays) + "\n\n")
        out.write("const struct proto_order proto_orders[] = {\n" + "\n".join(rows) + "\n};\n")
        out.write(f"const size_t proto_orders_count = {len(rows)};\n")


if __name__ == "__main__":
    main()
