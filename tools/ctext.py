"""Reads C as text, as far as the guards need it: comments, strings, functions, includes."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE)
_DIRECTIVE = re.compile(r"^[ \t]*\#(?:\\\n|[^\n])*", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]*)[>"]', re.MULTILINE)
_FUNCTION_NAME = re.compile(r"(\w+)\s*\(")


@dataclass(frozen=True)
class Include:
    line: int
    system: bool  # in angle brackets
    name: str


@dataclass(frozen=True)
class Function:
    line: int
    name: str
    lines: int


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments_and_strings(text):
    """The same text with comments and the insides of literals blanked: offsets stay true."""
    def replace(match):
        token = match.group()
        if token[0] == "/":
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]
    return _TOKEN.sub(replace, text)


def line_comments(text):
    """Offsets of comments that start with two slashes."""
    return [m.start() for m in _TOKEN.finditer(text) if m.group().startswith("//")]


def includes(text):
    return [Include(line_of(text, m.start()), m.group(1) == "<", m.group(2))
            for m in _INCLUDE.finditer(_keep_code(text))]


def _keep_code(text):
    """Comments blanked, literals kept: an include's name stands in quotes."""
    return _TOKEN.sub(lambda m: _blank(m.group()) if m.group()[0] == "/" else m.group(), text)


def functions(text):
    """Function definitions with their length, signature and closing brace included."""
    code = _DIRECTIVE.sub(lambda m: _blank(m.group()), without_comments_and_strings(text))
    found, depth, start, opened = [], 0, 0, 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match.group() == "{":
            if depth == 0:
                opened = at
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                function = _function(code, start, opened, at)
                if function:
                    found.append(function)
                start = at + 1
        elif depth == 0:
            start = at + 1
    return found


def _function(code, start, opened, closed):
    head = code[start:opened]
    name = _FUNCTION_NAME.search(re.sub(r"__attribute__\s*\(\(.*?\)\)|\bprintf_like\([^)]*\)",
                                        lambda m: _blank(m.group()), head))
    if not name or "=" in head or re.match(r"\s*(typedef|struct|union|enum)\s*\w*\s*$", head):
        return None
    first = start + len(head) - len(head.lstrip())
    return Function(line_of(code, first), name.group(1), code.count("\n", first, closed) + 1)
