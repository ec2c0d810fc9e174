#!/usr/bin/env python3
"""Asks the kernel and `wayout why` the same questions and compares the answers.

    sudo tests/scenarios/run.py [--wayout PATH] [--truth-only] [--filter TEXT] [-j N] [-v] [--list]
    sudo tests/scenarios/run.py --record tests/cases [--filter TEXT]

Without --wayout (or $WAYOUT) only --truth-only runs: does the kernel do what the scenarios claim?
--record writes what the kernel did into the case files of a directory: those that are there already,
or those that the filter names.
"""

import argparse
import atexit
import importlib
import multiprocessing
import os
import pathlib
import signal
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import compare, lab, probe, record  # noqa: E402
from harness.drops import DropWatch, Kernel  # noqa: E402
from harness.scenario import Dies, take_registered, with_backend  # noqa: E402

FAMILIES = pathlib.Path(__file__).parent / "families"


def collect():
    scenarios = []
    for file in sorted(FAMILIES.glob("*.py")):
        if file.stem != "__init__":
            importlib.import_module(f"families.{file.stem}")
            for one in take_registered(file.stem):
                scenarios += [type(one)(**{**vars(one), "backend": backend}) for backend in one.backends]
    titles = [one.title for one in scenarios]
    twice = {title for title in titles if titles.count(title) > 1}
    if twice:
        sys.exit(f"scenarios with one name: {', '.join(sorted(twice))}")
    return scenarios


class Runner:
    """One per process; holds the drop watch."""

    def __init__(self, options):
        self._options = options
        try:
            self._watch = DropWatch(Kernel())
        except (OSError, KeyError) as error:
            self._watch = None
            print(f"drop reasons are not compared: {error}", file=sys.stderr)

    def run(self, scenario):
        """(differences, notes); differences is None when the scenario cannot be built here."""
        if scenario.needs and not lab.succeeds(scenario.needs):
            return None, [f"needs: {scenario.needs}"]
        question = probe.Question(**{k: v for k, v in scenario.question.items() if k != "at"})
        with lab.Lab() as ns:
            ns.build(scenario.lines())
            with probe.Listener(ns, question) as listener:
                judge = self._record if self._options.record else self._compare
                return judge(ns, scenario, lambda: probe.ask(ns, question, listener, self._watch, scenario.linger_s))

    def _compare(self, ns, scenario, send):
        asks, notes = not self._options.truth_only, []
        cold = self._options.cold or scenario.cold
        if asks and cold:
            answer = compare.run_why(ns, scenario, self._options.wayout)
        seen = send()
        notes.append(f"kernel: {compare.describe(seen)}")
        wrong = compare.kernel(scenario, seen, self._watch is not None)
        if asks:
            if not cold:
                answer = compare.run_why(ns, scenario, self._options.wayout)
            notes.append(f"why: exit {answer[0]}: {answer[1] or answer[2]}")
            wrong += compare.why(ns, scenario, seen, *answer)
            wrong += self._try_fix(ns, scenario, answer[1] or {}, send)
        elif scenario.fixed:
            ns.build(with_backend(scenario.fixed, scenario.backend))
            again = send()
            if not again.works:
                wrong.append(f"kernel: the scenario's own remedy does not help: {compare.describe(again)}")
        return wrong, notes

    def _record(self, ns, scenario, send):
        """The configuration before the packet is sent, then what became of it."""
        files = record.take(ns, scenario)
        seen = send()
        wrong = compare.kernel(scenario, seen, self._watch is not None)
        if not wrong:
            record.write(self._options.record, scenario, seen, files)
        return wrong, [f"kernel: {compare.describe(seen)}"]

    def _try_fix(self, ns, scenario, answer, send):
        if not isinstance(scenario.truth, Dies) or answer.get("verdict") != "dropped":
            return []
        if scenario.fix == "late":
            return []
        offered, wrong = compare.apply_first_fix(ns, scenario, answer)
        if offered and scenario.fix == "none":
            return [f"why: offers a fix where there is none: {answer['fixes'][0]}"]
        if offered and not wrong:
            again = send()
            asked_too_early = self._options.cold and scenario.fix == "afterwards"
            if not again.works and not asked_too_early:
                wrong = [f"why: WRONG: the fix does not help: {answer['fixes'][0]}: {compare.describe(again)}"]
        return wrong


