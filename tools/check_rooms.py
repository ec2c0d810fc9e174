#!/usr/bin/env python3
"""Checks that the rooms of src/ keep to the ladder that src/CMakeLists.txt declares.

    tools/check_rooms.py [ROOT]

- A file of a room includes only its own room, the rooms that room depends on (directly or through
  them), and the public headers in include/wayout; a public header includes only public headers.
- Every directory of src/ is a room of the ladder.
- Every header has `#pragma once`; every C++ file is named in snake_case.

Prints one line `file:line: what is wrong` for each violation, and exits 1 if there is any.
"""

import re
import sys
from pathlib import Path

ROOM = re.compile(
    r"wayout_room\(\s*NAME\s+(\w+)(?:\s+DEPENDS\s+([\w\s]+?))?\s*(?:\bLIBRARIES\b[^)]*)?\)")
INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')
SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]*\.(cpp|hpp)")
SOURCE_DIRECTORIES = ("src", "include", "apps", "tests", "bench", "fuzz")
CPP_SUFFIXES = {".cpp", ".hpp", ".h", ".hh", ".hxx", ".cc", ".cxx", ".c"}


def read_ladder(cmake_text):
    """room -> the rooms it may include, itself among them."""
    cmake_text = re.sub(r"#.*", "", cmake_text)
    allowed = {}
    for name, depends in ROOM.findall(cmake_text):
        allowed[name] = {name}.union(*(allowed[lower] for lower in depends.split()))
    return allowed


def cpp_files(root, directory):
    return sorted(p for p in (root / directory).rglob("*") if p.suffix in CPP_SUFFIXES)


def includes(path):
    """(line number, what is included) of every include in quotes."""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if match := INCLUDE.match(line):
            yield number, match.group(1)


def check_includes(root, ladder):
    for path in cpp_files(root, "src"):
        room = path.relative_to(root / "src").parts[0]
        for number, included in includes(path):
            target = included.split("/")[0] if "/" in included else None
            if target == "wayout" or target in ladder.get(room, ()):
                continue
            if target in ladder:
                yield path, number, f"{room} must not include {target}: it does not depend on it"
            else:
                yield path, number, f'"{included}" names no room: write "room/file.hpp"'
    for path in cpp_files(root, "include"):
        for number, included in includes(path):
            if not included.startswith("wayout/"):
                yield path, number, f'a public header must not include "{included}"'


def check_files(root, ladder):
    for path in sorted((root / "src").iterdir()):
        if path.is_dir() and path.name not in ladder:
            yield path, 1, "is not a room of the ladder in src/CMakeLists.txt"
    for directory in SOURCE_DIRECTORIES:
        for path in cpp_files(root, directory):
            if not SOURCE_NAME.fullmatch(path.name):
                yield path, 1, "is not named snake_case.cpp or snake_case.hpp"
            if path.suffix == ".hpp" and "#pragma once" not in path.read_text().splitlines():
                yield path, 1, "has no #pragma once"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    ladder = read_ladder((root / "src" / "CMakeLists.txt").read_text())
    if not ladder:
        sys.exit(f"{root}/src/CMakeLists.txt declares no room")
    violations = [*check_includes(root, ladder), *check_files(root, ladder)]
    for path, number, what in violations:
        print(f"{path.relative_to(root)}:{number}: {what}")
    if violations:
        sys.exit(1)
    files = len(cpp_files(root, "src"))
    print(f"{len(ladder)} rooms, {files} files: every include runs down the ladder")


if __name__ == "__main__":
    main()
