"""Where the kernel drops packets: the tracepoint skb:kfree_skb, told with its packet.

The tracepoint says the function and the reason.  A small BPF program on it adds
the namespace, the device and the first bytes of the packet, and keeps only the
namespaces of one scenario, so that its drops are told from everything else that
happens on the machine.
"""

import bisect
import ctypes
import os
import re
import socket
import struct
from dataclasses import dataclass

from . import bpf
from .btf import Btf

# The record as the program leaves it on its stack: location, reason, namespace inode, ifindex, protocol,
# device name, first bytes of the network header.
RECORD = struct.Struct("<QIIIHxx16s48s")
FRAME, LOCATION, REASON, NETNS, IFINDEX, PROTOCOL, NAME, PACKET = -88, -88, -80, -76, -72, -68, -64, -48
POINTER, HALF = -96, -104
IPV4_LE, ARP_LE = 0x0008, 0x0608  # ETH_P_IP, ETH_P_ARP as a little-endian load sees them


@dataclass(frozen=True)
class Drop:
    netns: int  # inode of the namespace
    device: str
    function: str
    reason: str
    packet: bytes  # from the network header on

    def tuple(self):
        """(protocol, source, source port or ICMP id, destination, destination port), None unless IPv4."""
        p = self.packet
        if len(p) < 28 or p[0] >> 4 != 4:
            return None
        at = (p[0] & 15) * 4
        sport, dport = struct.unpack_from("!HH", p, at) if at + 4 <= len(p) else (0, 0)
        if p[9] == socket.IPPROTO_ICMP:
            sport, dport = struct.unpack_from("!H", p, at + 4)[0], p[at]
        return p[9], socket.inet_ntoa(p[12:16]), sport, socket.inet_ntoa(p[16:20]), dport


class Kernel:
    """What is read once and used by every watch: offsets, reason names, symbols."""

    def __init__(self):
        btf = Btf()
        self.offset = btf.offset
        prefix = "SKB_DROP_REASON_"
        self.reasons = {v: n.removeprefix(prefix).removeprefix("SKB_") for v, n in btf.enum("skb_drop_reason").items()}
        symbols = []
        with open("/proc/kallsyms", encoding="ascii") as file:
            for line in file:
                address, kind, name = line.split()[:3]
                if kind in "tTwW":
                    symbols.append((int(address, 16), re.sub(r"\.(isra|constprop|part|cold).*$", "", name)))
        symbols.sort()
        self._addresses = [address for address, _ in symbols]
        self._names = [name for _, name in symbols]

    def function(self, address):
        # A return address may be the first byte behind the call, hence one less.
        return self._names[bisect.bisect_right(self._addresses, address - 1) - 1]


def _program(kernel, namespaces, queue):
    of = kernel.offset
    ctx, skb, object_ = 6, 7, 8

    def read(to, size, base, offset):
        return [bpf.move(1, 10), bpf.add(1, to), bpf.set_to(2, size), bpf.move(3, base), bpf.add(3, offset),
                bpf.helper(bpf.HELPER_PROBE_READ_KERNEL)]

    def follow(base, offset):
        return [read(POINTER, 8, base, offset), bpf.load64(object_, 10, POINTER)]

    return bpf.assemble([
        bpf.move(ctx, 1),
        [bpf.zero64(10, at) for at in range(HALF, 0, 8)],
        bpf.load64(skb, ctx, 0),
        bpf.load64(1, ctx, 8), bpf.store64(10, LOCATION, 1),
        bpf.load64(1, ctx, 16), bpf.store32(10, REASON, 1),
        read(PROTOCOL, 2, skb, of("sk_buff", "protocol")),
        bpf.load16(1, 10, PROTOCOL),
        bpf.jump_if(1, IPV4_LE, "ours"), bpf.jump_if(1, ARP_LE, "ours"), bpf.jump("out"),
        "ours",
        follow(skb, of("sk_buff", "dev")),
        bpf.jump_if(object_, 0, "socket"),
        read(IFINDEX, 4, object_, of("net_device", "ifindex")),
        read(NAME, 16, object_, of("net_device", "name")),
        follow(object_, of("net_device", "nd_net")),
        bpf.jump("namespace"),
        "socket",
        follow(skb, of("sk_buff", "sk")),
        bpf.jump_if(object_, 0, "out"),
        follow(object_, of("sock_common", "skc_net")),
        "namespace",
        bpf.jump_if(object_, 0, "out"),
        read(NETNS, 4, object_, of("net", "ns") + of("ns_common", "inum")),
        bpf.load_map(1, namespaces.fd), bpf.move(2, 10), bpf.add(2, NETNS),
        bpf.helper(bpf.HELPER_MAP_LOOKUP),
        bpf.jump_if(0, 0, "out"),
        read(HALF, 2, skb, of("sk_buff", "network_header")),
        follow(skb, of("sk_buff", "head")),
        bpf.load16(1, 10, HALF), bpf.add_reg(object_, 1),
        read(PACKET, 48, object_, 0),
        bpf.load_map(1, queue.fd), bpf.move(2, 10), bpf.add(2, FRAME), bpf.set_to(3, 2),  # 2: push out the oldest
        bpf.helper(bpf.HELPER_MAP_PUSH),
        "out",
        bpf.set_to(0, 0), bpf.leave(),
    ])


class DropWatch:
    """Watches the namespaces given to `watch`; `take` hands over what was seen there since the last call."""

    def __init__(self, kernel):
        self._kernel = kernel
        self._queue = bpf.Queue(RECORD.size, 4096)
        self._namespaces = bpf.Set(64)
        self._program = bpf.load_program(bpf.PROG_TYPE_RAW_TRACEPOINT, _program(kernel, self._namespaces, self._queue))
        name = ctypes.create_string_buffer(b"kfree_skb")
        self._link = bpf.call(bpf.RAW_TRACEPOINT_OPEN, struct.pack("<QIIQ", ctypes.addressof(name), self._program, 0, 0))[0]

    def watch(self, inodes):
        self._namespaces.assign(set(inodes))
        while self._queue.pop() is not None:
            pass

    def take(self):
        drops = []
        while (record := self._queue.pop()) is not None:
            location, reason, netns, _, protocol, name, packet = RECORD.unpack(record)
            if protocol == IPV4_LE:
                drops.append(Drop(netns, name.split(b"\0")[0].decode(), self._kernel.function(location),
                                  self._kernel.reasons.get(reason, str(reason)), packet))
        return drops

    def close(self):
        for fd in (self._link, self._program):
            os.close(fd)
        self._namespaces.close()
        self._queue.close()
