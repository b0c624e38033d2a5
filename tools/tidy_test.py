#!/usr/bin/env python3
"""Shows that tidy can fail: each rule refuses its bad example in a tree that is otherwise good."""

import os
import re
import sys
import tempfile
import unittest

import ctext
import floors
import tidy

TABLE = (
    floors.Floor(0, "base", floors.PURE, ()),
    floors.Floor(1, "wire", floors.PURE, ("base",), ("zlib",)),
    floors.Floor(1, "os", floors.EFFECTS, ("base",)),
    floors.Floor(2, "proto", floors.PURE, ("base", "wire"), ("protobuf-c",)),
    floors.Floor(5, "media", floors.EFFECTS, ("base", "os"), ("usrsctp",)),
)


def header(name, body=""):
    return f"/* {name}: an example.\n * Owns: nothing.\n * Callers: tests. */\n#pragma once\n{body}"


def build_file(name, *includes):
    given = ", ".join(f"{folder}_inc" for folder in includes)
    return (f"{name}_inc = include_directories('.')\n"
            f"{name}_lib = static_library('{name}',\n  include_directories: [{given}])\n")


GOOD = {
    "src/base/meson.build": build_file("base", "base"),
    "src/base/slice.h": header("slice.h", "struct slice;\n"),
    "src/base/mem.c": '#include <stdlib.h>\nvoid *mem(void) {\n    return malloc(1);\n}\n',
    "src/wire/meson.build": build_file("wire", "base", "wire"),
    "src/wire/json.h": header("json.h", '#include "slice.h"\n'),
    "src/wire/json.c": '#include <string.h>\n#include <zlib.h>\n\n#include "json_priv.h"\n'
                       '/* A free word about https://example.org and time(2). */\n'
                       'static const char *url = "http://x//y strcpy( TO" "DO";\n',
    "src/wire/json_priv.h": header("json_priv.h", '#include "json.h"\n'),
    "src/os/meson.build": build_file("os", "base", "os"),
    "src/os/loop.h": header("loop.h"),
    "src/os/clock.c": '#include <sys/epoll.h>\n#include <time.h>\nlong now(void) {\n'
                      '    return time(NULL);\n}\n',
    "src/proto/meson.build": build_file("proto", "base", "wire", "proto"),
    "src/proto/proto.c": '#include <protobuf-c/protobuf-c.h>\n#include "room.pb-c.h"\n'
                         'void give(struct a *a) {\n    a->free(a->rand);\n    a->x.time(0);\n}\n',
    "src/media/meson.build": build_file("media", "base", "os", "media"),
    "src/media/data.c": '#include <usrsctp.h>\n#include "loop.h"\n',
    "test/unit/wire/test_json.c": '#include <stdlib.h>\n#include "json_priv.h"\n'
                                  'int main(void) {\n    free(malloc(1));\n    return 0;\n}\n',
}


def function(lines):
    return "void long_one(void) {\n" + "    ;\n" * (lines - 2) + "}\n"


# rule, file, what it holds. Replaces or adds to GOOD.
BAD = (
    ("file-length", "src/base/a.c", "\n" * 801),
    ("function-length", "src/base/a.c", function(71)),
    ("function-length", "test/fuzz/a.c", "int x;\n" + function(71)),
    ("columns", "src/base/a.c", "/* " + "x" * 95 + " */\n"),
    ("columns", "test/unit/wire/a.h", "x" * 101 + "\n"),
    ("columns", "tools/a.py", "x = 1  # " + "x" * 92 + "\n"),
    ("banned-call", "src/base/a.c", "void f(char *a) {\n    strcpy(a, a);\n}\n"),
    ("banned-call", "src/base/a.c", "int n = 1 + atoi (text);\n"),
    ("banned-call", "test/unit/wire/a.c", "int f(void) {\n    return rand();\n}\n"),
    ("banned-call", "src/os/a.c", "int f(void) {\n    return system(0);\n}\n"),
    ("allocation", "src/base/a.c", "void *p = malloc(3);\n"),
    ("allocation", "src/os/a.c", "void f(void *p) {\n    release(p, free);\n}\n"),
    ("allocation", "src/os/a.c", "struct ops o = {.drop = free};\n"),
    ("clock", "src/base/a.c", "long t = time(0);\n"),
    ("clock", "src/media/a.c", "void f(void) {\n    clock_gettime(0, 0);\n}\n"),
    ("line-comment", "src/base/a.c", "int x; // why\n"),
    ("include-parent", "src/wire/a.c", '#include "../os/loop.h"\n'),
    ("include-private", "src/proto/a.c", '#include "json_priv.h"\n'),
    ("include-private", "test/unit/os/a.c", '#include "json_priv.h"\n'),
    ("include-row", "src/wire/a.c", '#include "loop.h"\n'),
    ("include-row", "src/base/a.c", '#  include "json.h"\n'),
    ("include-row", "src/wire/a.c", '#include "room.pb-c.h"\n'),
    ("include-row", "src/wire/a.c", '#include "nowhere.h"\n'),
    ("include-library", "src/base/a.c", "#include <pthread.h>\n"),
    ("include-library", "src/wire/a.c", "#include <sys/epoll.h>\n"),
    ("include-library", "src/wire/a.c", "#include <sys/socket.h>\n"),
    ("include-library", "src/wire/a.c", "#include <ctype.h>\n"),
    ("include-library", "src/os/a.c", "#include <openssl/evp.h>\n"),
    ("include-library", "src/os/a.c", "#include <usrsctp.h>\n"),
    ("include-library", "src/media/a.c", "#include <yaml.h>\n"),
    ("include-library", "src/base/a.c", "#include <zlib.h>\n"),
    ("header-name", "src/base/string.h", header("string.h")),
    ("header-name", "src/os/poll.h", header("poll.h")),
    ("header-name", "src/os/json.h", header("json.h")),
    ("header-essay", "src/base/a.h", "#pragma once\n"),
    ("header-essay", "src/base/a.h", header("b.h")),
    ("header-essay", "src/base/a.h", "/* a.h: no owner.\n * Callers: x. */\n#pragma once\n"),
    ("header-essay", "src/base/a_priv.h", "/* What it is. */\n#pragma once\n"),
    ("pragma-once", "src/base/a.h", header("a.h").replace("#pragma once", "")),
    ("loose-end", "src/base/a.c", "/* TO" "DO: later. */\n"),
    ("loose-end", "src/base/a.c", "int FIX" "ME;\n"),
    ("loose-end", "src/base/a.c", "/* X" "XX */\n"),
    ("folder-row", "src/extra/a.c", "\n"),
    ("build-row", "src/wire/meson.build", build_file("wire", "base", "wire", "os")),
)


