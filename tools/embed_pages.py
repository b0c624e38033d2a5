#!/usr/bin/env python3
"""embed_pages.py FOLDER OUTPUT: writes the files of the operators' pages as a C table.

Without FOLDER/index.html the table is empty. OUTPUT is left alone when it would not change, and is
the same for the same files, whenever and wherever it is made.
"""

import gzip
import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
PAGE = "index.html"
IMMUTABLE = "assets/"  # their names hold a hash of their bytes
ROW_BYTES = 24


def array(name, data):
    rows = (data[at:at + ROW_BYTES] for at in range(0, len(data), ROW_BYTES))
    text = "\n".join("    " + "".join(f"{byte}," for byte in row) for row in rows)
    return f"static const uint8_t {name}[] = {{\n{text}\n}};\n"


def squeezed(data):
    """gzip of it, or nothing when that would not help."""
    small = gzip.compress(data, 9, mtime=0)
    return small if len(small) < len(data) * 0.9 else b""


def files(folder):
    """(path below /ui/, bytes), the page itself first."""
    if not (folder / PAGE).is_file():
        return
    yield "", (folder / PAGE).read_bytes()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != PAGE:
            yield name, path.read_bytes()


def table(folder):
    arrays, rows = [], []
    for i, (name, data) in enumerate(files(folder)):
        kind = TYPES.get(Path(name or PAGE).suffix)
        if not kind:
            sys.exit(f"{folder / name}: of no type that is served")
        if not data:
            sys.exit(f"{folder / name}: is empty")
        small = squeezed(data)
        arrays.append(array(f"plain_{i}", data))
        zipped = "{0}"
        if small:
            arrays.append(array(f"gzip_{i}", small))
            zipped = f"{{gzip_{i}, sizeof(gzip_{i})}}"
        tag = hashlib.sha256(data).hexdigest()[:20]
        rows.append(f'    {{"{name}", "{kind}", "W/\\"{tag}\\"", {{plain_{i}, sizeof(plain_{i})}}, '
                    f'{zipped}, {"true" if name.startswith(IMMUTABLE) else "false"}}},\n')
    count = len(rows)
    return (f'/* Written by tools/embed_pages.py. */\n#include "pages.h"\n\n{"".join(arrays)}\n'
            f'const struct edge_asset pages_embedded[] = {{\n{"".join(rows) or "    {0},"}\n}};\n'
            f"const size_t pages_embedded_count = {count};\n")


def main():
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    text = table(folder)
    if not output.exists() or output.read_text() != text:
        output.write_text(text)


main()
