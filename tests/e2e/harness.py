"""Break, look, ask, fix, look again: how one fault is tried against an engine and the program.

Two modes. With the program, its answer is compared with what was expected and its first fix is
carried out; the page must come after it. With --truth-only the program is left aside, and the
repair that stands beside the fault must bring the page back: this proves the tests themselves.
The kernel is the judge in both: every verdict is compared with whether the page really comes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import outside
import state
from faults import SERVER, Command, Expected, Fault
from machine import PATH, Machine, MachineError
from program import Program, Wrong, brief, compare, essence, first_fix

SKIPPED = 77  # what ctest is told to take for a skip
PATIENCE_S = 5  # for a page that has to come, on a busy machine too
RETRY_S = 0.2
GIVE_UP_S = 1  # for one that must not: it would come in a millisecond


class Engine(Protocol):
    """What the harness asks of docker and podman."""

    name: str
    machine: Machine
    facts: dict[str, str]  # what braces in a fault's commands mean

    def pid(self, container: str) -> str:
        """The process id of the container's first process."""

    def execute(self, container: str, argv: list[str]) -> str | None:
        """A command's output as the engine runs it inside the container, None when it fails."""

    def names(self) -> dict[str, str]:
        """What kind of name -> what the container `web` is called."""


class Tally:
    """Counts results and prints one line for each."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def passes(self, name: str) -> None:
        self.passed += 1
        print(f"ok    {name}", flush=True)

    def fails(self, name: str, reason: str) -> None:
        self.failed += 1
        print(f"FAIL  {name}\n      {reason}", flush=True)


class Bench:
    """One engine on one machine, and the program if it is to be asked."""

    def __init__(self, engine: Engine, program: Program | None, tally: Tally) -> None:
        self.engine = engine
        self.machine = engine.machine
        self.program = program
        self.tally = tally

    # --- namespaces ---

    def netns(self, namespace: str) -> str | None:
        """The path of a namespace as faults and answers name it."""
        if namespace == "host":
            return None
        if namespace in (outside.NAME, "outside"):
            return outside.NETNS
        return f"/proc/{self.engine.pid(namespace)}/ns/net"

    def carry_out(self, commands: list[Command]) -> None:
        for namespace, line in commands:
            self.machine.run(line, self.netns(namespace))

    def filled(self, commands: list[Command]) -> list[Command]:
        return [(namespace, line.format(**self.engine.facts)) for namespace, line in commands]

    def page(self, source: str, destination: str, patience_s: int) -> str | None:
        """What a user sees who tries again until it comes or patience is over. One attempt is not
        enough: it may still wait for the ARP answer that was lost before the repair."""
        deadline = time.monotonic() + patience_s
        while True:
            left_s = max(1, round(deadline - time.monotonic()))
            page = self._fetch(source, destination, left_s)
            if page is not None or time.monotonic() + RETRY_S > deadline:
                return page
            time.sleep(RETRY_S)

    def _fetch(self, source: str, destination: str, timeout_s: int) -> str | None:
        """Fetch as a user would: through the engine's exec from a container."""
        if source in ("host", outside.NAME):
            return outside.fetch(self.machine, self.netns(source), destination, timeout_s)
        # timeout, as busybox wget's own -T ends in a segmentation fault in Debian's static build.
        return self.engine.execute(
            source, ["timeout", str(timeout_s), "wget", "-q", "-O", "-", f"http://{destination}/"])

    # --- one fault ---

    def try_fault(self, fault: Fault) -> None:
        """One fault from the healthy state back to it."""
        names = list(dict.fromkeys(["host", fault.source, outside.NAME]))
        before = {one: state.read(self.machine, self.netns(one)) for one in names}
        self._try(fault.name, lambda: self._examine(fault))
        for one, wanted in before.items():
            try:
                state.restore(self.machine, self.netns(one), wanted)
            except MachineError as error:
                self.tally.fails(f"{self.engine.name}: {fault.name}: {one}", str(error))

    def _examine(self, fault: Fault) -> None:
        destination = fault.destination.format(**self.engine.facts)
        if fault.works_before and self.page(fault.source, destination, PATIENCE_S) is None:
            raise Wrong("the page does not come before anything is broken")
        self.carry_out(self.filled(fault.breaks))
        page = self.page(fault.source, destination,
                         GIVE_UP_S if fault.is_dropped else PATIENCE_S)
        if fault.is_dropped and page is not None:
            raise Wrong("the page comes although it is broken")
        if not fault.is_dropped and page is None:
            raise Wrong("the page does not come although it should")

        fix = self._question(fault, destination, page) if self.program else \
            self.filled(fault.repair)
        if not fault.is_dropped:
            return
        self.carry_out(fix)
        if self.page(fault.source, destination, PATIENCE_S) is None:
            raise Wrong(f"the page does not come after {fix}")

    def _question(self, fault: Fault, destination: str, page: str | None) -> list[Command]:
        """Ask, compare, and return the first fix; empty where none is called for."""
        answer = self.program.ask(fault.source, destination)
        compare(fault.expected, answer, self.engine.facts)
        source = outside.seen_from(page)
        if source and (answer.get("translated") or {}).get("src") != source:
            raise Wrong(f"the server saw {source}, the answer says {answer.get('translated')}")
        if not fault.needs_outside and fault.source != outside.NAME:
            told = self.program.ask_snapshot(fault.source, destination)
            if essence(told) != essence(answer):
                raise Wrong(f"live: {brief(answer)}; from a snapshot: {brief(told)}")
        fix = first_fix(answer)
        if not fix and fault.is_dropped:
            raise Wrong(f"no fix for {brief(answer)}")
        if any(self.netns(namespace) == outside.NETNS for namespace, _ in fix):
            raise Wrong(f"the outside is nobody's to change: {fix}")
        return fix

    # --- names ---

    def try_names(self, expected: Expected) -> None:
        """Every name of a container means the same; others are bad input."""
        for kind, name in self.engine.names().items():
            self._try(f"FROM is {kind}", lambda: self._compare_name(name, expected))
        self._try("FROM is nothing that exists", lambda: self.program.ask_in_vain("nobody"))
        self._try("FROM is a container that does not run",
                  lambda: self.program.ask_in_vain("idle"))

    def _compare_name(self, name: str, expected: Expected) -> None:
        compare(expected, self.program.ask(name, SERVER), self.engine.facts)

    def _try(self, what: str, check: Callable[[], None]) -> None:
        name = f"{self.engine.name}: {what}"
        try:
            check()
        except (Wrong, MachineError) as error:
            self.tally.fails(name, str(error))
        except (LookupError, TypeError, AttributeError) as error:
            self.tally.fails(name, f"an answer without the promised form: {error!r}")
        else:
            self.tally.passes(name)


