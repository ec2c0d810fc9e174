#!/usr/bin/env python3
"""The comparison itself must be able to fail: each row is an answer with one thing wrong, and what has to be said."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from harness import compare  # noqa: E402
from harness.drops import Drop  # noqa: E402
from harness.probe import Observation  # noqa: E402
from harness.scenario import Scenario, ask, dies, sysctl, undecided, works  # noqa: E402


class Names:
    """As much of a Lab as the comparison asks for."""

    names = ("c1", "h", "o")

    @staticmethod
    def logical(real):
        return real.removeprefix("wsc1-")


QUESTION = ask("c1", "198.51.100.1:80", server="o")
DEAD = Scenario("x", "", [], QUESTION, dies("back", "h", "ip_error", "IP_INADDRERRORS", source="198.51.100.10"),
                sysctl("net.ipv4.conf.eth0.forwarding", 0))
ALIVE = Scenario("x", "", [], QUESTION, works(source="198.51.100.10"))
UNSURE = Scenario("x", "", [], QUESTION, works(), undecided("limit"))
DROP = Drop(1, "eth0", "ip_error", "IP_INADDRERRORS", b"")
SEEN_DEAD = Observation(error="timeout", source="198.51.100.10", arrived=True, delivered=True, drops=[("h", DROP)])
SEEN_ALIVE = Observation(works=True, source="198.51.100.10", arrived=True, delivered=True)
RIGHT = {
    "verdict": "dropped", "direction": "back",
    "end": {"namespace": "host", "stage": "ip_error", "device": "eth0", "reason": "IP_INADDRERRORS"},
    "cause": {"kind": "sysctl", "key": "net.ipv4.conf.eth0.forwarding", "value": "0"},
    "translated": {"src": "198.51.100.10"},
}


def why(scenario, seen, answer, code):
    return compare.why(Names, scenario, seen, code, answer, "")


class Kernel(unittest.TestCase):
    def test_agreement_says_nothing(self):
        self.assertEqual([], compare.kernel(DEAD, SEEN_DEAD, True))
        self.assertEqual([], compare.kernel(ALIVE, SEEN_ALIVE, True))

    def test_each_disagreement_is_said(self):
        for scenario, seen, words in (
            (DEAD, SEEN_ALIVE, "it works"),
            (ALIVE, SEEN_DEAD, "it should work"),
            (ALIVE, Observation(works=True, source="10.1.0.2"), "saw 10.1.0.2"),
            (DEAD, Observation(error="timeout", drops=[("h", DROP)]), "on the way out, not back"),
            (DEAD, Observation(error="timeout", arrived=True, delivered=True, source="198.51.100.10"), "no drop at"),
        ):
            with self.subTest(words=words):
                self.assertIn(words, "\n".join(compare.kernel(scenario, seen, True)))


class Why(unittest.TestCase):
    def test_agreement_says_nothing(self):
        self.assertEqual([], why(DEAD, SEEN_DEAD, RIGHT, 1))
        self.assertEqual([], why(ALIVE, SEEN_ALIVE, {"verdict": "delivered", "translated": {"src": "198.51.100.10"}}, 0))
        self.assertEqual([], why(UNSURE, SEEN_ALIVE, {"verdict": "undecided", "unknown": ["rule with limit"]}, 3))

    def test_each_disagreement_is_said(self):
        def but(**changes):
            return RIGHT | changes

        for answer, code, words in (
            (RIGHT, 0, "with exit code 0"),
            (but(verdict="delivered"), 0, "WRONG and sure of it"),
            (but(verdict="undecided"), 3, "undecided instead of dropped"),
            (but(direction="out"), 1, "direction out"),
            (but(end=RIGHT["end"] | {"stage": "ip_forward"}), 1, "ends at"),
            (but(end=RIGHT["end"] | {"namespace": "wsc1-c1"}), 1, "ends at"),
            (but(cause={"kind": "rule"}), 1, "cause.kind"),
            (but(cause=RIGHT["cause"] | {"key": "net.ipv4.ip_forward"}), 1, "cause.key"),
            (but(translated={"src": "198.51.100.20"}), 1, "translated.src"),
            (None, 2, "no JSON"),
        ):
            with self.subTest(words=words):
                self.assertIn(words, "\n".join(why(DEAD, SEEN_DEAD, answer, code)))

    def test_certainty_where_there_is_none(self):
        self.assertIn("WRONG and sure of it", "\n".join(why(UNSURE, SEEN_ALIVE, {"verdict": "delivered"}, 0)))
        self.assertIn("does not name", "\n".join(why(UNSURE, SEEN_ALIVE, {"verdict": "undecided", "unknown": ["x"]}, 3)))


class Fixes(unittest.TestCase):
    def test_only_network_tools_are_run(self):
        answer = {"fixes": [{"commands": [{"namespace": "host", "command": "rm -rf /tmp/x"}]}]}
        self.assertIn("not run here", "\n".join(compare.apply_first_fix(Names, DEAD, answer)[1]))

    def test_a_missing_fix_is_said(self):
        must = Scenario("x", "", [], QUESTION, DEAD.truth, fix="must")
        self.assertEqual((False, ["why: no fix is offered"]), compare.apply_first_fix(Names, must, {"fixes": []}))


if __name__ == "__main__":
    unittest.main()
