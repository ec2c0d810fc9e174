"""Asks the kernel: sends a real packet, answers it with a real socket, and tells what became of it."""

import contextlib
import errno
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field

ETH_P_ALL, PACKET_OUTGOING, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE, IP_RECVERR = 3, 4, 10, 0, 3, 11
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "icmp": socket.IPPROTO_ICMP}
TIMEOUT_S = 1.3  # one retransmission of a SYN comes at 1.0 s


@dataclass(frozen=True)
class Question:
    """One packet and its answer: who sends, to which address, and which namespace should answer."""

    sender: str
    to: str
    server: str
    proto: str = "tcp"
    dport: int = 0
    server_port: int = 0
    sport: int = 0
    size: int = 0  # bytes of the IP packet, 0: as small as it is by itself
    df: bool = False
    bind: str = ""  # the address that the listener is bound to, "" for all
    deaf: bool = False  # nobody listens


@dataclass
class Observation:
    works: bool = False
    error: str = ""  # name of the errno the sender got, or "timeout"
    source: str = ""  # the source address with which the request arrived
    sport: int = 0
    arrived: bool = False  # the request came into the server's namespace
    delivered: bool = False  # and its stack took it
    refused: bool = False  # by the stack, since nobody listens
    drops: list = field(default_factory=list)

    @property
    def direction(self):
        """The way on which it ended. A refusal by the server's stack is still the way out: nobody took the request."""
        return "" if self.works else "back" if self.delivered and not self.refused else "out"


class _Sniffer:
    """Sees the IPv4 packets that enter one namespace; finds the request among them."""

    def __init__(self, lab, question):
        self._question = question
        with lab.inside(question.server):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setblocking(False)

    def request(self):
        """(source, source port) of the first request that came in, or None."""
        while True:
            try:
                packet, address = self.socket.recvfrom(4096)
            except BlockingIOError:
                return None
            if address[1] != 0x0800 or address[2] == PACKET_OUTGOING:
                continue
            found = self._match(packet)
            if found:
                return found

    def _match(self, p):
        at = (p[0] & 15) * 4
        if len(p) < at + 8 or p[9] != PROTOCOLS[self._question.proto]:
            return None
        source = socket.inet_ntoa(p[12:16])
        if self._question.proto == "icmp":
            return (source, struct.unpack_from("!H", p, at + 4)[0]) if p[at] == 8 else None
        sport, dport = struct.unpack_from("!HH", p, at)
        return (source, sport) if dport in (self._question.server_port, self._question.dport) else None


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class _Client:
    def __init__(self, lab, question):
        q = self._question = question
        kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_RAW}[q.proto]
        with lab.inside(q.sender):
            self.socket = socket.socket(socket.AF_INET, kind, PROTOCOLS[q.proto] if q.proto == "icmp" else 0)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # An ICMP error ends the attempt at once, instead of being noted for later.
        self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        if q.proto != "tcp":
            self.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE if q.df else IP_PMTUDISC_DONT)
        if q.sport and q.proto != "icmp":
            self.socket.bind(("", q.sport))
        self.id = q.sport or os.getpid() & 0x7FFF

    def send(self):
        q = self._question
        try:
            self.socket.connect((q.to, q.dport if q.proto != "icmp" else 0))
        except BlockingIOError:
            pass
        if q.proto == "udp":
            self.socket.send(b"?" * max(1, q.size - 28))
        if q.proto == "icmp":
            head, payload = struct.pack("!BBHHH", 8, 0, 0, self.id, 1), b"?" * (max(36, q.size - 28) // 2 * 2)
            self.socket.send(head[:2] + struct.pack("!H", _checksum(head + payload)) + head[4:] + payload)

    def port(self):
        return self.id if self._question.proto == "icmp" else self.socket.getsockname()[1]

    def answered(self):
        """True: the answer is here. False: not yet. Raises OSError when the kernel says no."""
        if self._question.proto == "tcp":
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            return bool(select.select([], [self.socket], [], 0)[1])
        try:
            data = self.socket.recv(4096)
        except BlockingIOError:
            return False
        if self._question.proto == "udp":
            return True
        at = (data[0] & 15) * 4
        return data[at] == 0 and struct.unpack_from("!H", data, at + 4)[0] == self.id


class Listener:
    """Answers where the scenario says that the answer comes from; it listens until it is closed.

    ICMP is answered by the kernel itself, and a deaf question has no listener.
    """

    def __init__(self, lab, question):
        self._proto, self.socket = question.proto, None
        if question.proto == "icmp" or question.deaf:
            return
        with lab.inside(question.server):
            kind = socket.SOCK_STREAM if question.proto == "tcp" else socket.SOCK_DGRAM
            self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((question.bind, question.server_port))
        self.socket.setblocking(False)
        if question.proto == "tcp":
            self.socket.listen(8)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.socket:
            self.socket.close()

    def serve(self):
        if not self.socket:
            return
        with contextlib.suppress(OSError):
            if self._proto == "tcp":
                self.socket.accept()[0].close()
            else:
                data, peer = self.socket.recvfrom(4096)
                self.socket.sendto(data[:16], peer)


def _in_delivers(lab, name):
    """Packets that this namespace's IP layer handed to a protocol (IpInDelivers)."""
    with lab.inside(name), open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        keys, values = [line.split() for line in file if line.startswith("Ip:")]
    return int(values[keys.index("InDelivers")])


def ask(lab, question, listener, watch=None, linger_s=0.0):
    """Sends the question once and looks until it is answered or TIMEOUT_S is over, plus `linger_s`."""
    seen = Observation()
    with contextlib.ExitStack() as stack:
        sniffer, client = _Sniffer(lab, question), _Client(lab, question)
        for part in (sniffer, client):
            stack.callback(part.socket.close)
        delivered_before = _in_delivers(lab, question.server)
        if watch:
            watch.watch({lab.inode(name) for name in lab.names})
        _exchange(question, client, listener, seen)
        if linger_s and not seen.works:
            time.sleep(linger_s)
        request = sniffer.request()
        if request:
            seen.arrived, (seen.source, seen.sport) = True, request
        seen.delivered = seen.works or seen.arrived and _in_delivers(lab, question.server) > delivered_before
        if watch:
            seen.drops = _of_this_probe(lab, watch.take(), question, client.port())
            seen.refused = any(at == question.server and drop.reason == "NO_SOCKET" for at, drop in seen.drops)
    return seen


def _exchange(question, client, listener, seen):
    parts = [client.socket] + ([listener.socket] if listener.socket else [])
    end = time.monotonic() + TIMEOUT_S
    try:
        client.send()
        while not client.answered():
            if time.monotonic() > end:
                seen.error = "timeout"
                return
            select.select(parts, [client.socket] if question.proto == "tcp" else [], parts, 0.05)
            listener.serve()
        seen.works = True
    except OSError as error:
        seen.error = errno.errorcode.get(error.errno, str(error))


def _of_this_probe(lab, drops, question, client_port):
    """[(namespace, drop)] for the packets of this exchange, in the order they died."""
    names = {lab.inode(name): name for name in lab.names}
    found = []
    for drop in drops:
        protocol, *_, sport, _, dport = flow = drop.tuple() or (0, "", 0, "", 0)
        if protocol != PROTOCOLS[question.proto]:
            continue
        ports = {client_port} if question.proto == "icmp" else {client_port, question.dport, question.server_port}
        ours = sport in ports if question.proto == "icmp" else {sport, dport} & ports
        if ours and not (question.proto == "icmp" and flow[4] not in (0, 8)):
            found.append((names[drop.netns], drop))
    return found
