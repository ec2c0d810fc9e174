"""What lies beyond the machine's uplinks: a namespace of its own with a web server.

    machine (host)                                   we2e-outside
    eth0 198.51.100.2/24 --------------------------- eth0 198.51.100.1/24     lo 203.0.113.80
    eth1 192.0.2.2/24    --------------------------- eth1 192.0.2.1/24        HTTP on port 80
    default via 198.51.100.1

It knows no route to any container, as a provider's network does not: what leaves the machine
untranslated is answered nowhere. The page names the client's address as the server sees it.
"""

from __future__ import annotations

import http.server
import re
import socketserver
import sys
import time

from machine import SCRATCH, Machine, MachineError

NAME = "we2e-outside"
NETNS = f"/run/netns/{NAME}"
SERVER = "203.0.113.80"
UPLINK = "198.51.100.2"
GATEWAY = "198.51.100.1"
PAGE = "seen from"
STARTUP_S = 10


def attach(machine: Machine) -> None:
    """Build the outside, plug the machine's two uplinks into it and wait for its server."""
    machine.run(f"""set -e
        ip netns add {NAME}
        ip link add eth0 type veth peer name eth0 netns {NAME}
        ip link add eth1 type veth peer name eth1 netns {NAME}
        ip addr add {UPLINK}/24 dev eth0
        ip addr add 192.0.2.2/24 dev eth1
        ip link set eth0 up
        ip link set eth1 up
        ip route add default via {GATEWAY}""")
    machine.run(f"""set -e
        sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=0
        ip link set lo up
        ip addr add {SERVER}/32 dev lo
        ip addr add {GATEWAY}/24 dev eth0
        ip addr add 192.0.2.1/24 dev eth1
        ip link set eth0 up
        ip link set eth1 up""", NETNS)
    machine.start([sys.executable, "-B", __file__], f"{SCRATCH}/outside.log", NETNS)
    deadline = time.monotonic() + STARTUP_S
    while seen_from(fetch(machine, None, f"{SERVER}:80", 1)) != UPLINK:
        if time.monotonic() > deadline:
            raise MachineError("the web server outside does not answer the machine itself")
        time.sleep(0.1)


def fetch(machine: Machine, netns: str | None, destination: str, timeout_s: int) -> str | None:
    """The page at ADDRESS:PORT as a process in that namespace gets it, or None."""
    done = machine.try_run(["curl", "--silent", "--fail", "--max-time", str(timeout_s),
                            f"http://{destination}/"], netns)
    return done.stdout if done.returncode == 0 else None


def seen_from(page: str | None) -> str | None:
    """The client's address that the outside's page names; None for any other page."""
    found = re.match(rf"{PAGE} (\S+)", page or "")
    return found.group(1) if found else None


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{PAGE} {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    # Not http.server's own server: that one asks a name server for its name first.
    socketserver.ThreadingTCPServer(("", 80), _Page).serve_forever()
