#!/usr/bin/env python3
"""Finds circles of files within each crate of a cargo workspace: files that import each other, directly or through others.

    tools/circles.py [FOLDER]       FOLDER holds the workspace's Cargo.toml (default: the parent of this script's folder)

Prints every circle with the uses that close it, and exits with 1 if there is one.

A file depends on another when it uses an item that is defined there. A path is followed through re-exports to that
definition, so that `use crate::Thing` depends on the file of `Thing` and not on the `lib.rs` that re-exports it.
Naming a child with `mod` and re-exporting its items is no use of them. What only tests compile is ignored.

Paths are read from the text: `use` declarations, and inline paths such as `crate::a::b()` or `a::b()`.
Method calls and macros found by textual order name no path and are not seen.
"""

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ITEMS = {"fn", "struct", "enum", "union", "trait", "type", "const", "static"}
TOKEN = re.compile(
    r"""(?P<raw>\b[bc]?r(?P<hashes>\#*)"(?s:.*?)"(?P=hashes))
      | (?P<string>\b[bc]?"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*")
      | (?P<char>\bb?'(?:[^'\\]|\\x..|\\u\{[^}]*\}|\\.)'|'(?:[^'\\]|\\x..|\\u\{[^}]*\}|\\.)')
      | (?P<lifetime>'[A-Za-z_]\w*)
      | (?P<line>//[^\n]*)
      | (?P<word>(?:r\#)?[A-Za-z_]\w*)
      | (?P<number>\d[\w.]*)
      | (?P<mark>::|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word or mark of the source, and the line it stands on."""

    text: str
    line: int
    is_word: bool


def tokens(source: str) -> list[Token]:
    """The words and marks of Rust source: no comments, no literals but strings, which `#[path = "…"]` needs."""
    found = []
    at, line = 0, 1
    while at < len(source):
        if source.startswith("/*", at):
            end = end_of_comment(source, at)
            line += source.count("\n", at, end)
            at = end
            continue
        match = TOKEN.match(source, at)
        if match is None:
            line += source[at] == "\n"
            at += 1
            continue
        kind, text = match.lastgroup, match.group()
        if match.group("word") is not None:
            found.append(Token(text.removeprefix("r#"), line, True))
        elif kind in ("mark", "string"):
            found.append(Token(text, line, False))
        line += text.count("\n")
        at = match.end()
    return found


def end_of_comment(source: str, at: int) -> int:
    """The end of the block comment that starts at `at`; block comments nest."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(source, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(source)


class Import(NamedTuple):
    """One name that a `use` declaration brings into a module."""

    name: str  # "*" for all names, "_" for a trait without its name
    path: tuple[str, ...]
    public: bool
    line: int


class Module:
    """A module: its file, its names, and the paths that its code uses."""

    def __init__(self, crate: "Crate", path: tuple[str, ...], file: Path, folder: Path):
        self.crate = crate
        self.path = path
        self.file = file
        self.folder = folder  # where the files of its children lie
        self.children: dict[str, Module] = {}
        self.items: set[str] = set()
        self.imports: list[Import] = []
        self.paths: list[tuple[tuple[str, ...], int]] = []
        self.words: dict[str, int] = {}  # every word of the code outside of `use`, and its first line
        crate.modules[path] = self

    def parent(self) -> "Module | None":
        return self.crate.modules.get(self.path[:-1]) if self.path else None

    def read(self, source: list[Token]) -> None:
        """Collects names and paths from the tokens of the module's body."""
        at = 0
        depth = 0  # of braces: items are those at depth 0, imports those at any
        test = False
        public = False
        path_attribute = None
        while at < len(source):
            text, line, is_word = source[at]
            if text == "#" and at + 1 < len(source):
                start = at + 1 + (source[at + 1].text == "!")
                if start < len(source) and source[start].text == "[":
                    end = closing(source, start)
                    attribute = [token.text for token in source[start + 1 : end]]
                    inner = start == at + 2
                    if only_for_tests(attribute):
                        if inner:
                            return
                        test = True
                    if attribute[:2] == ["path", "="]:
                        path_attribute = attribute[2].strip('"')
                    at = end + 1
                    continue
            if test:
                at, test, path_attribute = end_of_item(source, at), False, None
                continue
            if text == "pub":
                public = True
                at += 1
                if at < len(source) and source[at].text == "(":
                    inside = source[at + 1].text
                    if inside in ("crate", "super", "self", "in"):
                        at = closing(source, at) + 1
                continue
            if text == "use" and not (at and source[at - 1].text in ("+", "->")):
                end = next(i for i in range(at, len(source)) if source[i].text == ";")
                self.imports += imports(source[at + 1 : end], public, line)
                at, public = end + 1, False
                continue
            if text == "mod" and at + 2 < len(source) and source[at + 1].is_word:
                name, after = source[at + 1].text, source[at + 2].text
                if after == ";":
                    self.add_file(name, path_attribute)
                    at, public, path_attribute = at + 3, False, None
                    continue
                if after == "{":
                    end = closing(source, at + 2)
                    child = self.children[name] = Module(self.crate, (*self.path, name), self.file, self.folder / name)
                    child.read(source[at + 3 : end])
                    at, public = end + 1, False
                    continue
            if text == "macro_rules" and at + 2 < len(source) and source[at + 1].text == "!":
                self.items.add(source[at + 2].text)
                self.crate.macros.setdefault(source[at + 2].text, self)
                at += 3
                continue
            if depth == 0 and text in ITEMS and at + 1 < len(source) and source[at + 1].is_word:
                name = source[at + 1].text
                if name not in ITEMS | {"mut", "unsafe", "extern", "async"}:
                    self.items.add(name)
                    at, public = at + 2, False
                    continue
            if is_word:
                public = False
                self.words.setdefault(text, line)
                end = at
                segments = [text]
                while end + 2 < len(source) and source[end + 1].text == "::" and source[end + 2].is_word:
                    segments.append(source[end + 2].text)
                    end += 2
                for token in source[at + 1 : end + 1]:
                    if token.is_word:
                        self.words.setdefault(token.text, token.line)
                continues = at and source[at - 1].text in ("::", ".")
                if len(segments) > 1 and not continues:
                    self.paths.append((tuple(segments), line))
                at = end + 1
                continue
            depth += (text == "{") - (text == "}")
            at += 1

    def add_file(self, name: str, attribute: str | None) -> None:
        """Reads the child `name` from its file."""
        if attribute is not None:
            candidates = [self.file.parent / attribute]
        else:
            candidates = [self.folder / f"{name}.rs", self.folder / name / "mod.rs"]
        file = next((file for file in candidates if file.is_file()), None)
        if file is None:
            raise SystemExit(f"{self.file}: there is no file of its module {name}")
        folder = file.parent if file.name == "mod.rs" or attribute is not None else self.folder / name
        child = self.children[name] = Module(self.crate, (*self.path, name), file, folder)
        child.read(tokens(file.read_text()))

    def module(self, name: str, seen: frozenset = frozenset()) -> "Module | None":
        """The module that `name` stands for here."""
        if name in self.children:
            return self.children[name]
        if (self.path, name) in seen:
            return None
        seen |= {(self.path, name)}
        for entry in self.imports:
            if entry.name == name:
                found = self.follow(entry.path, seen)
                if isinstance(found, Module):
                    return found
        for entry in self.imports:
            if entry.name == "*":
                other = self.follow(entry.path, seen)
                if isinstance(other, Module) and other is not self:
                    found = other.module(name, seen)
                    if found is not None:
                        return found
        return None

    def item(self, name: str, seen: frozenset = frozenset()) -> "Module | None":
        """The module that defines the item (not a module) that `name` stands for here."""
        if name in self.items:
            return self
        if (self.path, name, "item") in seen:
            return None
        seen |= {(self.path, name, "item")}
        for entry in self.imports:
            if entry.name == name:
                found = self.definition(entry.path, seen)
                if found is not None:
                    return found
        for entry in self.imports:
            if entry.name == "*":
                other = self.follow(entry.path, seen)
                if isinstance(other, Module) and other is not self:
                    found = other.item(name, seen)
                    if found is not None:
                        return found
        if not self.path and name in self.crate.macros:
            return self.crate.macros[name]
        return None

    def start(self, path: tuple[str, ...], seen: frozenset) -> "tuple[Module | None, tuple[str, ...]]":
        """The module that a path begins at, and the rest of the path."""
        first, rest = path[0], path[1:]
        if first == "crate":
            return self.crate.root, rest
        if first == "self":
            return self, rest
        if first == "super":
            here, rest = self.parent(), rest
            while here is not None and rest and rest[0] == "super":
                here, rest = here.parent(), rest[1:]
            return here, rest
        return self.module(first, seen), rest

    def follow(self, path: tuple[str, ...], seen: frozenset = frozenset()) -> "Module | None":
        """The module that all of a path leads to."""
        here, rest = self.start(path, seen)
        for name in rest:
            if here is None:
                return None
            here = here.module(name, seen)
        return here

    def definition(self, path: tuple[str, ...], seen: frozenset = frozenset()) -> "Module | None":
        """The module that defines the item that a path names; `None` for a module and for what is not of this crate."""
        here, rest = self.start(path, seen)
        if here is None:
            # A type or function in scope, as in `Thing::new`.
            return self.item(path[0], seen) if path[0] not in ("crate", "self", "super") else None
        for at, name in enumerate(rest):
            last = at + 1 == len(rest)
            found = here.item(name, seen) if last else None
            if found is not None:
                return found
            further = here.module(name, seen)
            if further is None:
                found = here.item(name, seen)
                # What a macro defines is not seen: it lies where the path ends.
                return found or here
            here = further
        return None

    def uses(self):
        """Every module whose items this one's code uses: the module, what is used, the line."""
        for entry in self.imports:
            if entry.name == "*":
                continue
            if entry.public and entry.name not in self.words:
                continue
            found = self.definition(entry.path)
            if found is not None:
                yield found, "::".join(entry.path), entry.line
        globs = [self.follow(entry.path) for entry in self.imports if entry.name == "*"]
        named = {entry.name for entry in self.imports} | self.items
        for other in globs:
            if other is None or other is self:
                continue
            for word, line in self.words.items():
                if word not in named:
                    found = other.item(word)
                    if found is not None:
                        yield found, word, line
        for path, line in self.paths:
            found = self.definition(path)
            if found is not None:
                yield found, "::".join(path), line


class Crate:
    """The modules of a crate."""

    def __init__(self, root: Path):
        self.modules: dict[tuple[str, ...], Module] = {}
        self.macros: dict[str, Module] = {}
        self.root = Module(self, (), root, root.parent)
        self.root.read(tokens(root.read_text()))

    def graph(self) -> dict[Path, dict[Path, tuple[int, str]]]:
        """For each file the files that it uses, with the first line and path that does."""
        graph: dict[Path, dict[Path, tuple[int, str]]] = defaultdict(dict)
        for module in self.modules.values():
            graph[module.file]
            for other, what, line in module.uses():
                if other.file != module.file:
                    graph[module.file].setdefault(other.file, (line, what))
        return graph


def closing(source: list[Token], at: int) -> int:
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(source)):
        depth += source[i].text in ("(", "[", "{")
        depth -= source[i].text in (")", "]", "}")
        if depth == 0:
            return i
    return len(source) - 1


