"""Next hops that are wrong: gateways that nobody is or that are somebody else, and ends that do not know their own wire."""

from harness.scenario import RULES, ask, cause, dies, scenario
from harness.topology import C2, NATTED, PAIR, WEB

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FAR = ask("c1", "203.0.113.80:80", server="w")
NEIGHBOUR = ask("c1", "10.1.0.3:80", server="c2")
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"
MUTE = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH")

# The address of a container that is there and running is not given to the bridge.

VIA_C2 = [PAIR, "c1: ip route replace default via 10.1.0.3", "c2: sysctl -qw net.ipv4.ip_forward=1"]
scenario("gateway-is-a-container-that-forwards",
         "The default route leads to the neighbour, which forwards. The connection was seen on the bridge before, without translation, and keeps that.",
         VIA_C2, OUTSIDE, dies("back", "o", source="10.1.0.2"), fix="must", unlike="ip addr add 10.1.0.3",
         fixed="c1: ip route replace default via 10.1.0.1", cold=True)
scenario("gateway-is-a-container-whose-policy-drops", "The same, and the neighbour's FORWARD drops.",
         VIA_C2 + ["c2: iptables -P FORWARD DROP"], OUTSIDE, dies("out", "c2", RULES, "NETFILTER_DROP"), fix="must",
         unlike="ip addr add 10.1.0.3", fixed="c1: ip route replace default via 10.1.0.1", cold=True)
scenario("gateway-is-a-container-without-a-route", "The same, and the neighbour has no default route.",
         VIA_C2 + ["c2: ip route del default"], OUTSIDE, dies("out", "c2", "ip_error", "IP_INNOROUTES"), fix="must",
         unlike="ip addr add 10.1.0.3", fixed="c1: ip route replace default via 10.1.0.1", cold=True)

# A route whose gateway nobody is: the route is wrong. Nobody is given the address, least of all the router outside.

scenario("static-route-to-nobody", "A route for the server's network names a gateway that nobody is.",
         [NATTED, WEB, "h: ip route add 203.0.113.0/24 via 198.51.100.77"], FAR,
         dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"), cause("neighbour", "route"), fix="must", unlike="ip addr add",
         fixed="h: ip route del 203.0.113.0/24")
scenario("static-route-to-nobody-in-the-container", "The same in the container.",
         [NATTED, "c1: ip route add 198.51.100.0/24 via 10.1.0.77"], OUTSIDE, MUTE, cause("neighbour", "route"), fix="must", unlike="ip addr add",
         fixed="c1: ip route del 198.51.100.0/24")
scenario("table-of-a-rule-to-nobody", "The same in a table of its own.",
         [NATTED, WEB, "h: ip rule add iif br0 pref 50 table 50; ip route add default via 198.51.100.77 table 50"], FAR,
         dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"), cause("neighbour", "route"), fix="must", unlike="ip addr add",
         fixed="h: ip rule del pref 50")

# A container with a /32 and no route to its gateway.

SLIM = "c1: ip addr flush dev eth0; ip addr add 10.1.0.2/32 dev eth0"
scenario("container-with-a-slash-32", "The container's address is a /32, and it has no routes.", [NATTED, SLIM], OUTSIDE,
         dies("out", "c1", error="ENETUNREACH"), cause("route", "address"), fix="must",
         fixed="c1: ip route add 10.1.0.1 dev eth0; ip route add default via 10.1.0.1")
scenario("container-with-a-slash-32-published", "The same, asked from outside.", [NATTED, PUBLISH, SLIM], FROM_OUTSIDE,
         dies("back", "c1", source="198.51.100.1"), cause("route", "address"), fix="must",
         fixed="c1: ip route add 10.1.0.1 dev eth0; ip route add default via 10.1.0.1")
scenario("container-with-a-slash-32-neighbour", "The same, asking its neighbour.", [NATTED, C2, SLIM], NEIGHBOUR,
         dies("out", "c1", error="ENETUNREACH"), cause("route", "address"), fix="must", fixed="c1: ip route add 10.1.0.0/24 dev eth0")

# A route with a TOS is not deleted without it.

scenario("blackhole-with-a-tos", "A mangle rule sets a TOS for which there is a blackhole.",
         [NATTED, "h: iptables -t mangle -A PREROUTING -i br0 -j TOS --set-tos 0x10", "h: ip route add blackhole 198.51.100.1 tos 0x10"],
         OUTSIDE, dies("out", "h", "ip_error", "NOT_SPECIFIED"), cause("route"), fix="must", fixed="h: ip route del blackhole 198.51.100.1 tos 0x10")
scenario("blackhole-with-a-tos-rerouted", "The same in the container's mangle OUTPUT.",
         [NATTED, "c1: iptables -t mangle -A OUTPUT -p tcp --dport 80 -j TOS --set-tos 0x10", "c1: ip route add blackhole 198.51.100.1 tos 0x10"],
         OUTSIDE, dies("out", "c1", "nf_hook_slow", "NETFILTER_DROP"), cause("route"), fix="must",
         fixed="c1: ip route del blackhole 198.51.100.1 tos 0x10")

# Source validation asks the rules for the way back.

scenario("source-validated-by-a-rule", "Strict rp_filter asks the rules for the way back, and one of them is a blackhole.",
         [NATTED, "h: sysctl -qw net.ipv4.conf.all.rp_filter=1; ip rule add from 198.51.100.0/24 pref 50 blackhole"], OUTSIDE,
         dies("out", "h", "ip_rcv_finish_core", "IP_RPFILTER"), cause("route", "rule", "sysctl"), fix="must", fixed="h: ip rule del pref 50")
