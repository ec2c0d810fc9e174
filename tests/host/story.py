"""The machine of the story, in namespaces of its own.

    box                     host                                            outside
    eth0 10.66.0.2 ---- vbox (br0 10.66.0.1), up0 198.51.100.2 ---- eth0 198.51.100.1, lo 203.0.113.80

The test itself is started again in a network and a mount namespace that are made for it: it is the
`host`, its names of namespaces are seen by nobody else, and everything ends with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77  # what ctest is told to take for a skip
INSIDE = "WAYOUT_STORY"  # set in the environment of the process inside
PATIENCE_S = 60  # for one command, on a busy machine

BUILD = """
    mount --make-rprivate /
    mkdir -p /run/netns
    mount -t tmpfs tmpfs /run/netns
    ip netns add box
    ip netns add outside
    ip link set lo up
    ip link add br0 type bridge
    ip addr add 10.66.0.1/24 dev br0
    ip link set br0 up
    ip link add vbox type veth peer name eth0 netns box
    ip link set vbox master br0 up
    ip link add up0 type veth peer name eth0 netns outside
    ip addr add 198.51.100.2/24 dev up0
    ip link set up0 up
    ip -n box link set lo up
    ip -n box addr add 10.66.0.2/24 dev eth0
    ip -n box link set eth0 up
    ip -n box route add default via 10.66.0.1
    ip -n outside link set lo up
    ip -n outside addr add 198.51.100.1/24 dev eth0
    ip -n outside addr add 203.0.113.80/32 dev lo
    ip -n outside link set eth0 up
    ip route add default via 198.51.100.1
    sysctl -qw net.ipv4.ip_forward=1
    iptables -t nat -A POSTROUTING -s 10.66.0.0/24 -o up0 -j MASQUERADE
"""


def run(line: str) -> str:
    """What a shell line prints on standard output; an exception when it fails."""
    done = subprocess.run(["sh", "-ec", line], capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode != 0:
        raise RuntimeError(f"{line.strip()}: {done.stderr.strip()}")
    return done.stdout


def why_skip() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    tools = ("unshare", "ip", "bridge", "sysctl", "iptables", "conntrack")
    missing = [tool for tool in tools if not shutil.which(tool)]
    return f"not installed: {', '.join(missing)}" if missing else None


def enter() -> None:
    """Be inside a new machine, or end this process: as a skip, or as what the one inside ends as."""
    if INSIDE in os.environ:
        run(BUILD)
        return
    if reason := why_skip():
        print(f"skipped: {reason}")
        sys.exit(1 if os.environ.get("WAYOUT_REQUIRE_KERNEL") == "1" else SKIPPED)
    command = ["unshare", "--net", "--mount", sys.executable, "-B", *sys.argv]
    sys.exit(subprocess.run(command, env=os.environ | {INSIDE: "1"}).returncode)


class Program:
    """wayout, asked as a user would."""

    def __init__(self, path: str) -> None:
        self.path = str(Path(path).resolve())

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.path, *arguments], capture_output=True, text=True,
                              errors="surrogateescape", timeout=PATIENCE_S)

    def why(self, *arguments: str) -> dict:
        done = self.call("why", *arguments, "--json")
        assert done.returncode in (0, 1, 3) and not done.stderr, (done.returncode, done.stderr)
        return json.loads(done.stdout)


class Folder:
    """A directory for the time of a `with`; in it everything is made by the test."""

    def __enter__(self) -> Path:
        self._directory = tempfile.TemporaryDirectory(prefix="wayout-test-")
        return Path(self._directory.name)

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()
