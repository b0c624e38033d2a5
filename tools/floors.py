"""The floors of the program: which folder of src stands where and may include what.

This is section 2 of the design as a table, and the one place where the guards look it up. A new
folder takes a row here and an include row in its meson.build; upward_test.py compares the two.
"""

from dataclasses import dataclass

PURE = "pure"        # no system call, clock, entropy, thread, log or writable global
EFFECTS = "effects"


@dataclass(frozen=True)
class Floor:
    level: int
    name: str
    kind: str
    may: tuple            # folders whose headers it may include, besides its own
    libraries: tuple = ()  # keys of LIBRARIES


FLOORS = (
    Floor(0, "base", PURE, ()),
    Floor(1, "wire", PURE, ("base",), ("zlib",)),
    Floor(1, "dir", PURE, ("base",)),
    Floor(1, "os", EFFECTS, ("base",)),
    Floor(2, "proto", PURE, ("base", "wire"), ("protobuf-c",)),
    Floor(2, "peer", PURE, ("base", "wire")),
    Floor(2, "sfu", PURE, ("base", "wire")),
    Floor(2, "crypt", EFFECTS, ("base", "os"), ("openssl",)),
    Floor(3, "room", PURE, ("base", "wire", "proto", "peer"), ("protobuf-c",)),
    Floor(4, "node", PURE, ("base", "wire", "proto", "dir", "peer", "room"), ("protobuf-c",)),
    Floor(5, "edge", EFFECTS, ("base", "os", "crypt", "wire", "proto"), ("protobuf-c",)),
    Floor(5, "media", EFFECTS, ("base", "os", "crypt", "wire", "sfu"), ("usrsctp",)),
    Floor(5, "hook", EFFECTS, ("base", "os", "crypt", "wire"), ("curl",)),
    Floor(5, "store", EFFECTS, ("base", "os")),
    Floor(6, "control", EFFECTS,
          ("base", "os", "crypt", "wire", "proto", "dir", "peer", "room", "node", "edge", "media",
           "hook", "store"),
          ("protobuf-c",)),
    Floor(7, "app", EFFECTS,
          ("base", "os", "crypt", "wire", "proto", "dir", "peer", "room", "node", "edge", "media",
           "hook", "store", "control"),
          ("protobuf-c", "yaml")),
)

# Beside src/, and held to the same: the simulator. Its main, which prints, is not in its library.
BESIDE = (
    Floor(5, "sim", PURE, ("base", "wire", "proto", "dir", "peer", "room", "node"),
          ("protobuf-c",)),
)

# How the header names of a library start. A library that is not in a row is not included there.
LIBRARIES = {
    "zlib": ("zlib.h",),
    "openssl": ("openssl/",),
    "protobuf-c": ("protobuf-c/",),
    "usrsctp": ("usrsctp.h",),
    "curl": ("curl/",),
    "yaml": ("yaml.h",),
}

# All of libc that a pure folder may name. What it calls from these, purity.py checks.
PURE_LIBC_HEADERS = frozenset((
    "assert.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdio.h", "stdlib.h", "string.h"))

# Made by the protobuf compiler in the build directory: seen by those who may include this folder.
GENERATED_SUFFIX, GENERATED_FOLDER = ".pb-c.h", "proto"


def by_name(floors=FLOORS):
    return {floor.name: floor for floor in floors}


def seen_by(floor):
    """The folders whose headers this one sees, its own first."""
    return (floor.name,) + floor.may


def check_table(floors=FLOORS):
    """A row names lower folders only: siblings never include each other."""
    levels = {floor.name: floor.level for floor in floors}
    for floor in floors:
        for lower in floor.may:
            if lower not in levels:
                yield f"{floor.name} may include {lower}, which has no row"
            elif levels[lower] >= floor.level:
                yield f"{floor.name} may include {lower}, which is not below it"
            elif floor.kind == PURE and by_name(floors)[lower].kind != PURE:
                yield f"{floor.name} is pure and may include {lower}, which is not"
