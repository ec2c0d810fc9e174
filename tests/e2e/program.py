"""The program under test: asked on the machine, as a user would, and its answer taken apart."""

from __future__ import annotations

import json
from pathlib import Path

from faults import Command, Expected
from machine import SCRATCH, Machine

EXIT_CODE = {"delivered": 0, "dropped": 1, "undecided": 3}
BAD_INPUT = 2
CAUSE = ("kind", "key", "value", "table", "chain", "number")


class Wrong(Exception):
    """A check did not hold; the text says which."""


class Program:
    """wayout in one machine."""

    def __init__(self, machine: Machine, wayout: Path) -> None:
        self._machine = machine
        self._wayout = str(wayout)

    def ask(self, source: str, destination: str, *options: str) -> dict:
        """`why --json` on the host; its exit code must agree with its verdict."""
        done = self._machine.try_run(
            [self._wayout, "why", source, destination, "--json", *options])
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise Wrong(f"no JSON; exit {done.returncode}: {done.stderr.strip()}") from None
        if EXIT_CODE.get(answer.get("verdict")) != done.returncode:
            raise Wrong(f"exit {done.returncode} for verdict {answer.get('verdict')}")
        return answer

    def ask_snapshot(self, source: str, destination: str) -> dict:
        """The same question to a snapshot of this moment."""
        folder = str(SCRATCH / "snapshot")
        self._machine.run(["rm", "-rf", folder])
        self._machine.run([self._wayout, "snapshot", "-o", folder])
        return self.ask(source, destination, "--snapshot", folder)

    def ask_in_vain(self, source: str) -> None:
        """A FROM that cannot be asked about: one line on stderr, nothing on stdout, exit 2."""
        done = self._machine.try_run([self._wayout, "why", source, "192.0.2.1", "--json"])
        if done.returncode != BAD_INPUT or done.stdout or len(done.stderr.splitlines()) != 1:
            raise Wrong(f"exit {done.returncode}, stdout {done.stdout!r}, stderr {done.stderr!r}")


def compare(expected: Expected, answer: dict, facts: dict[str, str]) -> None:
    """Raises Wrong where the answer is not the expected one."""
    cause = answer.get("cause") or {}
    if answer["verdict"] != expected.verdict:
        raise Wrong(f"expected {expected.verdict}, got {brief(answer)}")
    if expected.direction and answer.get("direction") != expected.direction:
        raise Wrong(f"expected direction {expected.direction}, got {brief(answer)}")
    if expected.kinds and cause.get("kind") not in expected.kinds:
        raise Wrong(f"expected cause {' or '.join(expected.kinds)}, got {brief(answer)}")
    for member, value in expected.cause.items():
        if str(cause.get(member)) != str(value).format(**facts):
            raise Wrong(f"expected cause.{member} {value}, got {brief(answer)}")


def essence(answer: dict) -> tuple:
    """What two answers to the same question must share. Not where it ended: a namespace outside
    that is read live is a name on the way, and simply `outside` in a snapshot."""
    cause = answer.get("cause") or {}
    return (answer.get("verdict"), answer.get("direction"),
            *(str(cause.get(member)) for member in CAUSE))


def brief(answer: dict) -> str:
    """An answer on one line, for a report."""
    cause = {member: value for member, value in (answer.get("cause") or {}).items()
             if member in CAUSE and value is not None}
    end = answer.get("end") or {}
    return (f"{answer.get('verdict')} {answer.get('direction') or ''} "
            f"in {end.get('namespace')} at {end.get('stage')}, cause {cause}")


def first_fix(answer: dict) -> list[Command]:
    """What the answer would do first; empty when it knows nothing."""
    fixes = answer.get("fixes") or []
    if not fixes:
        return []
    if not fixes[0].get("verified"):
        raise Wrong(f"the first fix was not tried: {fixes[0]}")
    return [(one["namespace"], one["command"]) for one in fixes[0]["commands"]]
