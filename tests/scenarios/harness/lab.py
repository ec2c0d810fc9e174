"""Network namespaces built from the lines of a scenario.

    namespace c1 h o          creates the namespaces (their real names carry a prefix)
    cable c1/eth0 h/vethc1    joins two namespaces with a veth pair; both ends come up
    xdp h/vethc1 drop         attaches an XDP program that drops (or passes) everything
    h: ip addr add …          runs a line of shell in a namespace; it must succeed
    h: iptables-restore <<END a here-document goes on, verbatim, to its end mark

In a command `@c1` stands for the real name of the namespace `c1`.
"""

import contextlib
import ctypes
import os
import re
import socket
import struct
import subprocess

from . import bpf

CLONE_NEWNET = 0x40000000
RUN = "/run/netns/"

# A new namespace takes some IPv4 settings from the initial one, so everything a scenario relies on is said here.
BASE = """
ip link set lo up
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
for i in all default lo; do
  sysctl -qw net.ipv4.conf.$i.rp_filter=0 net.ipv4.conf.$i.accept_local=0 net.ipv4.conf.$i.route_localnet=0 \
    net.ipv4.conf.$i.arp_ignore=0 net.ipv4.conf.$i.arp_announce=0 net.ipv4.conf.$i.arp_filter=0 \
    net.ipv4.conf.$i.src_valid_mark=0 net.ipv4.conf.$i.log_martians=0 net.ipv4.conf.$i.send_redirects=1 \
    net.ipv4.conf.$i.proxy_arp=0
done
sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.forwarding=0 net.ipv4.conf.default.forwarding=0
if [ -e /proc/sys/net/bridge ]; then sysctl -qw net.bridge.bridge-nf-call-iptables=1; fi
"""

# Only makes an unanswered ARP fail in 0.3 s instead of 3 s.
QUICK_ARP = "for d in /proc/sys/net/ipv4/neigh/*/retrans_time_ms; do echo 100 > $d; done"

_libc = ctypes.CDLL(None, use_errno=True)


class SetupError(Exception):
    """A line of the set-up did not run: the scenario says nothing about the kernel."""


def remove_orphans():
    """Removes the namespaces `wsc<pid>-…` of processes that are gone."""
    for name in os.listdir(RUN) if os.path.isdir(RUN) else []:
        owner = re.fullmatch(r"wsc(\d+)-.*", name)
        if owner and not os.path.exists(f"/proc/{owner[1]}"):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def succeeds(command):
    """Whether a line of shell succeeds in a namespace of its own, which is gone afterwards."""
    result = subprocess.run(["unshare", "-n", "sh", "-c", command], check=False, capture_output=True)
    return result.returncode == 0


class Lab:
    """The namespaces of one scenario; a context manager that leaves nothing behind."""

    def __init__(self):
        self._prefix = f"wsc{os.getpid()}-"
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._cables = 0
        self._held = []  # file descriptors that keep something attached
        self.names = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", self.real(name)], check=False, capture_output=True)
        for fd in self._held:
            os.close(fd)
        os.close(self._home)

    def real(self, name):
        return self._prefix + name

    def logical(self, real):
        return real.removeprefix(self._prefix)

    def inode(self, name):
        return os.stat(RUN + self.real(name)).st_ino

    @contextlib.contextmanager
    def inside(self, name):
        """Moves this thread into a namespace; what is opened there stays there."""
        fd = os.open(RUN + self.real(name), os.O_RDONLY)
        try:
            if _libc.setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            os.close(fd)
            if _libc.setns(self._home, CLONE_NEWNET):
                os._exit(3)  # nothing may run in the wrong namespace

    def run(self, name, script, timeout=20):
        with self.inside(name):
            return subprocess.run(["sh", "-e"], input=self._expand(script), text=True, capture_output=True,
                                  timeout=timeout, check=False)

    def _expand(self, text):
        return re.sub(r"@([a-z]\w*)\b", lambda m: self.real(m[1]) if m[1] in self.names else m[0], text)

    def build(self, lines):
        pending, where = [], None

        def flush():
            if pending:
                result = self.run(where, "set -x\n" + "\n".join(pending))
                if result.returncode:
                    raise SetupError(f"{where}: {result.stderr.strip()[-600:]}")
            pending.clear()

        lines = iter(lines.splitlines())
        for line in lines:
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            verb, _, rest = text.partition(" ")
            if verb == "namespace":
                flush()
                self._create(rest.split())
            elif verb == "cable":
                flush()
                self._cable(*rest.split())
            elif verb == "xdp":
                flush()
                self._xdp(*rest.split())
            elif verb.endswith(":") and verb[:-1] in self.names:
                if verb[:-1] != where:
                    flush()
                    where = verb[:-1]
                pending.append(rest.strip())
                mark = re.search(r"<<'?(\w+)", rest)
                while mark:
                    body = next(lines).strip()
                    pending.append(body)
                    mark = None if body == mark[1] else mark
            else:
                raise SetupError(f"not a set-up line: {text}")
        flush()
        for name in self.names:
            self.run(name, QUICK_ARP)

    def _create(self, names):
        for name in names:
            subprocess.run(["ip", "netns", "add", self.real(name)], check=True)
            self.names.append(name)
            result = self.run(name, BASE)
            if result.returncode:
                raise SetupError(f"{name}: {result.stderr.strip()}")

    def _cable(self, first, second):
        """Every end gets an index of its own: equal indexes on both ends would delay the carrier by up to a second."""
        (ns1, dev1), (ns2, dev2) = first.split("/"), second.split("/")
        index, self._cables = 100 + 2 * self._cables, self._cables + 1
        mac = f"02:77:00:00:{index // 256:02x}:"
        command = (f"ip link add {dev1} index {index} netns {self.real(ns1)} address {mac}{index % 256:02x} type veth "
                   f"peer name {dev2} index {index + 1} netns {self.real(ns2)} address {mac}{index % 256 + 1:02x}")
        result = subprocess.run(command.split(), text=True, capture_output=True, check=False)
        if result.returncode:
            raise SetupError(f"{command}: {result.stderr.strip()}")
        for name, device in ((ns1, dev1), (ns2, dev2)):
            self.run(name, f"ip link set {device} up")

    def _xdp(self, where, verdict):
        name, device = where.split("/")
        action = {"aborted": 0, "drop": 1, "pass": 2}[verdict]
        program = bpf.load_program(bpf.PROG_TYPE_XDP, bpf.assemble([bpf.set_to(0, action), bpf.leave()]))
        with self.inside(name):
            index = socket.if_nametoindex(device)
            attributes = struct.pack("<IIIIQ", program, index, bpf.ATTACH_XDP, 0, 0)
            self._held += [program, bpf.call(bpf.LINK_CREATE, attributes)[0]]
