#!/usr/bin/env python3
"""Asks `wayout why --snapshot` what the kernel was asked when the case files were recorded.

    tests/cases/cases_test.py --wayout build/dev/wayout [--filter TEXT] [-v]

A case is one text file, README.md says how to read it. Needs no rights: a case is unpacked into a
snapshot directory, and the answer compared with what the kernel did.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
EXIT = {"delivered": 0, "dropped": 1, "undecided": 3}


class Case:
    """question, kernel and why as dictionaries; files: path below the snapshot -> text."""

    def __init__(self, path):
        self.name = path.stem
        parts = re.split(r"^-- (\S+) --\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        sections = dict(zip(parts[1::2], parts[2::2]))
        pairs = {name: dict(line.split(" ", 1) for line in sections.pop(name).splitlines() if line)
                 for name in ("question", "kernel", "why")}
        self.question, self.kernel, self.why = pairs.values()
        self.files = {name: text.removesuffix("\n") for name, text in sections.items()}

    def unpack(self, directory):
        namespaces = list(dict.fromkeys(name.split("/")[0] for name in self.files))
        for name in namespaces:
            (directory / name).mkdir()
        for name, text in self.files.items():
            (directory / name).write_text(text, encoding="utf-8")
        manifest = {"format": 1, "namespaces": [{"name": name, "folder": name} for name in namespaces]}
        (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def arguments(self):
        q = self.question
        options = [part for key in ("proto", "sport", "size") if key in q for part in (f"--{key}", q[key])]
        return options + (["--df"] if "df" in q else []) + [q["from"], q["to"]]


def ask(wayout, case):
    with tempfile.TemporaryDirectory(prefix="wayout-case-") as directory:
        case.unpack(pathlib.Path(directory))
        return subprocess.run([wayout, "why", "--json", "--snapshot", directory, *case.arguments()],
                              text=True, capture_output=True, timeout=60, check=False)


def differences(case, result):
    try:
        answer = json.loads(result.stdout)
    except ValueError:
        return [f"no JSON, exit {result.returncode}: {result.stderr.strip()}"]
    verdict, wanted = answer["verdict"], case.why.get("verdict", case.kernel["verdict"])
    if verdict != wanted:
        return [f"{verdict} instead of {wanted}: {json.dumps(answer.get('end'))} {json.dumps(answer.get('cause'))} "
                f"unknown {json.dumps(answer.get('unknown'))}"]
    wrong = [] if result.returncode == EXIT[verdict] else [f"exit {result.returncode} for {verdict}"]
    if verdict == "undecided":
        unknown = json.dumps(answer.get("unknown")).lower()
        named = any(name.lower() in unknown for name in case.why["names"].split("|"))
        return wrong + ([] if named else [f"does not name {case.why['names']}: {unknown}"])
    if verdict == "dropped":
        wrong += end_differences(case, answer) + cause_differences(case, answer)
    source = (answer.get("translated") or {}).get("src") or (answer.get("asked") or {}).get("src")
    if "source" in case.kernel and source != case.kernel["source"]:
        wrong.append(f"the destination saw {case.kernel['source']}, the answer says {source}")
    return wrong


def end_differences(case, answer):
    end, wrong = answer.get("end") or {}, []
    if answer.get("direction") != case.kernel["direction"]:
        wrong.append(f"direction {answer.get('direction')} instead of {case.kernel['direction']}")
    place, *how = case.kernel["end"].split()  # without how: nothing was freed that could be seen
    told = [end.get("namespace"), *([end.get("stage"), end.get("reason")] if how else [])]
    if told != [place, *how] and told[0] != "outside":
        wrong.append(f"ends at {' '.join(map(str, told))} instead of {case.kernel['end']}")
    return wrong


def cause_differences(case, answer):
    cause = answer.get("cause") or {}

    def fits(key, value):
        has = str(cause.get(key))
        return value in has if key == "text" else has in value.split("|")

    return [f"cause.{key} is {cause.get(key)!r} instead of {value}"
            for key, value in case.why.items() if not fits(key, value)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wayout", default=os.environ.get("WAYOUT"), help="the program (default: $WAYOUT)")
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("-v", action="store_true", help="name those that pass, too")
    options = parser.parse_args()
    if not options.wayout:
        parser.error("say where the program is (--wayout PATH or $WAYOUT)")

    passed = failed = 0
    for path in sorted(HERE.glob("*.case")):
        if options.filter not in path.stem:
            continue
        case = Case(path)
        wrong = differences(case, ask(options.wayout, case))
        passed, failed = passed + (not wrong), failed + bool(wrong)
        if wrong or options.v:
            print(f"{'FAIL' if wrong else 'ok  '}  {case.name}")
        for line in wrong:
            print(f"        {line}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
