#!/usr/bin/env python3
"""headers.py ROOT: each header of src compiles alone, seeing exactly what its folder's row allows.

Who includes a header must not have to know what to include before it.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import floors

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Wundef",
         "-Wstrict-prototypes", "-Werror", "-x", "c", "-"]


def include_flags(root, row, generated):
    flags = [f"-I{os.path.join(root, 'src', name)}" for name in floors.seen_by(row)]
    if generated and floors.GENERATED_FOLDER in floors.seen_by(row):
        flags.append(f"-I{generated}")
    return flags


def compile_alone(command, root, row, header, generated):
    """What the compiler says, empty when it is content. Twice: it must guard itself, too."""
    text = f'#include "{header}"\n' * 2
    run = subprocess.run(command + include_flags(root, row, generated) + FLAGS, input=text,
                         capture_output=True, text=True)
    return "" if run.returncode == 0 else f"src/{row.name}/{header} does not compile alone:\n" + \
        "\n".join(run.stderr.splitlines()[:6])


def headers(root):
    for row in floors.FLOORS:
        folder = os.path.join(root, "src", row.name)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if name.endswith(".h"):
                yield row, name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--generated", help="where the protobuf compiler put its headers")
    parser.add_argument("--cc", nargs="+", default=["cc"])
    options = parser.parse_args()
    jobs = list(headers(options.root))
    with ThreadPoolExecutor(max_workers=2) as pool:
        said = pool.map(lambda job: compile_alone(options.cc, options.root, *job,
                                                  options.generated), jobs)
    faults = [text for text in said if text]
    for text in faults:
        print(text)
    print(f"headers: {len(faults)} of {len(jobs)} do not compile alone")
    return 1 if faults or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
