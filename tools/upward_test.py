#!/usr/bin/env python3
"""upward_test.py ROOT BUILD [COMPILER...]: an include from outside the row does not compile.

The build itself is asked: the commands that it compiles each folder with, as it wrote them into
compile_commands.json. What floors.py allows must compile with them, all else must not.
"""

import json
import os
import subprocess
import sys

import floors


def include_folders(root, build):
    """folder of src -> the set of directories that its files are compiled with."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    src = os.path.join(os.path.realpath(root), "src")
    found = {}
    for command in commands:
        path = os.path.realpath(os.path.join(command["directory"], command["file"]))
        inside = os.path.relpath(path, src).split(os.sep)
        if inside[0] in (os.pardir, ".") or len(inside) != 2:
            continue
        found.setdefault(inside[0], set()).update(
            os.path.realpath(os.path.join(command["directory"], word[2:]))
            for word in command["command"].split() if word.startswith("-I"))
    return found


def compiles(compiler, directories, header):
    """Preprocessing finds the header and all that it includes, or it does not."""
    flags = [f"-I{directory}" for directory in sorted(directories)]
    run = subprocess.run([*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-E", "-o", os.devnull, *flags,
                          "-x", "c", "-"], input=f'#include "{header}"\n', capture_output=True,
                         text=True)
    if run.returncode != 0 and "file not found" not in run.stderr \
            and "No such file" not in run.stderr:
        raise RuntimeError(run.stderr)
    return run.returncode == 0


def one_header(root, folder):
    """A header of the folder that needs nothing from elsewhere to be found."""
    names = sorted(name for name in os.listdir(os.path.join(root, "src", folder))
                   if name.endswith(".h"))
    return names[0] if names else None


def faults(root, build, compiler):
    directories_of = include_folders(root, build)
    rows = floors.by_name()
    for name, directories in sorted(directories_of.items()):
        if name not in rows:
            yield f"{name} is compiled but has no row"
            continue
        seen = floors.seen_by(rows[name])
        for other in rows:
            header = one_header(root, other) if other in directories_of else None
            if not header:
                continue
            if compiles(compiler, directories, header) != (other in seen):
                yield (f'{name} cannot include "{header}" of {other}, which is in its row'
                       if other in seen else
                       f'{name} can include "{header}" of {other}, which is not in its row')
    if "dir" in directories_of and compiles(compiler, directories_of["dir"], "loop.h"):
        yield 'dir can include "loop.h" of os'
    if "base" not in directories_of:
        yield "the build compiles nothing of base"


def main():
    root, build, *compiler = sys.argv[1:]
    found = list(faults(root, build, compiler or ["cc"]))
    for text in found:
        print(text)
    print(f"upward: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
