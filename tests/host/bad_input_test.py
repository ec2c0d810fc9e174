#!/usr/bin/env python3
"""Bad input ends in one clear line with the place, exit 2 and nothing on standard output.

    sudo tests/host/bad_input_test.py build/dev/wayout
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import story
from story import Folder, Program, run

WAYOUT: Program
BOX = ("box", "203.0.113.80:80")

# Arguments, and what the complaint has to contain.
USAGE = [
    ([], "subcommand"),
    (["who"], 'there is no command "who"'),
    (["--bogus"], "there is no option --bogus"),
    (["-V"], "there is no option -V"),
    (["why", "--bogus"], "there is no option --bogus"),
    (["snapshot", "--bogus"], "--bogus"),
    (["why"], "FROM is required"),
    (["why", "box"], "TO is required"),
    (["why", *BOX, "extra"], "extra"),
    (["why", *BOX, "--frob"], "--frob"),
    (["why", *BOX, "--proto", "sctp"], "--proto"),
    (["why", *BOX, "--proto", "a\x1b[31m\nb"], "a\\x1b[31m\\x0ab"),
    (["why", *BOX, "--sport", "0"], "--sport"),
    (["why", *BOX, "--sport", "eighty"], "--sport"),
    (["why", *BOX, "--size", "65536"], "--size"),
    (["why", *BOX, "--dport", "80"], "the port is given twice"),
    (["why", *BOX, "--proto", "icmp"], "icmp has no ports"),
    (["why", "box", "page.example"],
     '"page.example" is no address, nor address:port; names are not looked up'),
    (["why", "box", "203.0.113.80:"], '"203.0.113.80:" is no address'),
    (["why", "box", "203.0.113.80:0"], '"203.0.113.80:0" is no address'),
    (["why", "box", "203.0.113.80:65536"], '"203.0.113.80:65536" is no address'),
    (["why", "box", "203.0.113.256"], '"203.0.113.256" is no address'),
    (["why", "box", ""], '"" is no address'),
    (["why", "box", "2001:db8::1"], "IPv6 is not modelled"),
    (["why", "box", "1\x1b[31m"], '"1\\x1b[31m" is no address'),
    (["why", "nobody", "203.0.113.80"], 'no namespace, container or process "nobody"'),
    (["why", "", "203.0.113.80"], 'no namespace, container or process ""'),
    (["why", "4294967295", "203.0.113.80"], "4294967295"),
    (["why", "192.0.2.77", "203.0.113.80"], "FROM may be an address only with --snapshot"),
    (["why", "a\nb\x1b]0;x\x07", "203.0.113.80"], '"a\\x0ab\\x1b]0;x\\x07"'),
    (["why", *BOX, "--snapshot", "/no/such"], "/no/such: No such file or directory"),
    (["why", *BOX, "--snapshot", "/etc/passwd"], "/etc/passwd: is not a directory"),
    (["snapshot", "--script", "-o", "x"], "--script"),
    (["snapshot", "-o", "/proc/no/such"], "/proc/no/such"),
    (["snapshot", "-o", "/etc/passwd"], "/etc/passwd"),
]

# A file of a snapshot, what stands in it, and where and why it is refused.
CONTENTS = [
    ("manifest.json", "{", "manifest.json:1:2: "),
    ("manifest.json", "[]", "manifest.json:1:1: expected an object"),
    ("manifest.json", '{"namespaces": [{"name": "host", "folder": "../host"}]}',
     '"folder" must be a folder of the snapshot'),
    ("manifest.json", '{"namespaces": [{"name": "host", "folder": "gone"}]}',
     "gone: holds no file of a snapshot"),
    ("manifest.json", '{"format": 99, "namespaces": []}', "newer wayout"),
    ("host/ip-link.json", "", "host/ip-link.json"),
    ("host/ip-link.json", '[{"ifname": []}]', "host/ip-link.json:1:"),
    ("host/ip-addr.json", '[{"ifname": "br0", "addr_info": [{"family": "inet", "local": "x"}]}]',
     "host/ip-addr.json:1:"),
    ("host/ip-route.json", '[\n{"dst": "10.0.0.0/99"}]', "host/ip-route.json:2:"),
    ("host/ip-rule.json", '[{"priority": -1}]', "host/ip-rule.json:1:"),
    ("host/ip-neigh.json", '[{"dst": [], "dev": "br0"}]', "host/ip-neigh.json:1:"),
    ("host/bridge-fdb.json", '[{"mac": {}, "ifname": "vbox"}]', "host/bridge-fdb.json:1:"),
    ("host/sysctl.txt", "net.ipv4.ip_forward = 0\nnet.ipv4.conf.all.rp_filter = x\n",
     "host/sysctl.txt:2"),
    ("host/iptables-save.txt", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j\nCOMMIT\n",
     "host/iptables-save.txt:3"),
    ("host/iptables-save.txt", "*filter\n:FORWARD ACCEPT [0:0]\n",
     "host/iptables-save.txt:3: the end, where COMMIT of the table filter is due"),
    ("host/nft.json", '{"nftables": [', "host/nft.json:1:"),
    ("host/ipset.txt", "add nowhere 1.2.3.4\n", "host/ipset.txt:1"),
    ("host/conntrack.txt", "ipv4 2 tcp 6 100 ESTABLISHED src=x\n", "host/conntrack.txt:1"),
    ("host/ss.txt", "tcp LISTEN 0 5 0.0.0.0\n", "host/ss.txt:1"),
]


class BadInput(unittest.TestCase):
    maxDiff = None

    def refused(self, done: subprocess.CompletedProcess, what: str) -> None:
        """Exit 2, nothing on standard output, one printable line that says `what`."""
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertTrue(done.stderr.startswith("wayout: ") and done.stderr.endswith("\n"))
        self.assertTrue(done.stderr[:-1].isprintable(), repr(done.stderr))
        self.assertIn(what, done.stderr)

    def test_usage(self) -> None:
        for arguments, what in USAGE:
            with self.subTest(arguments=arguments):
                self.refused(WAYOUT.call(*arguments), what)

    def test_contents(self) -> None:
        for name, content, what in CONTENTS:
            with self.subTest(name=name, content=content), Folder() as folder:
                shutil.copytree(GOOD, folder, dirs_exist_ok=True)
                (folder / name).write_text(content)
                self.refused(WAYOUT.call("why", *BOX, "--snapshot", str(folder)), what)

    def test_what_cannot_be_read(self) -> None:
        for name in ("manifest.json", "host/ip-link.json", "host/iptables-save.txt"):
            with self.subTest(name=name), Folder() as folder:
                shutil.copytree(GOOD, folder, dirs_exist_ok=True)
                path = folder / name
                path.unlink()
                path.mkdir()
                self.refused(WAYOUT.call("why", *BOX, "--snapshot", str(folder)),
                             f"{path}: is not a regular file")
                path.rmdir()
                os.mkfifo(path)  # to read it would be to wait for ever
                self.refused(WAYOUT.call("why", *BOX, "--snapshot", str(folder)),
                             f"{path}: is not a regular file")

    def answers_or_refuses(self, folder: Path) -> None:
        done = WAYOUT.call("why", *BOX, "--snapshot", str(folder), "--json")
        if done.returncode == 2:
            self.refused(done, "")
            return
        self.assertIn(done.returncode, (0, 1, 3), done.stderr)
        self.assertEqual(done.stderr, "")
        json.loads(done.stdout)

    def test_cut_short_or_binary(self) -> None:
        """Every file of a good snapshot, cut at several places, and with bytes of no text in it."""
        for name in sorted(str(path.relative_to(GOOD)) for path in GOOD.rglob("*.*")):
            if not name.startswith(("host", "manifest")):
                continue
            whole = (GOOD / name).read_bytes()
            with Folder() as folder:
                shutil.copytree(GOOD, folder, dirs_exist_ok=True)
                for cut in sorted({0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 2}):
                    if 0 <= cut < len(whole):
                        with self.subTest(name=name, cut=cut):
                            (folder / name).write_bytes(whole[:cut])
                            self.answers_or_refuses(folder)
                half = len(whole) // 2
                for bytes_of_no_text in (b"\x00", b"\xff\xfe\x80\n", bytes(range(256)) * 20):
                    with self.subTest(name=name, inserted=bytes_of_no_text[:4]):
                        (folder / name).write_bytes(
                            whole[:half] + bytes_of_no_text + whole[half:])
                        self.answers_or_refuses(folder)

    def test_json_cut_short_is_refused(self) -> None:
        for path in (GOOD / "host").glob("*.json"):
            whole = path.read_text()
            if len(whole) < 8:
                continue
            with self.subTest(name=path.name), Folder() as folder:
                shutil.copytree(GOOD, folder, dirs_exist_ok=True)
                (folder / "host" / path.name).write_text(whole[:len(whole) // 2])
                self.refused(WAYOUT.call("why", *BOX, "--snapshot", str(folder)),
                             f"host/{path.name}:1:")

    def test_hostile_names(self) -> None:
        """Names in a snapshot do not speak to the terminal, and leave the JSON whole."""
        evil = "x\x1b[2J\n\x9b31m\u202e"
        with Folder() as folder:
            shutil.copytree(GOOD, folder, dirs_exist_ok=True)
            manifest = json.loads((folder / "manifest.json").read_text())
            for entry in manifest["namespaces"]:
                if entry["name"] == "box":
                    entry["name"], entry["aliases"] = evil, ["box"]
            (folder / "manifest.json").write_text(json.dumps(manifest))
            for namespace in ("host", "box"):
                for path in (folder / namespace).glob("*.json"):
                    text = path.read_text()
                    path.write_text(text.replace('"vbox"', json.dumps("v" + evil)))
            rules = folder / "host/iptables-save.txt"
            rules.write_text(rules.read_text() + '*filter\n:FORWARD ACCEPT [0:0]\n'
                             '-A FORWARD -m comment --comment "a\x1b[31mb\x9b" -j DROP\nCOMMIT\n')
            (folder / "host/iptables-nft-save.txt").unlink(missing_ok=True)
            asked = ("why", evil, "203.0.113.80:80", "--snapshot", str(folder))
            for options in ((), ("--explain",)):
                done = WAYOUT.call(*asked, *options)
                self.assertEqual((done.returncode, done.stderr), (1, ""))
                self.assertTrue(done.stdout.replace("\n", "").isprintable(), repr(done.stdout))
                self.assertIn("x\\x1b[2J\\x0a", done.stdout)
            answer = json.loads(WAYOUT.call(*asked, "--json").stdout)
            self.assertEqual(answer["cause"]["chain"], "FORWARD")

    def test_missing_rights(self) -> None:
        """A user without any: what cannot be read is said, not guessed."""
        with Folder() as folder:
            folder.chmod(0o755)
            program = folder / "wayout"  # the build directory may be nobody's to enter
            shutil.copy(WAYOUT.path, program)
            drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
            for arguments, what in [
                    (["why", *BOX], "root"),
                    (["why", "host", "203.0.113.80"], "root"),
                    (["snapshot", "-o", str(folder / "x")], "needs root"),
                    (["snapshot", "-o", "/root/x"], "needs root")]:
                with self.subTest(arguments=arguments):
                    done = subprocess.run([*drop, program, *arguments], capture_output=True,
                                          text=True, timeout=story.PATIENCE_S)
                    self.refused(done, what)
            unreadable = folder / "snapshot"
            shutil.copytree(GOOD, unreadable)
            (unreadable / "host/sysctl.txt").chmod(0)
            run(f"chmod -R a+rX {unreadable}; chmod 0 {unreadable}/host/sysctl.txt")
            done = subprocess.run([*drop, program, "why", *BOX, "--snapshot", unreadable],
                                  capture_output=True, text=True, timeout=story.PATIENCE_S)
            self.refused(done, f"{unreadable}/host/sysctl.txt: Permission denied")


if __name__ == "__main__":
    story.enter()
    WAYOUT = Program(sys.argv.pop(1))
    with Folder() as directory:
        GOOD = directory / "good"
        run(f"iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT;"
            f"ipset create some hash:ip; ipset add some 192.0.2.1; {WAYOUT.path} snapshot -o {GOOD}")
        unittest.main()
