#!/usr/bin/env python3
"""Lists the tests that did not run, each with the reason it gave: list_skipped.py CTEST_XML

Reads what `ctest --output-junit` writes.
"""

import sys
import xml.etree.ElementTree as ElementTree


def reason(output):
    """What GTEST_SKIP() was given, or else the last line that the test printed."""
    lines = [line for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith("[  SKIPPED ]") and number > 0:
            before = lines[:number]
            first = max((n for n, l in enumerate(before) if l.endswith(": Skipped")), default=-1)
            return " ".join(before[first + 1:])
    return lines[-1] if lines else "no reason given"


def main():
    skipped = []
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        if case.get("status") == "notrun":
            skipped.append(f"  {case.get('name')}: {reason(case.findtext('system-out') or '')}")
        elif case.get("status") == "disabled":
            skipped.append(f"  {case.get('name')}: disabled")
    if skipped:
        print(f"\nSkipped, {len(skipped)}:", *skipped, sep="\n")
    else:
        print("\nNo test was skipped.")


if __name__ == "__main__":
    main()