def host_end(machine: Machine, pid: str) -> str:
    """The name of the host's end of a container's eth0."""
    index = json.loads(machine.run("ip -json link show dev eth0", f"/proc/{pid}/ns/net"))
    links = json.loads(machine.run("ip -json link show"))
    return next(link["ifname"] for link in links if link["ifindex"] == index[0]["link_index"])


def wait_until(what: str, holds: Callable[[], bool], seconds: float = 20) -> None:
    """Poll; MachineError when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise MachineError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def missing_programs(*programs: str) -> list[str]:
    return [program for program in programs if not shutil.which(program, path=PATH)]


def why_skip(*programs: str) -> str | None:
    """Why this cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    missing = missing_programs("busybox", "curl", "ip", "iptables", "nsenter", "sysctl", "unshare",
                               *programs)
    return f"not installed: {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Suite:
    """One configuration of an engine and what is tried on it."""

    name: str
    start: Callable[[Machine], Engine]
    faults: list[Fault]

    def run(self, tally: Tally, wayout: Path | None, text: str) -> None:
        """Machine, outside and engine are made once, for all faults."""
        if not any(text in fault.name for fault in self.faults):
            return
        with Machine() as machine:
            outside.attach(machine)
            engine = self.start(machine)
            bench = Bench(engine, Program(machine, wayout) if wayout else None, tally)
            for fault in self.faults:
                if text in fault.name:
                    bench.try_fault(fault)
            if wayout and not text:
                bench.try_names(self.faults[0].expected)  # the first breaks nothing


def arguments(title: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"End-to-end test with {title}")
    parser.add_argument("--wayout", type=Path, default=os.environ.get("WAYOUT"),
                        help="the program under test (default: $WAYOUT)")
    parser.add_argument("--truth-only", action="store_true",
                        help="try faults and repairs without the program")
    parser.add_argument("--filter", default="", metavar="TEXT",
                        help="only faults whose name contains TEXT")
    options = parser.parse_args()
    if options.truth_only:
        options.wayout = None
    elif not options.wayout or not os.access(options.wayout, os.X_OK):
        parser.error("name the program with --wayout or $WAYOUT, or give --truth-only")
    else:
        options.wayout = Path(options.wayout).resolve()
    return options


def main(title: str, programs: list[str], suites: list[Suite]) -> int:
    """Command line, skip reason, summary and exit code of one engine's file."""
    options = arguments(title)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    tally = Tally()
    reason = why_skip(*programs)
    if not reason and not suites:
        reason = "no network stack is installed for it"
    if reason and os.environ.get("WAYOUT_REQUIRE_KERNEL") != "1":
        print(f"0 passed, 0 failed, {len(suites)} skipped: {title}: {reason}")
        return SKIPPED

    started = time.monotonic()
    if reason:
        tally.fails(title, f"must not be skipped here: {reason}")
        suites = []
    try:
        for suite in suites:
            try:
                suite.run(tally, options.wayout, options.filter)
            except MachineError as error:
                tally.fails(suite.name, str(error))
    except KeyboardInterrupt:
        tally.fails(title, "interrupted")
    print(f"{tally.passed} passed, {tally.failed} failed, 0 skipped"
          f" ({time.monotonic() - started:.0f} s)")
    return 1 if tally.failed else 0
