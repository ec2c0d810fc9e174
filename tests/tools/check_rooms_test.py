#!/usr/bin/env python3
"""tools/check_rooms.py finds each kind of violation, in a small tree made for it."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "check_rooms.py"
LADDER = """
wayout_room(NAME wire)
wayout_room(NAME packet DEPENDS wire)
wayout_room(NAME link   DEPENDS packet)
wayout_room(NAME route  DEPENDS packet
            LIBRARIES Some::library)
wayout_room(NAME bridge DEPENDS link route)
# wayout_room(NAME attic)
"""


class CheckRooms(unittest.TestCase):
    def check(self, files):
        """Exit code and output of the tool on a tree of these files, {name: text}."""
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for name, text in {"src/CMakeLists.txt": LADDER, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            run = subprocess.run([TOOL, root], capture_output=True, text=True, check=False)
            return run.returncode, run.stdout

    def assert_clean(self, files):
        self.assertEqual(self.check(files)[0], 0, self.check(files)[1])

    def assert_violation(self, files, expected):
        code, output = self.check(files)
        self.assertEqual(code, 1, output)
        self.assertIn(expected, output)

    def test_down_the_ladder_and_own_room(self):
        self.assert_clean({
            "src/bridge/fdb.cpp": '#include "bridge/fdb.hpp"\n#include "wire/mac.hpp"\n'
                                  '#include "wayout/result.hpp"\n#include <vector>\n',
            "src/route/fib.cpp": '#include "packet/packet.hpp"\n',
        })

    def test_up_the_ladder(self):
        self.assert_violation({"src/wire/mac.cpp": '\n#include "packet/packet.hpp"\n'},
                              "src/wire/mac.cpp:2: wire must not include packet")

    def test_sibling(self):
        self.assert_violation({"src/link/veth.cpp": '#include "route/fib.hpp"\n'},
                              "link must not include route")

    def test_include_without_room(self):
        self.assert_violation({"src/wire/mac.cpp": '#include "mac.hpp"\n'}, "names no room")

    def test_room_that_is_not_declared(self):
        self.assert_violation({"src/attic/box.cpp": ""}, "not a room of the ladder")

    def test_public_header_that_includes_a_room(self):
        self.assert_violation(
            {"include/wayout/door.hpp": '#pragma once\n#include "wire/mac.hpp"\n'},
            "include/wayout/door.hpp:2: a public header must not include")

    def test_header_without_pragma_once(self):
        self.assert_violation({"src/wire/mac.hpp": "// #pragma once\n"}, "has no #pragma once")

    def test_file_name(self):
        self.assert_violation({"src/wire/MacAddress.cpp": ""}, "is not named snake_case")
        self.assert_violation({"tests/e2e/docker.cc": ""}, "is not named snake_case")


if __name__ == "__main__":
    unittest.main()
