#!/usr/bin/env python3
"""Writes the tables of settings, metrics and limits in docs/OPERATING.md from the headers that
define them, or with --check fails when the page differs. Usage: docs_tables.py ROOT [--check]"""

import re
import sys
from pathlib import Path


def rows(text, opener):
    """Argument lists of opener(...) calls, continuation backslashes and adjacent strings joined."""
    text = re.sub(r"\\\n", "\n", text)
    for match in re.finditer(r"\b%s\(((?:[^()\"]|\"(?:\\.|[^\"\\])*\")*)\)" % opener, text):
        arguments = [""]
        for token in re.findall(r"\"(?:\\.|[^\"\\])*\"|,|[^,\s\"]+", match.group(1)):
            if token == ",":
                arguments.append("")
            else:
                arguments[-1] += token[1:-1].replace('\\"', '"') if token.startswith('"') else token
        yield arguments


def settings_table(root):
    out = ["| setting | default | environment | meaning |", "|---|---|---|---|"]
    for row in rows((root / "src/base/settings_table.h").read_text(), "S"):
        if len(row) < 7:
            continue
        path, preset, text = row[2], row[3], "".join(row[6:])
        env = "LIVEKIT_" + path.replace(".", "_").upper()
        shown = f"`{preset}`" if preset else "none"
        env = "" if row[1] == "NAMED" else f"`{env}`"
        out.append(f"| `{path}` | {shown} | {env} | {text} |")
    return out


def metrics_table(root):
    out = ["| metric | kind | meaning |", "|---|---|---|"]
    seen = set()
    for row in rows((root / "src/base/metrics_table.h").read_text(), "M"):
        if len(row) < 4:
            continue
        name, kind, text = row[2], row[1].lower(), "".join(row[3:])
        if name not in seen:
            seen.add(name)
            out.append(f"| `{name}` | {kind} | {text} |")
    return out


def limits_table(root):
    out = ["| limit | value | reason |", "|---|---|---|"]
    text = (root / "src/base/caps.h").read_text()
    row = r"([A-Z][A-Z0-9_]+) = ([^,]+),\s*/\* (.*?) \*/"
    for name, value, reason in re.findall(row, text, re.S):
        value, reason = " ".join(value.split()), " ".join(reason.split())
        out.append(f"| `{name}` | {value} | {reason} |")
    return out


def main():
    root = Path(sys.argv[1])
    page = root / "docs/OPERATING.md"
    old = text = page.read_text()
    tables = {"settings": settings_table, "metrics": metrics_table, "limits": limits_table}
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            sys.exit(f"docs/OPERATING.md has no place for {name}")
        head, rest = text.split(begin, 1)
        tail = rest.split(end, 1)[1]
        text = head + begin + "\n" + "\n".join(table(root)) + "\n" + end + tail
    if "--check" in sys.argv:
        if text != old:
            sys.exit("docs/OPERATING.md is behind its headers: run tools/docs_tables.py .")
    else:
        page.write_text(text)


main()