_runner = None


def start(options):
    global _runner
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _runner = Runner(options)


def once(scenario):
    try:
        return _runner.run(scenario)
    except lab.SetupError as error:
        return [f"set-up: {error}"], []
    except Exception:  # a broken scenario must not end the run
        return [traceback.format_exc()], []


def one(scenario):
    """On a busy machine a drop is missed, an answer late: what the kernel is seen to do against the claim is looked at
    once more, in new namespaces, and told. A claim that is wrong stays wrong; of `why` nothing is asked twice."""
    begin = time.monotonic()
    wrong, notes = once(scenario)
    missed = [line for line in wrong or [] if line.startswith(("kernel: ", "set-up: "))]
    if missed:
        print(f"again {scenario.title}  ({missed[0]})", flush=True)
        wrong, notes = once(scenario)
    return scenario, wrong, notes, time.monotonic() - begin


def report(results, verbose):
    passed = failed = skipped = lies = gaps = 0
    for scenario, wrong, notes, seconds in results:
        if wrong is None:
            skipped += 1
            print(f"skip  {scenario.title}  ({notes[0]})")
        elif wrong:
            failed += 1
            lies += any("WRONG" in line for line in wrong)
            gaps += any("undecided instead of" in line for line in wrong)
            print(f"FAIL  {scenario.title}  {seconds:.1f} s")
        else:
            passed += 1
            print(f"ok    {scenario.title}  {seconds:.1f} s")
        for line in (wrong or []) + (notes if verbose and wrong is not None else []):
            print(f"        {line}")
        sys.stdout.flush()
    if lies or gaps:
        print(f"wrong and sure of it: {lies}; undecided where the kernel is clear: {gaps}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wayout", default=os.environ.get("WAYOUT"), help="the program (default: $WAYOUT)")
    parser.add_argument("--truth-only", action="store_true", help="only hold the kernel to the scenarios")
    parser.add_argument("--cold", action="store_true", help="ask why before the packet is sent, not after")
    parser.add_argument("--filter", action="append", default=[], help="only titles that contain this; may be repeated")
    parser.add_argument("--record", metavar="DIR", help="write what the kernel did into the case files there")
    parser.add_argument("--list", action="store_true", help="print titles and stories")
    parser.add_argument("-j", type=int, default=1, help="scenarios at the same time")
    parser.add_argument("-v", action="store_true", help="show what was observed and answered")
    options = parser.parse_args()

    chosen = [s for s in collect() if not options.filter or any(text in s.title for text in options.filter)]
    if options.record and not options.filter:
        chosen = [s for s in chosen if os.path.exists(os.path.join(options.record, record.name_of(s.title)))]
    if options.list:
        for s in chosen:
            print(f"{s.title}\n    {s.story}")
        return 0
    if not options.truth_only and not options.record and not options.wayout:
        parser.error("say where the program is (--wayout PATH or $WAYOUT), or --truth-only")
    if options.wayout:
        options.wayout = os.path.abspath(options.wayout)
    if os.geteuid():
        if os.environ.get("WAYOUT_REQUIRE_KERNEL") == "1":
            sys.exit("scenarios need root")
        print(f"skipped: scenarios need root\n0 passed, 0 failed, {len(chosen)} skipped")
        return 77  # what ctest and automake take for "skipped"

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    lab.remove_orphans()
    atexit.register(lab.remove_orphans)
    # Workers are processes of their own: entering a namespace is a matter of the whole thread.
    with multiprocessing.get_context("fork").Pool(options.j, start, (options,)) as pool:
        failed = report(pool.imap(one, chosen), options.v)
        pool.close()
        pool.join()
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
