#!/usr/bin/env python3
"""format.py ROOT: C files of src and test are as clang-format 14 would write them.

Other versions format differently, so without that one the check is skipped (exit code 77).
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tidy

SKIPPED = 77
FORMATTER = "clang-format-14"
FILES_AT_ONCE = 20


def differing(root, paths):
    """path -> the first line that differs."""
    run = subprocess.run([FORMATTER, "--dry-run", "-Werror", *paths], cwd=root,
                         capture_output=True, text=True)
    found = {}
    for line in run.stderr.splitlines():
        if ": error:" in line:
            path, number = line.split(":")[:2]
            found.setdefault(path, number)
    if run.returncode != 0 and not found:
        raise RuntimeError(run.stderr)
    return found


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    if not shutil.which(FORMATTER):
        print(f"{FORMATTER} is not installed")
        return SKIPPED
    paths = sorted(tidy.c_files(os.path.abspath(root)))
    parts = [paths[at:at + FILES_AT_ONCE] for at in range(0, len(paths), FILES_AT_ONCE)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = {}
        for part in pool.map(lambda part: differing(root, part), parts):
            found.update(part)
    for path, number in sorted(found.items()):
        print(f"{path}:{number}: differs; mend with {FORMATTER} -i {path}")
    print(f"format: {len(found)} of {len(paths)} files differ")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
