#!/usr/bin/env python3
"""A snapshot of a machine is the machine: `why` says the same of it.

Taken by the program, taken by the script that it prints, and pasted together from the plain output
of the tools. The answers are compared whole; a pasted one may be of less, and then says so.

    sudo tests/host/snapshot_test.py build/dev/wayout
"""

from __future__ import annotations

import json
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

import story
from story import Folder, Program, run

WAYOUT: Program
SERVER = "203.0.113.80:80"

# What is broken, one after the other, each undone by the line behind it.
FAULTS = {
    "nothing": (":", ":"),
    "forwarding is off": ("sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"),
    "forwarding is off at the uplink": ("sysctl -qw net.ipv4.conf.up0.forwarding=0",
                                        "sysctl -qw net.ipv4.conf.up0.forwarding=1"),
    "a rule drops": ("iptables -I FORWARD -d 203.0.113.80 -m comment --comment 'no \"pages\"' -j DROP",
                     "iptables -F FORWARD"),
    "the policy drops": ("iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT"),
    "a set is blocked": (
        "ipset create bad hash:ip; ipset add bad 203.0.113.80;"
        "iptables -I FORWARD -m set --match-set bad dst -j REJECT",
        "iptables -F FORWARD; ipset destroy bad"),
    "nothing is translated": (
        "iptables -t nat -F POSTROUTING",
        "iptables -t nat -A POSTROUTING -s 10.66.0.0/24 -o up0 -j MASQUERADE"),
    "no default route in the box": ("ip -n box route del default",
                                    "ip -n box route add default via 10.66.0.1"),
    "a routing rule forbids": ("ip rule add pref 100 from 10.66.0.2 prohibit",
                               "ip rule del pref 100"),
    "the gateway does not answer": (
        "ip neigh replace 198.51.100.1 dev up0 nud failed",
        "ip neigh del 198.51.100.1 dev up0; ping -c1 -W1 198.51.100.1"),
    "the port is isolated": ("ip link set vbox type bridge_slave state 1",
                             "ip link set vbox type bridge_slave state 3"),
    "an older connection is in the way": (
        "conntrack -I -p tcp -s 10.66.0.2 -d 203.0.113.80 --sport 49321 --dport 80 --state SYN_SENT"
        " -r 203.0.113.80 -q 10.66.0.2 --reply-port-src 80 --reply-port-dst 49321 -t 100",
        "conntrack -F"),
}

# File of a folder: the command whose plain output it holds.
PASTED = {
    "ip-link.txt": "ip -details link",
    "ip-addr.txt": "ip addr",
    "ip-route.txt": "ip route show table all",
    "ip-rule.txt": "ip rule",
    "ip-neigh.txt": "ip neigh",
    "bridge-fdb.txt": "bridge fdb",
    "bridge-vlan.txt": "bridge vlan",
    "sysctl.txt": "sysctl -a 2>/dev/null",
    "ipset.txt": "ipset save",
    "conntrack.txt": "conntrack -L 2>/dev/null",
    "ss.txt": "ss -Hlntu",
}
RULES = {
    "iptables-save.txt": "iptables-save",
    "iptables-S.txt": "iptables -S; iptables -t nat -S",
    "iptables-nvL.txt": "iptables -nvL; iptables -t nat -nvL",
}


def paste(folder: Path, rules: str) -> None:
    """Every namespace of the story from plain outputs."""
    names = ("host", "box", "outside")
    for name in names:
        (folder / name).mkdir(parents=True)
        for file, command in (PASTED | {rules: RULES[rules]}).items():
            line = command if name == "host" else f"ip netns exec {name} sh -c '{command}'"
            (folder / name / file).write_text(run(line))
    manifest = {"format": 1, "namespaces": [{"name": name} for name in names]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def essence(answer: dict) -> dict:
    """What was concluded: not what was assumed for want of files, nor steps through the tables that
    listing them has made."""
    return {member: answer[member] for member in answer if member not in ("assumed", "steps")}


class Snapshot(unittest.TestCase):
    maxDiff = None

    def for_each_fault(self, check: Callable[[Path, dict], None]) -> None:
        """check(an empty folder, the answer of the live machine)"""
        for name, (breaks, mends) in FAULTS.items():
            with self.subTest(fault=name), Folder() as folder:
                run(breaks)
                try:
                    check(folder, WAYOUT.why("box", SERVER))
                finally:
                    run(mends)

    def same(self, live: dict, directory: Path) -> None:
        self.assertEqual(WAYOUT.why("box", SERVER, "--snapshot", str(directory)), live)

    def test_taken_by_the_program(self) -> None:
        def check(folder: Path, live: dict) -> None:
            done = WAYOUT.call("snapshot", "-o", str(folder / "taken"))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.same(live, folder / "taken")
        self.for_each_fault(check)

    def test_taken_by_the_script(self) -> None:
        def check(folder: Path, live: dict) -> None:
            done = WAYOUT.call("snapshot", "--script")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            script = folder / "collect.sh"
            script.write_text(done.stdout)
            self.assertEqual(run(f"cd {folder}; dash {script} taken 2>&1"), "taken\n")
            self.same(live, folder / "taken")
        self.for_each_fault(check)

    def test_pasted(self) -> None:
        def check(folder: Path, live: dict) -> None:
            for rules in RULES:
                paste(folder / rules, rules)
                pasted = WAYOUT.why("box", SERVER, "--snapshot", str(folder / rules))
                self.assertEqual(essence(pasted), essence(live), rules)
                self.assertIn("box: no nft chains but those of iptables: there is no nft.json",
                              pasted["assumed"])
        self.for_each_fault(check)

    def test_what_was_not_collected_is_the_outside(self) -> None:
        """The host and the container alone: the uplink leads out of what is known."""
        with Folder() as folder:
            WAYOUT.call("snapshot", "-o", str(folder / "taken"))
            manifest = folder / "taken/manifest.json"
            content = json.loads(manifest.read_text())
            content["namespaces"] = [entry for entry in content["namespaces"]
                                     if entry["name"] in ("host", "box")]
            manifest.write_text(json.dumps(content))
            answer = WAYOUT.why("box", SERVER, "--snapshot", str(folder / "taken"))
            self.assertEqual(answer["verdict"], "delivered")
            self.assertEqual(answer["translated"]["src"], "198.51.100.2")

    def test_it_holds_nothing_for_others(self) -> None:
        """Connections and addresses are not everybody's business, however they were collected."""
        with Folder() as folder:
            WAYOUT.call("snapshot", "-o", str(folder / "program"))
            (folder / "collect.sh").write_text(WAYOUT.call("snapshot", "--script").stdout)
            run(f"sh {folder}/collect.sh {folder}/script")
            for name in ("program", "script"):
                self.assertEqual((folder / name).stat().st_mode & 0o077, 0, name)

    def test_nothing_is_overwritten(self) -> None:
        with Folder() as folder:
            (folder / "mine").write_text("mine")
            (folder.parent / "collect.sh").write_text(WAYOUT.call("snapshot", "--script").stdout)
            done = WAYOUT.call("snapshot", "-o", str(folder))
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertEqual(done.stderr, f"wayout: {folder}: is not empty\n")
            self.assertEqual([path.name for path in folder.iterdir()], ["mine"])


if __name__ == "__main__":
    story.enter()
    WAYOUT = Program(sys.argv.pop(1))
    unittest.main()
