#!/usr/bin/env python3
"""Reads a collection of real rulesets and compares what is printed with the installed iptables.

    WAYOUT_CORPUS=DIR check_corpus.py REPRINT_RULES [NAME...]

Without WAYOUT_CORPUS it is shared/corpus beside the repository, if that is there.
DIR holds rulesets/INDEX.tsv (columns id, kind, family) and the rulesets that it lists. For each:

- reprint_rules ends with 0 or 1, never otherwise;
- what `iptables-restore` takes (legacy and nft, in a namespace of our own, with the sets that it
  names) prints exactly as `iptables-save` then does, and so do the listings `iptables -S` and
  `-v -S` of it;
- of `iptables -nvL` every rule that is not kept in the listing's own words does.

Legacy prints its tables in the reverse order of their first mention, so they are compared one by
one. Exit: 0 all as told; 1 not; 77 no WAYOUT_CORPUS, or no namespace can be made.
"""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "rules"))
import real_iptables as real  # noqa: E402

BESIDE = str(Path(__file__).resolve().parents[3] / "shared" / "corpus")  # of the repository
MISSING_SET = re.compile(rb"Set (\S+) doesn't exist")
MOST_SETS = 64
LARGEST_LISTED_BYTES = 200_000


class Checker:
    def __init__(self, program):
        self.program = program
        self.checked = 0
        self.seen = 0
        self.taken = dict.fromkeys(real.BACKENDS, 0)
        self.wrong = []

    def reprint(self, text, family, backend="nft"):
        words = [self.program] + ["--ipv6"] * (family == 6) + ["--legacy"] * (backend == "legacy")
        done = subprocess.run(words, input=text, capture_output=True, timeout=real.TIMEOUT_S,
                              check=False)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def expect(self, what, got, wanted):
        self.checked += 1
        if got != wanted:
            self.wrong.append(what)
            print(f"{what}: printed otherwise")

    def restore(self, namespace, family, backend, text):
        """Restore, making the sets it asks for; true when iptables takes it."""
        for _ in range(MOST_SETS):
            code, out, error = namespace.run(real.command(family, backend, "restore"), text=text)
            missing = MISSING_SET.search(out + error)
            if code == 0 or not missing:
                return code == 0
            namespace.run("ipset", "create", missing.group(1).decode(), "hash:ip", "family",
                          "inet6" if family == 6 else "inet")
        return False

    def check_save(self, name, text, family):
        code, _, error = self.reprint(text, family)
        if code not in (0, 1):
            self.wrong.append(name)
            print(f"{name}: ended with {code}: {error}")
        for backend in real.BACKENDS:
            with real.Namespace() as namespace:
                if not self.restore(namespace, family, backend, text):
                    continue
                self.taken[backend] += 1
                _, saved, _ = namespace.run(real.command(family, backend, "save"))
                saved = real.without_comments(saved)
                _, printed, _ = self.reprint(text, family, backend)
                self.expect(f"{name} ({backend})", sections(printed, backend),
                            sections(saved, backend))
                if len(saved) <= LARGEST_LISTED_BYTES:
                    self.check_listings(name, namespace, family, backend, saved)

    def check_listings(self, name, namespace, family, backend, saved):
        tables = real.tables_of(saved)
        for options in (("-S",), ("-v", "-S")):
            shown = real.listing(namespace, family, backend, tables, *options)
            _, printed, _ = self.reprint(shown, family, backend)
            self.expect(f"{name} ({backend} {' '.join(options)})", printed, saved)
        shown = real.listing(namespace, family, backend, tables, "-nvL")
        _, printed, _ = self.reprint(shown, family, backend)
        self.expect(f"{name} ({backend} -nvL)", told_rules(printed, saved), told_rules(saved, saved))


def sections(save, backend):
    if backend == "nft":
        return save
    return sorted(save.split(b"COMMIT\n"))


def told_rules(printed, saved):
    """The lines of `printed` at whose place `saved` has nothing that a listing words differently."""
    lines = zip(printed.decode(errors="replace").split("\n"),
                saved.decode(errors="replace").split("\n"))
    return [line for line, wanted in lines if not worded_differently(wanted)]


# What is kept in words only, and two matches that a listing shows as one.
KEPT_NAMES = ("ah", "connlimit", "hashlimit", "hl", "length", "pkttype", "policy", "rpfilter", "rt",
              "sctp", "statistic", "string", "tcpmss", "time")
KEPT_TARGETS = ("CHECKSUM", "NFLOG", "SYNPROXY", "TPROXY", "TTL")


def worded_differently(rule):
    return (any(f" -m {name} " in rule + " " for name in KEPT_NAMES) or
            any(f" -j {name} " in rule + " " for name in KEPT_TARGETS) or
            rule.count(" -m conntrack ") > 1)


def main():
    corpus = os.environ.get("WAYOUT_CORPUS") or BESIDE
    if not (Path(corpus) / "rulesets" / "INDEX.tsv").is_file():
        print(f"no collection of rulesets in {corpus} (WAYOUT_CORPUS may name another)")
        return 77
    if not real.can_make_namespaces():
        print("no network namespace can be made here")
        return 77
    program, names = sys.argv[1], set(sys.argv[2:])
    rulesets = Path(corpus) / "rulesets"
    checker = Checker(program)
    with open(rulesets / "INDEX.tsv", encoding="utf-8") as index:
        for row in csv.DictReader(index, delimiter="\t"):
            if names and row["id"] not in names:
                continue
            checker.seen += 1
            text = (rulesets / row["id"]).read_bytes()
            family = 6 if row["family"] == "v6" else 4
            if row["kind"] == "save":
                checker.check_save(row["id"], text, family)
            else:
                code, _, error = checker.reprint(text, family)
                must_read = row["kind"] in ("S", "L")
                if code != 0 and (must_read or code != 1):
                    checker.wrong.append(row["id"])
                    print(f"{row['id']}: ended with {code}: {error}")
    taken = ", ".join(f"{count} that iptables-{name} takes" for name, count in checker.taken.items())
    print(f"{checker.seen} texts, {taken}: {checker.checked} comparisons, {len(checker.wrong)} wrong")
    return 1 if checker.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