def faults_of(files, table=TABLE):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return list(tidy.check(root, table))


class Tidy(unittest.TestCase):
    def test_good_tree_has_no_fault(self):
        self.assertEqual([str(fault) for fault in faults_of(GOOD)], [])

    def test_each_bad_example_is_refused_by_its_rule_alone(self):
        for rule, path, text in BAD:
            with self.subTest(rule=rule, path=path, text=text[:60]):
                faults = faults_of({**GOOD, path: text})
                self.assertEqual({fault.rule for fault in faults}, {rule})
                if rule != "header-name":  # two files of one name: both are told
                    self.assertEqual([fault.path for fault in faults][:1],
                                     ["src/extra" if "extra" in path else path])

    def test_each_rule_has_a_bad_example(self):
        with open(tidy.__file__, encoding="utf-8") as file:
            named = set(re.findall(r'fault\("([a-z-]+)"|Fault\("([a-z-]+)"', file.read()))
        rules = {one or other for one, other in named}
        self.assertEqual(rules, {rule for rule, _, _ in BAD})

    def test_limits_are_exact(self):
        fits = {"src/base/a.c": function(70), "src/base/b.c": "\n" * 800,
                "src/base/c.c": "/* " + "x" * 94 + " */\n"}
        self.assertEqual(faults_of({**GOOD, **fits}), [])

    def test_faults_name_the_line(self):
        faults = faults_of({**GOOD, "src/base/a.c": "/* one\n two */\nint x; // three\n"})
        self.assertEqual([fault.line for fault in faults], [3])

    def test_a_row_needs_a_folder(self):
        row = floors.Floor(3, "ghost", floors.EFFECTS, ("base",))
        self.assertEqual({fault.rule for fault in faults_of(GOOD, TABLE + (row,))},
                         {"folder-row", "build-row"})

    def test_the_table_allows_lower_floors_only(self):
        for row in (floors.Floor(1, "x", floors.EFFECTS, ("os",)),
                    floors.Floor(0, "x", floors.EFFECTS, ("proto",)),
                    floors.Floor(3, "x", floors.PURE, ("os",)),
                    floors.Floor(3, "x", floors.PURE, ("nobody",))):
            self.assertEqual(len(list(floors.check_table(TABLE + (row,)))), 1)
        self.assertEqual(list(floors.check_table()), [])


class Functions(unittest.TestCase):
    def names(self, text):
        return [(f.name, f.lines) for f in ctext.functions(text)]

    def test_definitions_are_found_and_nothing_else(self):
        text = ("#define M(x) \\\n    do { \\\n    } while (0)\n"
                "struct s {\n    int (*f)(int);\n};\n"
                "static const int t[] = {\n    1, F(2),\n};\n"
                "enum e { A = sizeof(int) };\n"
                "int declared(void);\n"
                "must_check static int\none(int a,\n    int b) {\n    if (a) {\n    }\n}\n"
                "__attribute__((cold)) void two(void) {\n    char c = '{';\n}\n"
                'void three(void) {\n    puts("}");\n    /* } */\n}\n')
        self.assertEqual(self.names(text), [("one", 6), ("two", 3), ("three", 4)])


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=0).result.wasSuccessful())
