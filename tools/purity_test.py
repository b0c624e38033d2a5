#!/usr/bin/env python3
"""purity_test.py [COMPILER...]: shows that the purity check can fail, on objects made here."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import purity

COMPILER = ["cc"]


def symbols_of(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.o")
        subprocess.run([*COMPILER, "-O2", "-fPIC", "-w", "-fno-builtin", "-c", "-o", path,
                        "-x", "c", "-"], input=text, text=True, check=True)
        return list(purity.symbols("nm", path))


def faults(folder, text, faults_on=False, **lower):
    given = {name: symbols_of(source) for name, source in lower.items()}
    return list(purity.check(folder, {**given, folder: symbols_of(text)}, faults_on))


class Purity(unittest.TestCase):
    def refused(self, name, *arguments, **lower):
        found = faults(*arguments, **lower)
        self.assertTrue(any(re.search(rf"\b{name}\b", fault) for fault in found), found)

    def test_plain_code_is_fine(self):
        self.assertEqual(faults("dir", "#include <string.h>\n#include <assert.h>\n"
                                "extern void *mem_alloc(unsigned long);\n"
                                "static const char *const names[] = {\"a\", \"b\"};\n"
                                "const char *f(int i, char *p) {\n"
                                "  assert(i); memset(p, i, 9); return names[i]; }\n"
                                "void *g(void) { return mem_alloc(1); }\n",
                                base="void *mem_alloc(unsigned long n) { return 0; }\n"), [])

    def test_calls_are_refused(self):
        for name in ("time", "clock_gettime", "getrandom", "write", "open", "printf", "malloc",
                     "pthread_create", "epoll_wait", "inflate", "protobuf_c_message_unpack"):
            with self.subTest(name=name):
                self.refused(name, "dir", f"extern int {name}();\n"
                                          f"int f(void) {{ return {name}() + 1; }}\n")

    def test_what_one_folder_may_another_may_not(self):
        call = "extern int {0}();\nint f(void) {{ return {0}() + 1; }}\n"
        self.assertEqual(faults("base", call.format("realloc")), [])
        self.assertEqual(faults("wire", call.format("inflate")), [])
        self.assertEqual(faults("room", call.format("protobuf_c_message_unpack")), [])
        self.refused("deflate", "wire", call.format("deflate"))

    def test_symbols_of_folders_outside_the_row_do_not_count(self):
        call = "extern int room_find();\nint f(void) { return room_find(); }\n"
        self.refused("room_find", "dir", call,
                     room="int room_find(void) { return 1; }\n")

    def test_writable_data_is_refused(self):
        self.refused("count", "dir", "static int count;\nint f(void) { return count++; }\n")
        self.refused("start", "dir", "int start = 3;\n")
        self.refused("own", "dir", "static _Thread_local int own;\nint f(void) { return own++; }\n")
        self.refused("last", "dir", "int f(int i) { static int last = 4; return last += i; }\n")
        self.refused("names", "dir", 'const char *names[] = {"a"};\n')

    def test_fault_counters_only_with_faults(self):
        text = "static long fail_at;\nlong f(void) { return fail_at++; }\n"
        self.refused("fail_at", "base", text)
        self.assertEqual(faults("base", text, True), [])
        self.refused("fail_at", "dir", text, True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        COMPILER = sys.argv[1:]
    sys.exit(not unittest.main(argv=sys.argv[:1], exit=False).result.wasSuccessful())
