#!/usr/bin/env python3
"""Puts faults of several scenarios together, at random, and holds `wayout why` to what the kernel does.

    sudo tests/scenarios/mix.py --wayout PATH [--count N] [--seconds S] [--seed S] [-v]

Nobody has said what these mixtures do; the kernel is asked, and the verdict, the direction, the end and
the first fix have to agree with it. "Undecided" is counted apart, and so is a difference that does not
show again when the same mixture is asked again. A mixture that differs is shrunk to the lines that it
needs, and printed as a scenario that can be kept.
"""

import argparse
import atexit
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import compare, lab, probe, topology  # noqa: E402
from harness.drops import DropWatch, Kernel  # noqa: E402
from harness.scenario import Dies, Scenario, Works, ask  # noqa: E402
from run import collect  # noqa: E402

# What a mixture starts from, and what can be asked there.
OUT = [("c1", "198.51.100.1:80", "o"), ("c1", "198.51.100.1", "o"), ("c1", "198.51.100.1:53/udp", "o"),
       ("h", "198.51.100.1:80", "o"), ("c1", "10.1.0.1:80", "h"), ("h", "10.1.0.2:80", "c1"),
       ("o", "198.51.100.10:80", "h"), ("c1", "10.1.0.1", "h")]
NEXT = [("c1", "10.1.0.3:80", "c2"), ("c2", "10.1.0.2", "c1"), ("c2", "198.51.100.1:80", "o")]
PUBLISHED = [("o", "198.51.100.10:8080", "c1:80"), ("h", "198.51.100.10:8080", "c1:80"),
             ("c1", "198.51.100.10:8080", "c1:80")]
FAR = [("c1", "203.0.113.80:80", "w"), ("c1", "203.0.113.80", "w"), ("h", "203.0.113.80:80", "w")]
BASES = {
    "ONE": (topology.ONE, OUT),
    "NATTED": (topology.NATTED, OUT),
    "PAIR": (topology.PAIR, OUT + NEXT),
    "DOCKERED": (topology.DOCKERED, OUT + PUBLISHED),
    "DOCKERED + C2": (topology.DOCKERED + topology.C2, OUT + NEXT + PUBLISHED + [("c2", "198.51.100.10:8080", "c1:80")]),
    "NATTED + WEB": (topology.NATTED + topology.WEB, OUT + FAR),
    "NATTED + UPLINK2 + WEB": (topology.NATTED + topology.UPLINK2 + topology.WEB, OUT + FAR + [("c1", "192.0.2.1:80", "o")]),
    "TWO_NETWORKS": (topology.TWO_NETWORKS, OUT + NEXT + [("d1", "10.1.0.2:80", "c1"), ("d1", "198.51.100.1:80", "o")]),
}
# Not mixed: what makes namespaces, goes on over several lines, or ends the probe's own means.
NOT_MIXED = ("namespace ", "cable ", "<<", "xdp ")
MOST_FAULTS = 4


def faults():
    """Every single line that some scenario adds to its network."""
    lines = set()
    for scenario in collect():
        for part in scenario.setup[1:] if len(scenario.setup) > 1 else []:
            if any(word in part for word in NOT_MIXED):
                continue
            lines.update(line.strip() for line in part.splitlines() if line.strip())
    return sorted(lines)


def question_of(row):
    sender, to, server = row
    to, _, proto = to.partition("/")
    return ask(sender, to, server, proto=proto)


class Mixture:
    def __init__(self, base, lines, row):
        self.base, self.lines, self.row = base, lines, row

    def without(self, line):
        return Mixture(self.base, [kept for kept in self.lines if kept is not line], self.row)

    def text(self):
        lines = ",\n         ".join([self.base] + [repr(line) for line in self.lines])
        return f"        [{lines}]\n        ask{self.row}"


def draw(source, pool):
    base = source.choice(sorted(BASES))
    setup, rows = BASES[base]
    names = [word for line in setup.splitlines() if line.startswith("namespace ") for word in line.split()[1:]]
    fitting = [line for line in pool if line.split(":")[0] in names]
    lines = source.sample(fitting, source.randint(1, MOST_FAULTS))
    return Mixture(base, lines, source.choice(rows))


