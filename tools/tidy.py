#!/usr/bin/env python3
"""tidy.py ROOT: refuses C that breaks the rules of the house which a compiler does not see.

Each rule is a function that yields faults; tidy_test.py shows that each of them can fail.
"""

import os
import re
import sys
from dataclasses import dataclass

import ctext
import floors

FILE_LINES_MAX, FILE_LINES_WARN, FUNCTION_LINES_MAX, COLUMNS_MAX = 800, 500, 70, 100
CODE_FOLDERS = ("src", "test", "sim")
SKIPPED_FOLDERS = {"node_modules", "corpus", "data", ".git", "__pycache__"}

# Unbounded, locale-bound, hidden state, or a shell.
BANNED_CALLS = ("strcpy", "strcat", "stpcpy", "sprintf", "vsprintf", "gets", "strtok", "strtok_r",
                "atoi", "atol", "atoll", "atof", "rand", "srand", "random", "srandom", "alloca",
                "system", "popen", "setlocale")
# Threads share the process: only os knows which of these is safe, and only there is a clock.
CLOCK_CALLS = ("time", "gettimeofday", "clock_gettime", "localtime", "gmtime", "localtime_r",
               "gmtime_r", "ctime", "mktime", "timespec_get")
ALLOCATOR = ("malloc", "calloc", "realloc", "free", "strdup", "strndup", "asprintf", "vasprintf",
             "reallocarray", "aligned_alloc", "posix_memalign")
# Besides base/mem.c: memory that a library hands over and expects its user to give back, or glue
# that a library calls. Path in src -> the names it may use.
ALLOCATOR_EXCEPTIONS = {
    "base/mem.c": ALLOCATOR,
    "media/sctp.c": ("free",),  # usrsctp gives each received message as a block from malloc
}
EFFECT_HEADERS = ("pthread.h", "threads.h", "poll.h", "signal.h", "sys/", "net/", "netinet/",
                  "arpa/", "linux/", "unistd.h", "fcntl.h", "time.h")
LIBC_HEADERS = frozenset(f"{name}.h" for name in """
    aio alloca ar argp argz arpa assert byteswap complex cpio crypt ctype dirent dlfcn elf
    endian envz err errno error execinfo fcntl features fenv float fmtmsg fnmatch fstab fts ftw
    gconv getopt glob gnu-versions grp gshadow iconv ifaddrs inttypes iso646 langinfo lastlog
    libgen libintl limits link locale malloc math mcheck memory mntent monetary mqueue ndbm
    netdb nl_types nss obstack paths poll printf proc_service pthread pty pwd re_comp regex
    regexp resolv sched search semaphore setjmp sgtty shadow signal spawn stab stdalign stdarg
    stdatomic stdbool stdc-predef stddef stdint stdio stdio_ext stdlib stdnoreturn string
    strings stropts syscall sysexits syslog tar termio termios tgmath thread_db threads time
    trace ttyent uchar ucontext ulimit unistd utime utmp utmpx values wait wchar wctype
    wordexp""".split())


@dataclass(frozen=True)
class Fault:
    rule: str
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text} [{self.rule}]"


class Source:
    """One C file: its text, the same without comments and strings, and where it belongs."""

    def __init__(self, root, path):
        self.path = path.replace(os.sep, "/")
        with open(os.path.join(root, path), encoding="utf-8") as file:
            self.text = file.read()
        self.lines = self.text.split("\n")
        self.code = ctext.without_comments_and_strings(self.text)
        self.includes = ctext.includes(self.text)
        parts = self.path.split("/")
        self.name = parts[-1]
        self.in_src = parts[0] == "src"
        self.folder = parts[1] if self.in_src and len(parts) > 2 else None
        # The folder whose inside this file may see: tests/unit/dir sees dir_priv.h.
        self.inside = parts[2] if parts[:2] == ["test", "unit"] and len(parts) > 3 else self.folder

    def fault(self, rule, line, text):
        return Fault(rule, self.path, line, text)

    def calls(self, names, after=r"\("):
        """(line, name) where one of these functions is called, and not a member of that name."""
        pattern = re.compile(r"(?<![\w.])(?<!->)(?<!\(\*)(%s)(?=\s*%s)" % ("|".join(names), after))
        for match in pattern.finditer(self.code):
            yield ctext.line_of(self.code, match.start()), match.group(1)


