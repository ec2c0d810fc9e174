"""Targets that hand packets to somebody else: a program's queue, a proxy's socket, a monitor, a set."""

from harness.scenario import LEGACY, NFT, RULES, ask, dies, rule, scenario, undecided, works
from harness.topology import NATTED

TCP = ask("c1", "198.51.100.1:80", server="o")
UDP = ask("c1", "198.51.100.1:53", server="o", proto="udp")
PING = ask("c1", "198.51.100.1", server="o")
OUT = "198.51.100.10"
BOTH = (NFT, LEGACY)
DROPPED = dies("out", "h", RULES, "NETFILTER_DROP")

# --- a queue: an intrusion detection that is stopped, or was never started

UNREAD = dies("out", "h", "nf_queue", "NOT_SPECIFIED")
scenario(
    "queue-unread",
    "The program that inspects what is forwarded is stopped; its rule is still there.",
    [NATTED, "h: iptables -I FORWARD -j NFQUEUE --queue-num 0"],
    TCP,
    UNREAD,
    rule("filter", "FORWARD", 1),
    fix="must",
    fixed="h: iptables -R FORWARD 1 -j NFQUEUE --queue-num 0 --queue-bypass",
    backends=BOTH,
)
scenario(
    "queue-unread-answer",
    "Only what comes in from outside is inspected.",
    [NATTED, "h: iptables -t mangle -A PREROUTING -i eth0 -j NFQUEUE --queue-balance 0:3"],
    PING,
    dies("back", "h", "nf_queue", "NOT_SPECIFIED", source=OUT),
    rule("mangle", "PREROUTING", 1),
    fix="must",
    fixed="h: iptables -t mangle -F PREROUTING",
    backends=BOTH,
)
scenario(
    "queue-bypass-accepts",
    "What nobody reads is accepted with --queue-bypass: the DROP behind it is never asked.",
    [NATTED, "h: iptables -A FORWARD -j NFQUEUE --queue-num 1 --queue-bypass", "h: iptables -A FORWARD -j DROP"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "queue-bypass-other-table",
    "... but only by this table.",
    [NATTED, "h: iptables -t mangle -A FORWARD -j NFQUEUE --queue-bypass", "h: iptables -A FORWARD -j DROP"],
    TCP,
    DROPPED,
    rule("filter", "FORWARD", 1),
    backends=BOTH,
)

# Binds queue 7 and asks for whole packets, for 40 seconds; decides nothing, so that they wait.
READER = """h: cat >/tmp/@h-reader.py <<'END'
import os, socket, struct, time
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
attribute = lambda kind, data: struct.pack("=HH", 4 + len(data), kind) + data + b"\\0" * (-len(data) % 4)
body = lambda attributes: struct.pack("=BBH", 0, 0, socket.htons(7)) + attributes
message = lambda b: struct.pack("=IHHII", 16 + len(b), 3 << 8 | 2, 5, 1, 0) + b
ask = lambda kind, data: (s.send(message(body(attribute(kind, data)))), s.recv(4096))
ask(1, struct.pack("!BBH", 1, 0, 2))
ask(2, struct.pack("!IB", 0xFFFF, 2))
os.unlink(__file__)
time.sleep(40)
END
h: setsid python3 /tmp/@h-reader.py >/dev/null 2>&1 </dev/null & for i in $(seq 150); do [ -e /tmp/@h-reader.py ] || break; sleep 0.1; done"""
scenario(
    "queue-read",
    "A program reads the queue. What it decides is its own affair; here it lets everything wait.",
    [NATTED, READER, "h: iptables -A FORWARD -j NFQUEUE --queue-num 7"],
    TCP,
    dies("out", "h"),
    undecided("NFQUEUE"),
)
scenario(
    "queue-other-read",
    "It reads another queue than the one that the rule names.",
    [NATTED, READER, "h: iptables -A FORWARD -j NFQUEUE --queue-num 8"],
    TCP,
    UNREAD,
    rule("filter", "FORWARD", 1),
    fix="must",
)

# --- a copy for a monitor

TEE = [NATTED, "namespace m", "cable m/eth0 h/mon0", "h: ip addr add 10.9.0.1/24 dev mon0", "m: ip addr add 10.9.0.2/24 dev eth0"]
scenario(
    "copy",
    "A monitor gets a copy of everything that is forwarded; the packet itself goes on.",
    [*TEE, "h: iptables -t mangle -A FORWARD -j TEE --gateway 10.9.0.2"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "copy-to-nobody",
    "... also while the monitor is gone.",
    [NATTED, "h: ip route add unreachable 10.99.0.0/16",
     "h: iptables -t mangle -A PREROUTING -i br0 -j TEE --gateway 10.99.0.2"],
    UDP,
    works(source=OUT),
)

# --- a set that rules fill

BAN = ["h: ipset create banned hash:ip timeout 600"]
scenario(
    "set-bans-its-sender",
    "Whoever asks a port that is none is banned, and the next rule drops the banned: this packet, too.",
    [NATTED, *BAN, "h: iptables -A FORWARD -i br0 -p tcp --dport 80 -j SET --add-set banned src --exist",
     "h: iptables -A FORWARD -m set --match-set banned src -j DROP"],
    TCP,
    DROPPED,
    rule("filter", "FORWARD", 2),
    fix="may",
    backends=BOTH,
)
scenario(
    "set-bans-behind",
    "The banned are asked for first: this one is banned only from its next packet on. The answer comes back.",
    [NATTED, *BAN, "h: iptables -A FORWARD -m set --match-set banned src -j DROP",
     "h: iptables -A FORWARD -i br0 -p udp --dport 53 -j SET --add-set banned src --exist"],
    UDP,
    works(source=OUT),
    cold=True,
)
scenario(
    "set-bans-the-answer",
    "The answer's destination was banned by the question.",
    [NATTED, *BAN, "h: iptables -A FORWARD -i eth0 -m set --match-set banned dst -j DROP",
     "h: iptables -A FORWARD -i br0 -j SET --add-set banned src"],
    PING,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    rule("filter", "FORWARD", 1),
    cold=True,
    backends=BOTH,
)
scenario(
    "set-lets-in-who-knocked",
    "Taken out of the set of strangers by an earlier rule.",
    [NATTED, "h: ipset create strangers hash:ip", "h: ipset add strangers 10.1.0.2",
     "h: iptables -t mangle -A PREROUTING -i br0 -j SET --del-set strangers src",
     "h: iptables -A FORWARD -m set --match-set strangers src -j DROP"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)

# --- a transparent proxy

PROXY = """h: cat >/tmp/@h-proxy.py <<'END'
import os, socket, time
s = socket.socket()
s.setsockopt(socket.SOL_IP, 19, %d)
s.bind(("0.0.0.0", 3129))
s.listen(5)
os.unlink(__file__)
time.sleep(40)
END
h: setsid python3 /tmp/@h-proxy.py >/dev/null 2>&1 </dev/null & for i in $(seq 150); do [ -e /tmp/@h-proxy.py ] || break; sleep 0.1; done"""
# A bridge that calls iptables asks TPROXY before layer 3, which takes the socket away again.
ROUTED = "h: [ ! -e /proc/sys/net/bridge ] || sysctl -qw net.bridge.bridge-nf-call-iptables=0"
BRIDGED = "[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]"
TPROXY = "h: iptables -t mangle -A PREROUTING -i br0 -p tcp --dport 80 -j TPROXY --on-port 3129 --tproxy-mark 1/1"
LOCAL = ["h: ip rule add fwmark 1 lookup 100", "h: ip route add local default dev lo table 100"]
PROXIED = ask("c1", "198.51.100.1:80", server="h", deaf=True)
scenario(
    "proxy-gone",
    "A transparent proxy takes all web traffic, and is not running.",
    [NATTED, ROUTED, TPROXY, *LOCAL],
    TCP,
    DROPPED,
    rule("mangle", "PREROUTING", 1),
    fix="must",
    fixed="h: iptables -t mangle -F PREROUTING",
    backends=BOTH,
)
scenario(
    "proxy-not-transparent",
    "It runs, but its socket is not transparent.",
    [NATTED, ROUTED, PROXY % 0, TPROXY, *LOCAL],
    TCP,
    DROPPED,
    rule("mangle", "PREROUTING", 1),
    fix="must",
    backends=BOTH,
)
scenario(
    "proxy",
    "It runs, and answers in the server's name.",
    [NATTED, ROUTED, PROXY % 1, TPROXY, *LOCAL],
    PROXIED,
    works(source="10.1.0.2"),
    backends=BOTH,
)
scenario(
    "proxy-without-local-route",
    "It runs, but nothing makes what it takes local: the routing rule for the mark was forgotten.",
    [NATTED, ROUTED, PROXY % 1, TPROXY],
    TCP,
    dies("out", "h", "ip_forward", "NOT_SPECIFIED"),
    rule("mangle", "PREROUTING", 1),
    fixed="\n".join(["h: iptables -t mangle -F PREROUTING"]),
    backends=BOTH,
)

scenario(
    "proxy-asked-at-the-bridge",
    "The bridge calls iptables: the proxy's socket is found there, and lost on the way up.",
    [NATTED, PROXY % 1, TPROXY, *LOCAL],
    TCP,
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET"),
    needs=BRIDGED,
    fixed=ROUTED,
    backends=BOTH,
)
scenario(
    "proxy-asked-at-the-bridge-without-local-route",
    "... and without a local route it goes on as if nobody had asked for a proxy.",
    [NATTED, PROXY % 1, TPROXY],
    TCP,
    works(source=OUT),
    needs=BRIDGED,
    backends=BOTH,
)

# --- a proxy for SYNs

scenario(
    "syn-proxy",
    "The host answers SYNs in the server's name, and asks the server when the client has shown that it is there.",
    [NATTED, "h: sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0",
     "h: iptables -t raw -A PREROUTING -i br0 -p tcp --dport 80 --syn -j CT --notrack",
     "h: iptables -A FORWARD -i br0 -p tcp --dport 80 -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460"],
    TCP,
    works(),
    undecided("SYNPROXY"),
    backends=BOTH,
)

# --- what changes nothing on the way

scenario(
    "passes-by",
    "ECN is taken out, the class set, the checksum filled in, the packet traced and logged: it goes on.",
    [NATTED, "h: iptables -t mangle -A FORWARD -p tcp -j ECN --ecn-tcp-remove",
     "h: iptables -t mangle -A FORWARD -j CLASSIFY --set-class 1:10",
     "h: iptables -t mangle -A POSTROUTING -j CHECKSUM --checksum-fill",
     "h: iptables -t raw -A PREROUTING -j TRACE",
     "h: iptables -A FORWARD -j NFLOG --nflog-group 5",
     "h: iptables -A FORWARD -j AUDIT --type accept"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
