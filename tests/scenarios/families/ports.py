"""Ports that nobody has named: the asking program's own, and those that NAT takes at random."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, rule, scenario, undecided, works
from harness.topology import NATTED, ONE

TCP = ask("c1", "198.51.100.1:80", server="o")
UDP = ask("c1", "198.51.100.1:53", server="o", proto="udp")
OUT = "198.51.100.10"
BOTH = (NFT, LEGACY)
OWN_RANGE = "c1: sysctl -qw net.ipv4.ip_local_port_range='20000 21000'"
OTHER_RANGE = "c1: sysctl -qw net.ipv4.ip_local_port_range='1024 2000'"
FROM = "h: iptables -A FORWARD -i br0 -p tcp"

scenario(
    "some-of-them-dropped",
    "Some of the ephemeral ports are dropped: which one the program gets nobody can say.",
    [NATTED, FROM + " --sport 60990:65535 -j DROP"],
    TCP,
    works(source=OUT),
    undecided("port"),
    backends=BOTH,
)
scenario(
    "some-of-them-named",
    "With --sport the answer is sure.",
    [NATTED, FROM + " --sport 60990:65535 -j DROP"],
    TCP | {"sport": 60990},
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1),
    fix="must",
)
scenario(
    "all-of-a-range-of-its-own",
    "ip_local_port_range is 20000-21000, and just that is accepted.",
    [NATTED, OWN_RANGE, "h: iptables -P FORWARD DROP", FROM + " --sport 20000:21000 -j ACCEPT",
     "h: iptables -A FORWARD -i eth0 -j ACCEPT"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "all-of-a-range-of-its-own-dropped",
    "ip_local_port_range is 1024-2000, and just that is dropped.",
    [NATTED, OTHER_RANGE, FROM + " --sport 1024:2000 -j DROP"],
    TCP,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1),
    fix="must",
    backends=BOTH,
)
scenario(
    "only-what-is-reserved-dropped",
    "The ports that are dropped are reserved: no program gets them.",
    [NATTED, OTHER_RANGE, "c1: sysctl -qw net.ipv4.ip_local_reserved_ports=1024-1999",
     FROM + " -m multiport --sports 1024:1500,1700,1999 -j DROP"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "two-halves-say-the-same",
    "Two rules of which one accepts whatever the other leaves: the port is one, however it is asked.",
    [NATTED, "h: iptables -P FORWARD DROP", FROM + " --sport 1024:40000 -j ACCEPT",
     FROM + " -m multiport --sports 40001:50000,50001:65535 -j ACCEPT", "h: iptables -A FORWARD -i eth0 -j ACCEPT"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "answers-to-ephemeral-ports-only",
    "The stateless rule for answers takes the whole range.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 -j ACCEPT",
     "h: iptables -A FORWARD -i eth0 -p udp --dport 32768:60999 -j ACCEPT"],
    UDP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "asked-of-the-connection",
    "What conntrack knows of the port is the same port.",
    [NATTED, OWN_RANGE, "h: iptables -A FORWARD -p tcp -m conntrack --ctorigsrcport 20000:21000 --ctdir REPLY -j DROP"],
    TCP,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    rule("filter", "FORWARD", 1),
    fix="must",
)
scenario(
    "asked-of-a-set",
    "A set holds all the ports that the program can get.",
    [NATTED, OWN_RANGE, "h: ipset create high bitmap:port range 1024-65535", "h: ipset add high 20000-21000",
     FROM + " -m set --match-set high src -j DROP"],
    TCP,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1),
    fix="must",
)
scenario(
    "asked-of-a-set-of-some",
    "A set holds some of them.",
    [NATTED, "h: ipset create high bitmap:port range 1024-65535", "h: ipset add high 60990-60999",
     FROM + " -m set --match-set high src -j DROP"],
    TCP,
    works(source=OUT),
    undecided("port"),
)
scenario(
    "dnat-random",
    "One of a thousand ports by chance, of which one listens.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT "
             "--to-destination 10.1.0.2:9000-9999 --random"],
    ask("o", "198.51.100.10:8080", server="c1:9000"),
    dies("out", "c1", "tcp_v4_rcv", "NO_SOCKET"),
    undecided("DNAT"),
)
scenario(
    "dnat-range",
    "Without --random it is the first that is free.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:9000-9001"],
    ask("o", "198.51.100.10:8080", server="c1:9000"),
    works(),
)
scenario(
    "masquerade-random",
    "The outside drops a few ports; which one it will be is chance.",
    [ONE, "h: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE --random",
     "o: iptables -A INPUT -p tcp --sport 1024:1030 -j DROP"],
    TCP,
    works(),
    undecided("MASQUERADE"),
)
scenario(
    "masquerade-random-any",
    "Nobody asks for the port: then it does not matter.",
    [ONE, "h: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE --random-fully"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "masquerade-to-ports",
    "All of the ports that MASQUERADE may take are accepted.",
    [ONE, "h: iptables -t nat -A POSTROUTING -o eth0 -p tcp -j MASQUERADE --to-ports 2000-2999",
     "o: iptables -A INPUT -p tcp --sport 2000:2999 -j ACCEPT", "o: iptables -P INPUT DROP"],
    TCP,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "asked-of-a-routing-rule",
    "A routing rule takes some of the ports.",
    [NATTED, "h: ip rule add ipproto tcp sport 60990-60999 iif br0 pref 50 blackhole"],
    TCP,
    works(source=OUT),
    undecided("sport"),
)
scenario(
    "asked-of-a-routing-rule-of-all",
    "... or all of them.",
    [NATTED, OWN_RANGE, "h: ip rule add ipproto tcp sport 20000-21000 iif br0 pref 50 blackhole"],
    TCP,
    dies("out", "h"),
    cause("route"),
    fix="must",
)
