"""Ports that are published, and packets that the translation misses, or takes though they are not meant."""

from harness.scenario import LEGACY, NFT, ask, cause, dies, rule, scenario, sysctl
from harness.topology import NATTED, PAIR

BOTH = (NFT, LEGACY)
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"

# The host refuses what it published itself.

REFUSED = dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED")
scenario("untracked", "NOTRACK takes the packet from the DNAT rule.",
         [NATTED, PUBLISH, "h: iptables -t raw -A PREROUTING -i eth0 -p tcp --dport 8080 -j NOTRACK"], FROM_OUTSIDE, REFUSED,
         rule("raw", "PREROUTING", 1), fix="must", fixed="h: iptables -t raw -F")
scenario("accept-in-front", "An ACCEPT stands in front of the DNAT rule.",
         [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp -j ACCEPT", PUBLISH], FROM_OUTSIDE, REFUSED,
         rule("nat", "PREROUTING", 1), fix="must", fixed="h: iptables -t nat -D PREROUTING 1", backends=BOTH)
scenario(
    "return-in-front",
    "A RETURN stands in front of the DNAT rule.",
    [NATTED, "h: iptables -t nat -N X", "h: iptables -t nat -A PREROUTING -j X", "h: iptables -t nat -A X -s 198.51.100.0/24 -j RETURN",
     PUBLISH.replace("PREROUTING", "X")],
    FROM_OUTSIDE,
    REFUSED,
    rule("nat", "X", 1),
    fix="must",
    fixed="h: iptables -t nat -D X 1",
)
scenario("older-dnat-in-front", "An older DNAT to a port where nobody listens stands in front.",
         [NATTED, PUBLISH.replace(":80", ":81"), PUBLISH], FROM_OUTSIDE, dies("out", "c1", "tcp_v4_rcv", "NO_SOCKET"),
         rule("nat", "PREROUTING", 1), fix="must", fixed="h: iptables -t nat -D PREROUTING 1")
scenario("redirect-in-front", "A REDIRECT to a port where nobody listens stands in front.",
         [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j REDIRECT --to-ports 81", PUBLISH],
         FROM_OUTSIDE, REFUSED, rule("nat", "PREROUTING", 1), fix="must", fixed="h: iptables -t nat -D PREROUTING 1")
scenario("other-protocol-published", "Only UDP is published: nothing that could be changed lets TCP in.",
         [NATTED, PUBLISH.replace("tcp", "udp")], FROM_OUTSIDE, REFUSED, cause("socket"), fix="none")

# 127.0.0.1 leads away from the host.

LOOPBACK = ask("h", "127.0.0.1:8080", server="c1:80")
LOOPBACK_DNAT = "h: iptables -t nat -A OUTPUT -p tcp -d 127.0.0.1 --dport 8080 -j DNAT --to-destination 10.1.0.2:80"
ROUTE_LOCALNET = "h: sysctl -qw net.ipv4.conf.br0.route_localnet=1"
MASQUERADE_LOCAL = "h: iptables -t nat -I POSTROUTING -o br0 -m addrtype --src-type LOCAL -j MASQUERADE\nh: conntrack -F"
LOST = dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", also=("c1", "ip_rcv_finish_core", "IP_LOCALNET"))
scenario("loopback-without-masquerade", "Published on 127.0.0.1, route_localnet is on, MASQUERADE is missing.",
         [NATTED, ROUTE_LOCALNET, LOOPBACK_DNAT], LOOPBACK, LOST, cause("nat"), fix="must", fixed=MASQUERADE_LOCAL)
scenario("loopback-masquerade-of-another-network", "… there is one, for another network; and another container hears the host ask.",
         [PAIR, ROUTE_LOCALNET, LOOPBACK_DNAT, "h: iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -o br0 -j MASQUERADE"],
         LOOPBACK, LOST, cause("nat"), fix="must", fixed=MASQUERADE_LOCAL)
scenario("loopback-without-anything", "Neither route_localnet nor MASQUERADE: both are needed, the sysctl first.",
         [NATTED, LOOPBACK_DNAT], LOOPBACK, dies("out", "h"), sysctl("net.ipv4.conf.br0.route_localnet", 0), fix="must",
         fixed=ROUTE_LOCALNET + "\n" + MASQUERADE_LOCAL)

# Translated twice, or what was not meant.

scenario(
    "balancer-in-a-container",
    "A host port leads to a container that sends it on to another one, which answers past it.",
    [PAIR, PUBLISH, "c1: sysctl -qw net.ipv4.ip_forward=1",
     "c1: iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.1.0.3:8080"],
    ask("o", "198.51.100.10:8080", server="c2:8080"),
    dies("back", "o", "tcp_v4_rcv", "NO_SOCKET"),
    cause("nat"),
    fix="must",
    fixed="c1: iptables -t nat -A POSTROUTING -d 10.1.0.3 -p tcp -j MASQUERADE\nh: conntrack -F\nc1: conntrack -F",
)
scenario(
    "dnat-catches-what-is-for-others",
    "A DNAT without an address catches the web traffic of the very container it leads to.",
    [NATTED, "h: iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.1.0.2:80"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
    rule("nat", "PREROUTING", 1),
    fix="must",
    fixed="h: iptables -t nat -R PREROUTING 1 -p tcp --dport 80 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.1.0.2:80",
)
