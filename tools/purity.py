#!/usr/bin/env python3
"""purity.py folder=library.a ...: what the pure libraries call and hold, from their symbols.

A pure floor may call libc's memory and strings, its own libraries and the floors of its row: no
system call, clock, entropy, thread or stream. And it holds nothing that can be written to.

Sanitizers and coverage add calls and data of their own, so the build says that it is plain, or the
check is skipped (exit code 77).
"""

import argparse
import re
import subprocess
import sys

import floors

SKIPPED = 77

MEMORY_AND_STRINGS = frozenset("""
    memcpy memmove memset memcmp bcmp memchr memrchr memmem strlen strnlen strcmp strncmp
    strchr strrchr snprintf vsnprintf bsearch
    __memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk""".split())
MATH = frozenset("""
    ceil exp exp2 floor fmod frexp ldexp llround log log10 log2 lround modf pow round sqrt
    trunc""".split())
# An assertion that fails; what gcc and clang put in for us.
COMPILER = frozenset("""
    __assert_fail abort __stack_chk_fail _GLOBAL_OFFSET_TABLE_ __udivti3 __umodti3 __divti3 __modti3
    __popcountdi2 __bzero""".split())
ALLOCATION = frozenset("malloc calloc realloc free".split())

# Besides the above, by folder.
MORE = {
    "base": ALLOCATION,
    # JSON numbers, from text of bounded length; pure because nobody calls setlocale (tidy.py).
    "wire": frozenset("inflate inflateInit2_ inflateEnd inflateReset inflateReset2 "
                      "strtod strtof strtol".split()),
}
MORE_STARTS = {"proto": "protobuf_c_", "room": "protobuf_c_", "node": "protobuf_c_",
               "sim": "protobuf_c_"}

# Counters of failing allocations: only in builds with faults on.
FAULT_DATA = {"base": frozenset(("live_blocks", "allocations", "fail_at"))}

WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss|tm_clone_table)(?!\.rel\.ro)|^\*COM\*$")


def symbols(nm, library):
    """(name, section) of each symbol; the section of an undefined one is *UND*."""
    run = subprocess.run([nm, "--format=sysv", library], capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            yield fields[0], fields[6]


def allowed(folder, name):
    start = MORE_STARTS.get(folder)
    return (name in MEMORY_AND_STRINGS or name in MATH or name in COMPILER
            or name in MORE.get(folder, ()) or bool(start and name.startswith(start)))


def check(folder, symbols_of, faults_on):
    """Faults of one library. symbols_of: folder -> its symbols, for it and its row."""
    row = floors.by_name(floors.FLOORS + floors.BESIDE)[folder]
    known = {name for lower in floors.seen_by(row) for name, section in symbols_of.get(lower, ())
             if section != "*UND*"}
    for name in sorted({name for name, section in symbols_of[folder] if section == "*UND*"}):
        if name not in known and not allowed(folder, name):
            yield f"{folder}: calls {name}, which a pure floor may not"
    for name, section in sorted(set(symbols_of[folder])):
        base = name.split(".")[0]  # a static of a function has a number behind it
        if faults_on and base in FAULT_DATA.get(folder, ()):
            continue
        if WRITABLE.match(section) and name != section:
            yield f"{folder}: {name} in {section} can be written to"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--sanitize", default="none")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("libraries", nargs="+", help="folder=library.a; a folder may have more")
    options = parser.parse_args()
    if options.sanitize != "none" or options.coverage:
        print("not a plain build: nothing to see")
        return SKIPPED
    symbols_of = {}
    for argument in options.libraries:
        folder, library = argument.split("=", 1)
        symbols_of.setdefault(folder, []).extend(symbols(options.nm, library))
    faults = []
    for floor in floors.FLOORS + floors.BESIDE:
        if floor.kind == floors.PURE and floor.name not in symbols_of:
            faults.append(f"{floor.name} is pure, but its library was not given")
    for folder in symbols_of:
        faults.extend(check(folder, symbols_of, options.faults))
    for fault in faults:
        print(fault)
    print(f"purity: {len(faults)} faults in {len(symbols_of)} libraries")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