class Tree:
    def __init__(self, root, table):
        self.root, self.table = root, table
        self.rows = floors.by_name(table)
        self.sources = [Source(root, path) for path in sorted(c_files(root))]
        self.headers = {}  # name -> folders that have one of this name
        for source in self.sources:
            if source.folder and source.name.endswith(".h"):
                self.headers.setdefault(source.name, []).append(source.folder)

    def row_of(self, source):
        return self.rows.get(source.folder)


def c_files(root):
    for top in CODE_FOLDERS:
        for folder, below, names in os.walk(os.path.join(root, top)):
            below[:] = [name for name in below if name not in SKIPPED_FOLDERS]
            for name in names:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def file_length(tree, source):
    count = source.text.count("\n")
    if count > FILE_LINES_MAX:
        yield source.fault("file-length", 1, f"{count} lines, at most {FILE_LINES_MAX}")


def function_length(tree, source):
    for function in ctext.functions(source.text):
        if function.lines > FUNCTION_LINES_MAX:
            yield source.fault("function-length", function.line,
                               f"{function.name} has {function.lines} lines, "
                               f"at most {FUNCTION_LINES_MAX}")


def columns(tree, source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX:
            yield source.fault("columns", number, f"{len(line)} columns, at most {COLUMNS_MAX}")


def banned_calls(tree, source):
    for line, name in source.calls(BANNED_CALLS):
        yield source.fault("banned-call", line, f"{name} is not used here")


def allocation(tree, source):
    if not source.in_src:
        return
    allowed = ALLOCATOR_EXCEPTIONS.get(source.path[len("src/"):], ())
    # Handing `free` to somebody as a callback is using it, too.
    for line, name in source.calls(ALLOCATOR, after="[(),;}]"):
        if name not in allowed:
            yield source.fault("allocation", line, f"{name}: memory comes from mem.h")


def clock(tree, source):
    if not source.in_src or source.folder == "os":
        return
    for line, name in source.calls(CLOCK_CALLS):
        yield source.fault("clock", line, f"{name}: time is an argument; only os reads a clock")


def line_comments(tree, source):
    for offset in ctext.line_comments(source.text):
        yield source.fault("line-comment", ctext.line_of(source.text, offset),
                           "// is for local debugging; write /* */")


def include_parent(tree, source):
    for include in source.includes:
        if ".." in include.name.split("/"):
            yield source.fault("include-parent", include.line, f'"{include.name}" climbs with ..')


def include_private(tree, source):
    for include in source.includes:
        if include.name.endswith("_priv.h"):
            owners = tree.headers.get(include.name, [])
            if source.inside not in owners:
                yield source.fault("include-private", include.line,
                                   f'"{include.name}" belongs to {" ".join(owners) or "nobody"}')


def include_row(tree, source):
    """Quoted includes come from the folder itself or from its row."""
    row = tree.row_of(source)
    if not row:
        return
    for include in source.includes:
        if include.system or ".." in include.name.split("/"):
            continue
        if include.name.endswith(floors.GENERATED_SUFFIX):
            owners = [floors.GENERATED_FOLDER]
        else:
            owners = tree.headers.get(include.name, [])
        if not owners:
            yield source.fault("include-row", include.line, f'"{include.name}" is nobody\'s')
        elif not set(owners) & set(floors.seen_by(row)):
            yield source.fault("include-row", include.line,
                               f'"{include.name}" of {owners[0]} is not in the row of {row.name}')


def include_library(tree, source):
    """A library is seen by the rows that name it; system headers by floors with effects."""
    row = tree.row_of(source)
    if not row:
        return
    for include in source.includes:
        if not include.system:
            continue
        for library, starts in floors.LIBRARIES.items():
            if include.name.startswith(starts):
                if library not in row.libraries:
                    yield source.fault("include-library", include.line,
                                       f"<{include.name}> is not for {row.name}")
                break
        else:
            if row.kind == floors.PURE and include.name not in floors.PURE_LIBC_HEADERS:
                why = "has effects" if include.name.startswith(EFFECT_HEADERS) else "is not listed"
                yield source.fault("include-library", include.line,
                                   f"<{include.name}> {why}; {row.name} is pure")


def header_name(tree, source):
    if source.folder and source.name in LIBC_HEADERS:
        yield source.fault("header-name", 1, f"{source.name} hides libc's header of that name")
    owners = tree.headers.get(source.name, [])
    if source.folder and len(owners) > 1:
        yield source.fault("header-name", 1, f"{source.name} is in {' and '.join(owners)}")


def header_essay(tree, source):
    if not source.folder or not source.name.endswith(".h"):
        return
    essay = source.text.split("*/")[0]
    if not essay.startswith(f"/* {source.name}: "):
        yield source.fault("header-essay", 1, f"does not begin with /* {source.name}: what it is")
        return
    if source.name.endswith(("_priv.h", "_table.h")):
        return
    for word in ("Owns:", "Callers:"):
        if word not in essay:
            yield source.fault("header-essay", 1, f"the opening comment has no {word}")


def pragma_once(tree, source):
    if source.folder and source.name.endswith(".h") and not re.search(
            r"^#pragma once$", source.text, re.MULTILINE):
        yield source.fault("pragma-once", 1, "no #pragma once")


def loose_ends(tree, source):
    if not source.in_src:
        return
    for match in re.finditer(r"\b(TODO|FIXME|XXX)\b", source.text):
        yield source.fault("loose-end", ctext.line_of(source.text, match.start()),
                           f"{match.group()}: finish it or leave it out")


FILE_RULES = (file_length, function_length, columns, banned_calls, allocation, clock, line_comments,
              include_parent, include_private, include_row, include_library, header_name,
              header_essay, pragma_once, loose_ends)


def folders(tree):
    """Table and tree agree: each folder of src has a row, each row a folder with files."""
    src = os.path.join(tree.root, "src")
    present = sorted(name for name in os.listdir(src) if os.path.isdir(os.path.join(src, name)))
    for name in present:
        if name not in tree.rows:
            yield Fault("folder-row", f"src/{name}", 1, "has no row in tools/floors.py")
    for name in tree.rows:
        if not any(source.folder == name for source in tree.sources):
            yield Fault("folder-row", f"src/{name}", 1, "has a row but no C file")
    for text in floors.check_table(tree.table):
        yield Fault("folder-row", "tools/floors.py", 1, text)


def build_rows(tree):
    """The include directories that meson.build hands out are those of the row."""
    for name, row in tree.rows.items():
        path = f"src/{name}/meson.build"
        try:
            with open(os.path.join(tree.root, path), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            yield Fault("build-row", path, 1, "is missing")
            continue
        for match in re.finditer(r"include_directories\s*:\s*\[([^\]]*)\]", text):
            given = {word[:-len("_inc")] for word in re.findall(r"\w+_inc\b", match.group(1))}
            for extra in sorted(given - set(floors.seen_by(row))):
                yield Fault("build-row", path, ctext.line_of(text, match.start()),
                            f"hands out {extra}_inc, which is not in the row of {name}")


def guard_columns(tree):
    """The guards keep to the width that they ask for."""
    tools = os.path.join(tree.root, "tools")
    for name in sorted(os.listdir(tools)) if os.path.isdir(tools) else ():
        if name.endswith(".py"):
            with open(os.path.join(tools, name), encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if len(line.rstrip("\n")) > COLUMNS_MAX:
                        yield Fault("columns", f"tools/{name}", number,
                                    f"over {COLUMNS_MAX} columns")


TREE_RULES = (folders, build_rows, guard_columns)


def check(root, table=floors.FLOORS):
    tree = Tree(root, table)
    for rule in TREE_RULES:
        yield from rule(tree)
    for source in tree.sources:
        for rule in FILE_RULES:
            yield from rule(tree, source)


def long_files(root):
    for path in sorted(c_files(root)):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            count = sum(1 for _ in file)
        if count > FILE_LINES_WARN:
            yield f"{path}: warning: {count} lines; over {FILE_LINES_WARN} is long"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    for warning in long_files(root):
        print(warning)
    faults = list(check(root))
    for fault in faults:
        print(fault)
    print(f"tidy: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