def end_of_item(source: list[Token], at: int) -> int:
    """The place behind the item, statement or field that starts at `at`."""
    while at < len(source):
        text = source[at].text
        if text in ("(", "["):
            at = closing(source, at)
        elif text == "{":
            return closing(source, at) + 1
        elif text in (";", ","):
            return at + 1
        elif text == "}":
            return at
        at += 1
    return at


def only_for_tests(attribute: list[str]) -> bool:
    """Tells whether an attribute leaves its item out of every build but that of tests."""
    if attribute == ["test"]:
        return True
    if attribute[:2] != ["cfg", "("]:
        return False
    condition = attribute[2:-1]
    if condition[:2] == ["all", "("]:
        return "test" in condition and "any" not in condition and "not" not in condition
    return condition in (["test"], ["doctest"])


def imports(source: list[Token], public: bool, line: int) -> list[Import]:
    """The names of a `use` tree."""
    found = []

    def tree(at: int, prefix: tuple[str, ...]) -> int:
        path = prefix
        if source[at].text == "::":  # of another crate, whatever is called the same here
            path, at = ("",), at + 1
        while at < len(source):
            text = source[at].text
            if text == "{":
                at += 1
                while source[at].text != "}":
                    at = tree(at, path)
                    if source[at].text == ",":
                        at += 1
                return at + 1
            if text == "*":
                found.append(Import("*", path, public, source[at].line))
                return at + 1
            if text == "self" and path:
                name = path[-1]
            else:
                path = (*path, text)
                name = text
            at += 1
            if at < len(source) and source[at].text == "::":
                at += 1
                continue
            written = source[at - 1].line
            if at + 1 < len(source) and source[at].text == "as":
                name, at = source[at + 1].text, at + 2
            found.append(Import(name, path, public, written))
            return at
        return at

    if source:
        tree(0, ())
    return found