class Judge:
    def __init__(self, wayout):
        self._wayout = wayout
        self._watch = DropWatch(Kernel())

    def differences(self, mixture):
        """(kind of the difference or "", sentences). Kind None: it cannot be built."""
        scenario = Scenario("mixture", "", [BASES[mixture.base][0], *mixture.lines], question_of(mixture.row), None)
        question = probe.Question(**scenario.question)
        with lab.Lab() as ns:
            try:
                ns.build(scenario.lines())
            except lab.SetupError as error:
                return None, [str(error)]
            with probe.Listener(ns, question) as listener:
                return self._compare(ns, scenario, lambda: probe.ask(ns, question, listener, self._watch))

    def _compare(self, ns, scenario, send):
        seen = send()
        code, answer, stderr = compare.run_why(ns, scenario, self._wayout)
        kernel = f"kernel: {compare.describe(seen)}"
        if answer is None:
            return "no answer", [f"exit {code}: {stderr.strip()[:300]}", kernel]
        verdict = answer["verdict"]
        said = f"why: {verdict} {answer.get('direction')} {answer.get('end')} {answer.get('cause')}"
        if verdict == "undecided":
            return "", [f"undecided: {answer.get('unknown')}", kernel]
        if (verdict == "delivered") != seen.works:
            return "verdict", [said, kernel]
        scenario.truth = Works(seen.source) if seen.works else Dies(seen.direction, "")
        if not seen.works and answer.get("direction") != seen.direction:
            return "direction", [said, kernel]
        if not seen.works and seen.drops and not self._same_end(ns, scenario, answer, seen):
            return "end", [said, kernel]
        if seen.works:
            return "", [said, kernel]
        offered, wrong = compare.apply_first_fix(ns, scenario, answer)
        if not offered:
            return "", [said, kernel, "no fix"]
        again = send() if not wrong else None
        refused = again and answer["fixes"][0].get("refused") and again.error == "ECONNREFUSED"
        if wrong or not (again.works or refused):
            return "fix", [said, kernel, f"{answer['fixes'][0]['commands']}", *wrong,
                           *([f"then: {compare.describe(again)}"] if again else [])]
        return "", [said, kernel]

    @staticmethod
    def _same_end(ns, scenario, answer, seen):
        end = answer["end"]
        if end["namespace"] == "outside":
            return True
        at = ns.logical(end["namespace"])
        at = "h" if at == "host" else at
        if not end.get("stage"):
            return True
        return any((at, end["stage"], end["reason"]) == (where, drop.function, drop.reason) for where, drop in seen.drops)


def shrunk(judge, mixture, kind):
    for line in list(mixture.lines):
        smaller = mixture.without(line)
        if judge.differences(smaller)[0] == kind:
            mixture = smaller
    return mixture


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wayout", default=os.environ.get("WAYOUT"), required="WAYOUT" not in os.environ)
    parser.add_argument("--count", type=int, default=60, help="how many mixtures that can be built")
    parser.add_argument("--seconds", type=float, default=240, help="stop after so long, whatever the count")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    if os.geteuid():
        if os.environ.get("WAYOUT_REQUIRE_KERNEL") == "1":
            sys.exit("mixtures need root")
        print("skipped: mixtures need root")
        return 77
    print(f"seed {options.seed}", flush=True)
    lab.remove_orphans()
    atexit.register(lab.remove_orphans)

    source, pool, judge = random.Random(options.seed), faults(), Judge(os.path.abspath(options.wayout))
    end, built, differ, unsteady, undecided, unfixed = time.monotonic() + options.seconds, 0, 0, 0, 0, 0
    while built < options.count and time.monotonic() < end:
        mixture = draw(source, pool)
        kind, sentences = judge.differences(mixture)
        if kind is None:
            continue
        built += 1
        undecided += sentences[0].startswith("undecided")
        unfixed += sentences[-1] == "no fix"
        if options.v and not kind:
            print("\n".join([mixture.text(), *("        " + s for s in sentences)]))
        if kind and judge.differences(mixture)[0] != kind:  # who is faster in the kernel is not ours to say
            unsteady += 1
            print(f"did not repeat, {kind}:\n{mixture.text()}", flush=True)
        elif kind:
            differ += 1
            small = shrunk(judge, mixture, kind)
            print(f"DIFFERS in the {kind}:\n" + "\n".join(
                [small.text(), *("        " + s for s in judge.differences(small)[1])]), flush=True)
    print(f"{built} mixtures: {differ} differ, {unsteady} did not repeat, {undecided} undecided, "
          f"{unfixed} drops without a fix")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
