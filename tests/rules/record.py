#!/usr/bin/env python3
"""Records what iptables makes of the rulesets beside this script, or checks that it still does.

    record.py [--check]

For each NAME.rules (IPv4) and NAME.rules6 (IPv6):

    NAME.saved    iptables-nft-save -c after iptables-nft-restore -c, without comments
    NAME.listed   iptables-nft -nvL -x --line-numbers of every table

iptables-legacy must print the same tables. Needs root and iptables 1.8.9. Exit: 0 recorded, or as
recorded; 1 not; 77 no namespace can be made.
"""

import sys
from pathlib import Path

import real_iptables as real

HERE = Path(__file__).parent


def sorted_tables(save):
    return sorted(save.split(b"COMMIT\n"))


def ask(rules, family):
    """(saved, listed) of iptables-nft; the tables of legacy must be the same."""
    answers = {}
    for backend in real.BACKENDS:
        with real.Namespace() as namespace:
            code, _, error = namespace.run(real.command(family, backend, "restore"), "-c",
                                           text=rules)
            if code != 0:
                raise SystemExit(f"{backend} refuses: {error.decode()}")
            _, saved, _ = namespace.run(real.command(family, backend, "save"), "-c")
            saved = real.without_comments(saved)
            listed = real.listing(namespace, family, backend, real.tables_of(saved), "-nvL", "-x",
                                  "--line-numbers")
            answers[backend] = saved, listed
    if sorted_tables(answers["legacy"][0]) != sorted_tables(answers["nft"][0]):
        raise SystemExit("legacy and nft print different rules")
    return answers["nft"]


def main():
    if not real.can_make_namespaces():
        print("no network namespace can be made here")
        return 77
    check = "--check" in sys.argv[1:]
    wrong = 0
    for source in sorted(HERE.glob("*.rules*")):
        family = 6 if source.suffix == ".rules6" else 4
        for suffix, answer in zip((".saved", ".listed"), ask(source.read_bytes(), family)):
            recorded = source.with_suffix(suffix)
            if not check:
                recorded.write_bytes(answer)
            elif recorded.read_bytes() != answer:
                print(f"{recorded.name}: iptables prints something else now")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