def circles(graph: dict[Path, dict[Path, tuple[int, str]]]) -> list[list[Path]]:
    """The strongly connected components of more than one file (Tarjan 1972)."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found = []

    def visit(node: Path) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)


def roots(workspace: Path) -> list[Path]:
    """The root files of all crates of a workspace: libraries and programs."""
    manifest = tomllib.loads((workspace / "Cargo.toml").read_text())
    members = manifest["workspace"]["members"] if "workspace" in manifest else []
    if "package" in manifest:
        members = [".", *members]
    found = []
    for pattern in members:
        for member in sorted(workspace.glob(pattern)) if pattern != "." else [workspace]:
            source = member / "src"
            found += [file for file in (source / "lib.rs", source / "main.rs") if file.is_file()]
            found += sorted((source / "bin").glob("*.rs"))
    return found


def main(arguments: list[str]) -> int:
    workspace = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    sys.setrecursionlimit(10_000)
    count = 0
    for root in roots(workspace):
        graph = Crate(root).graph()
        for circle in circles(graph):
            count += 1
            print(f"{root.relative_to(workspace)}: a circle of {len(circle)} files")
            for file in circle:
                for other, (line, what) in sorted(graph[file].items()):
                    if other in circle:
                        print(f"    {file.relative_to(workspace)}:{line} uses {what} of {other.relative_to(workspace)}")
    if count:
        print(f"{count} circle{'s' if count > 1 else ''} of files: modules import downwards", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
