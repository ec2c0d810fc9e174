"""Connections that are already there: an entry wins over today's rules."""

from harness.scenario import RULES, ask, cause, dies, rule, scenario, undecided, works
from harness.topology import C2, DOCKERED, NATTED, ONE, PAIR, UPLINK2

DNS = ask("c1", "198.51.100.1:53", server="o", proto="udp", sport=5000)
FROM_OUTSIDE = ask("o", "198.51.100.10:8053", server="c1:53", proto="udp", sport=5000)
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p udp --dport 8053 -j DNAT --to-destination 10.1.0.2:53"


def entry(flow, nat="", extra=""):
    """`conntrack -I` for a UDP flow `src:sport>dst:dport`; `nat` is conntrack's own option for its translation."""
    (src, sport), (dst, dport) = [part.split(":") for part in flow.split(">")]
    return (f"h: conntrack -I -p udp -t 600 -s {src} -d {dst} --sport {sport} --dport {dport} "
            f"--reply-src {dst} --reply-dst {src} --reply-port-src {dport} --reply-port-dst {sport} {nat} {extra}")


scenario(
    "older-than-masquerade",
    "The flow is older than the MASQUERADE rule: its entry says 'no translation', and rules are asked for new flows only.",
    [NATTED, entry("10.1.0.2:5000>198.51.100.1:53")],
    DNS,
    dies("back", "o", source="10.1.0.2"),
    cause("conntrack", "nat"),
    fix="must",
    fixed="h: conntrack -D -p udp -s 10.1.0.2 --sport 5000",
)
scenario(
    "other-port-is-new",
    "The same entry, but this time the container asks from another port.",
    [NATTED, entry("10.1.0.2:5000>198.51.100.1:53")],
    DNS | {"sport": 5001},
    works(source="198.51.100.10", sport=5001),
)
scenario(
    "older-than-the-address",
    "The flow was translated to an address that has gone since.",
    [NATTED, entry("10.1.0.2:5000>198.51.100.1:53", "--src-nat 198.51.100.77")],
    DNS,
    dies("back", "o", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.77"),
    cause("conntrack", "nat", "address"),
    fix="must",
    fixed="h: conntrack -D -p udp -s 10.1.0.2 --sport 5000",
)
scenario(
    "still-translated-without-the-rule",
    "The MASQUERADE rule is gone, another one keeps tracking alive: the old flow goes on as it was.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -o eth0 -j MASQUERADE",
     entry("10.1.0.2:5000>198.51.100.1:53", "--src-nat 198.51.100.10")],
    DNS,
    works(source="198.51.100.10"),
)
scenario(
    "tracking-off-without-any-rule",
    "The last rule that needs tracking is gone: the entry is still listed, and nobody looks at it.",
    [ONE, entry("10.1.0.2:5000>198.51.100.1:53", "--src-nat 198.51.100.10")],
    DNS,
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE",
)
scenario(
    "published-to-the-old-container",
    "The container was made anew with another address; a client's UDP flow still goes to the old one, 10.1.0.9.",
    [NATTED, PUBLISH, entry("198.51.100.1:5000>198.51.100.10:8053", "--dst-nat 10.1.0.9:53")],
    FROM_OUTSIDE,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"),
    cause("conntrack", "neighbour", "nat"),
    fix="must",
    fixed="h: conntrack -D -p udp --orig-port-dst 8053",
)
scenario(
    "published-before-the-rule",
    "The client asked before the port was published; its entry leads to the host itself.",
    [NATTED, PUBLISH, entry("198.51.100.1:5000>198.51.100.10:8053")],
    FROM_OUTSIDE | {"server": "h", "server_port": 8053, "deaf": True},
    dies("out", "h", "__udp4_lib_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "published-new-client",
    "Another port of the same client finds the new container.",
    [NATTED, PUBLISH, entry("198.51.100.1:5000>198.51.100.10:8053", "--dst-nat 10.1.0.9:53")],
    FROM_OUTSIDE | {"sport": 5001},
    works(source="198.51.100.1"),
)
scenario(
    "established-passes-what-new-may-not",
    "FORWARD takes ESTABLISHED only; the old flow passes.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
     entry("10.1.0.2:5000>198.51.100.1:53", "--src-nat 198.51.100.10", extra="-u SEEN_REPLY,ASSURED")],
    DNS,
    works(source="198.51.100.10"),
)
scenario(
    "masquerade-after-the-route-moved",
    "The route moved to the second uplink: with its next packet a masqueraded flow is given up, and that packet is dropped. "
    "The one after it starts anew, so asking again is remedy enough.",
    [NATTED, UPLINK2,
     "c1: python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 5000)); "
     "s.sendto(b'x', ('198.51.100.1', 53))\"",
     "h: ip route add 198.51.100.1/32 via 192.0.2.1"],
    DNS | {"bind": "198.51.100.1"},
    dies("out", "h", "nf_hook_slow", "NETFILTER_DROP"),
    cause("conntrack", "nat"),
    fixed="h: true",
    cold=True,
    fix="late",
)
scenario(
    "port-taken-by-another-container",
    "Another container has the port towards this server: the second one gets another source port, and works.",
    [PAIR, entry("10.1.0.3:5000>198.51.100.1:53", "--src-nat 198.51.100.10", "-u SEEN_REPLY,ASSURED")],
    DNS,
    works(source="198.51.100.10"),
)
scenario(
    "same-source-keeps-its-mapping",
    "The same source port towards another server was mapped to 40000: it is mapped there again.",
    [NATTED, entry("10.1.0.2:5000>198.51.100.9:53", "--src-nat 198.51.100.10:40000", "-u SEEN_REPLY,ASSURED")],
    DNS,
    works(source="198.51.100.10", sport=40000),
)
scenario(
    "invalid-dropped",
    "A rule that drops INVALID does no harm to packets in order.",
    [NATTED, "h: iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP"],
    ask("c1", "198.51.100.1:80", server="o"),
    works(source="198.51.100.10"),
)
scenario(
    "answer-unseen-invalid",
    "The request goes past the host (asymmetric routing), only the answer comes through it: a SYN-ACK without a SYN is "
    "INVALID, and a rule drops it.",
    [ONE, C2, "cable c1/eth1 o/direct\nc1: ip addr add 10.7.0.2/24 dev eth1\no: ip addr add 10.7.0.1/24 dev direct\n"
     "c1: ip route add 198.51.100.1/32 via 10.7.0.1 src 10.1.0.2\no: ip route add 10.1.0.0/24 via 198.51.100.10",
     "h: iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("back", "h", "nft_do_chain", "NETFILTER_DROP", source="10.1.0.2"),
    rule("filter", "FORWARD", 1, "--ctstate INVALID"),
    fix="must",
    fixed="h: iptables -D FORWARD 1",
)
scenario(
    "answer-unseen-not-tracked-otherwise",
    "Without that rule the answer passes, untracked or not.",
    [ONE, C2, "cable c1/eth1 o/direct\nc1: ip addr add 10.7.0.2/24 dev eth1\no: ip addr add 10.7.0.1/24 dev direct\n"
     "c1: ip route add 198.51.100.1/32 via 10.7.0.1 src 10.1.0.2\no: ip route add 10.1.0.0/24 via 198.51.100.10",
     "h: iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT"],
    ask("c1", "198.51.100.1:80", server="o"),
    works(source="10.1.0.2"),
)
scenario(
    "docker-published-answer-in-the-wrong-zone",
    "A zone for what comes in by the uplink only: the published port's answer is not found in zone 0 and leaves with the "
    "container's own address.",
    [DOCKERED, "h: iptables -P FORWARD ACCEPT", "h: iptables -t raw -A PREROUTING -i eth0 -j CT --zone 3"],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    dies("back", "o", "tcp_v4_rcv", "NO_SOCKET", source="198.51.100.1"),
    cause("rule", "nat", "conntrack"),
    fixed="h: iptables -t raw -F",
)

scenario(
    "older-than-the-published-port",
    "A client asked before the port was published: its entry leads to the host itself, which refuses.",
    [NATTED, "h: iptables -A INPUT -m conntrack --ctstate NEW",
     "o: python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 5000)); "
     "s.sendto(b'x', ('198.51.100.10', 8053))\"", PUBLISH],
    FROM_OUTSIDE,
    dies("out", "h", "__udp4_lib_rcv", "NO_SOCKET", error="ECONNREFUSED"),
    cause("conntrack"),
    fix="must",
    fixed="h: conntrack -D -p udp --orig-port-dst 8053",
    cold=True,
)
scenario(
    "untracked-and-older-than-masquerade",
    "NOTRACK, and behind it an entry from before MASQUERADE: two faults, which end in the same place.",
    [NATTED, entry("10.1.0.2:5000>198.51.100.1:53"), "h: iptables -t raw -A PREROUTING -i br0 -j NOTRACK"],
    DNS,
    dies("back", "o", source="10.1.0.2"),
    cause("nat", "rule"),
    fix="must",
    fixed="h: iptables -t raw -F\nh: conntrack -D -p udp",
    cold=True,
)
scenario(
    "established-the-other-way-round",
    "An established entry of the other direction swallows the SYN: INVALID, and so not translated.",
    [NATTED, "h: conntrack -I -p tcp -t 600 --state ESTABLISHED -u SEEN_REPLY,ASSURED -s 198.51.100.1 -d 10.1.0.2 --sport 80 "
             "--dport 5000 --reply-src 10.1.0.2 --reply-dst 198.51.100.1 --reply-port-src 5000 --reply-port-dst 80"],
    ask("c1", "198.51.100.1:80", server="o", sport=5000),
    dies("back", "o", source="10.1.0.2"),
    cause("conntrack"),
    fix="must",
    fixed="h: conntrack -D -p tcp",
    cold=True,
)

scenario(
    "zone-of-one-direction-by-two-rules",
    "Two rules put the request into a zone, where the answer is not looked for: each alone does.",
    [NATTED, "h: iptables -t raw -A PREROUTING -i br0 -s 10.1.0.2 -j CT --zone 3", "h: iptables -t raw -A PREROUTING -i br0 -j CT --zone 4"],
    DNS,
    dies("back", "h"),
    cause("nat", "rule"),
    fix="must",
    fixed="h: iptables -t raw -F\nh: conntrack -D -p udp",
    cold=True,
)
TCP = ask("c1", "198.51.100.1:80", server="o", sport=5000)
SERVER = ("import socket, time; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('', 80)); s.listen(); "
          "c = s.accept()[0]; time.sleep(0.3)")
ABORTS = ("import socket, struct; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('', 5000)); s.settimeout(2); "
          "s.connect(('198.51.100.1', 80)); s.setsockopt(1, 13, struct.pack('ii', 1, 0)); s.close()")
scenario(
    "closed-by-a-reset",
    "The client aborted its connection: the entry is in CLOSE, and has no translation. The next SYN from the same port "
    "reopens it, and is masqueraded; had the server aborted it, it would not be. Who did, the listing does not show.",
    [ONE, "o: ip route add 10.1.0.0/24 via 198.51.100.10", "h: iptables -A FORWARD -m conntrack --ctstate NEW",
     f'o: (timeout 3 python3 -c "{SERVER}" >/dev/null 2>&1 &) ; sleep 0.4', f'c1: python3 -c "{ABORTS}"', "c1: sleep 0.6",
     "o: ip route del 10.1.0.0/24", "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j MASQUERADE"],
    TCP,
    works(source="198.51.100.10"),
    undecided("CLOSE"),
    cold=True,
)
scenario(
    "mark-of-the-entry-drops",
    "A rule drops what has the mark of an old entry: the rule is named, for it says itself what it looks for.",
    [NATTED, "h: iptables -A FORWARD -m connmark --mark 9 -j DROP",
     entry("10.1.0.2:5000>198.51.100.1:53", "--src-nat 198.51.100.10", "-m 9")],
    DNS,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1),
    fix="must",
)
scenario(
    "status-of-the-entry-drops",
    "The same with the status ASSURED, which only an old entry has.",
    [NATTED, "h: iptables -A FORWARD -m conntrack --ctstatus ASSURED -j DROP",
     entry("10.1.0.2:5000>198.51.100.1:53", "--src-nat 198.51.100.10", "-u ASSURED,SEEN_REPLY")],
    DNS,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1),
    fix="must",
)
scenario(
    "zone-of-the-answer-only",
    "Only what comes from the container has a zone for its answers, which are looked for in another: the host takes them.",
    [NATTED, "h: iptables -t raw -A PREROUTING -i br0 -j CT --zone-reply 5"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("back", "h", "tcp_v4_rcv", "NO_SOCKET", source="198.51.100.10"),
    cause("rule", table="raw", number=1),
    fix="must",
)
