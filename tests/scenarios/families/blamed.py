"""Who is to blame where the end of the packet is only the messenger: a wrong MAC address, a router that is switched off and lacks
more, the outside that does not mend what the host has wrong, a rule that catches the server's own question."""

from harness.scenario import RULES, ask, cause, dies, rule, scenario, sysctl
from harness.topology import C2, DOCKERED, HOST, NATTED, ONE, PAIR, UPLINK2, WEB, container, pod

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FAR = ask("c1", "203.0.113.80:80", server="w")
NEIGHBOUR = ask("c1", "10.1.0.3:80", server="c2")
NOBODY = "02:00:00:00:00:99"
WRONG_MAC = "c1: ip neigh replace 10.1.0.1 lladdr " + NOBODY + " dev eth0 nud {}"
FORGET = "c1: ip neigh del 10.1.0.1 dev eth0"
ENTRY = cause("neighbour", namespace="c1")

# The container remembers a MAC address that its bridge, made anew, no longer has.

for state in ("permanent", "stale"):
    scenario(f"gateway-mac-wrong-{state}-only-container", "It is the only one on the bridge: there is nowhere to flood to.",
             [NATTED, WRONG_MAC.format(state)], OUTSIDE, dies("out", "h", "br_handle_frame_finish", "NO_TX_TARGET"), ENTRY, fix="must",
             fixed=FORGET)
scenario("gateway-mac-wrong-only-container-to-the-host", "The same, asking the host itself.", [NATTED, WRONG_MAC.format("permanent")],
         ask("c1", "10.1.0.1:80", server="h"), dies("out", "h", "br_handle_frame_finish", "NO_TX_TARGET"), ENTRY, fix="must", fixed=FORGET)
scenario("gateway-mac-wrong-and-policy", "The frame is flooded to the neighbour's port, where the policy drops it; it would drop the way out, too.",
         [PAIR, WRONG_MAC.format("permanent"), "h: iptables -P FORWARD DROP"], OUTSIDE, dies("out", "h", RULES, "NETFILTER_DROP"), ENTRY,
         fix="must", fixed=FORGET + "\nh: iptables -P FORWARD ACCEPT")
scenario("gateway-mac-wrong-and-masquerade-missing", "The entry is to blame, not the neighbour who got the frame.",
         [ONE, C2, WRONG_MAC.format("permanent")], OUTSIDE, dies("out", "c2", "ip_rcv_core", "OTHERHOST"), ENTRY, fix="must",
         fixed=FORGET + "\nh: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE")

# Forwarding is off, and the host has no way on either: it is the containers' router all the same.

OFF = dies("out", "h", "ip_error", "IP_INADDRERRORS")
for key, name in (("net.ipv4.ip_forward", "off"), ("net.ipv4.conf.br0.forwarding", "bridge-off")):
    scenario(f"{name}-and-host-without-default", "Forwarding is off, and the host has no default route.",
             [NATTED, WEB, f"h: sysctl -qw {key}=0", "h: ip route del default"], FAR, OFF, sysctl(key, 0), fix="must",
             fixed=f"h: sysctl -qw {key}=1\nh: ip route add default via 198.51.100.1")
    scenario(f"{name}-and-a-rule", "Forwarding is off, and a policy rule for what comes from the bridge says 'unreachable'.",
             [NATTED, f"h: sysctl -qw {key}=0", "h: ip rule add iif br0 pref 40 unreachable"], OUTSIDE, OFF, sysctl(key, 0), fix="must",
             fixed=f"h: sysctl -qw {key}=1\nh: ip rule del pref 40")
BRIDGED_UPLINK = HOST.replace("h: ip addr add 198.51.100.10/24 dev eth0",
                              "h: ip addr add 198.51.100.10/24 dev br0; ip link set eth0 master br0") + """
namespace c1
cable c1/eth0 h/vethc1
h: ip link set vethc1 master br0
c1: ip addr add 198.51.100.20/24 dev eth0
c1: ip route add default via 198.51.100.10
"""
scenario("off-out-where-it-came-in", "The uplink is a port of the bridge, the host is the container's gateway, ip_forward is 0.",
         [BRIDGED_UPLINK, WEB, "h: sysctl -qw net.ipv4.ip_forward=0"], FAR, OFF, sysctl("net.ipv4.ip_forward", 0), fix="must",
         fixed="h: sysctl -qw net.ipv4.ip_forward=1")
scenario("off-answer-out-where-it-came-in", "The asked container has a /32 and answers by the gateway, which does not forward.",
         [PAIR, "c2: ip addr flush dev eth0; ip addr add 10.1.0.3/32 dev eth0; ip route add 10.1.0.1 dev eth0; ip route add default via 10.1.0.1",
          "h: sysctl -qw net.ipv4.ip_forward=0"], NEIGHBOUR, dies("back", "h", "ip_error", "IP_INADDRERRORS"),
         sysctl("net.ipv4.ip_forward", 0), fix="must", fixed="h: sysctl -qw net.ipv4.ip_forward=1")

# The bridge lost its address or route, and a published port leads there: what comes for it goes out by the uplink.

HOST_ASKS = ask("h", "198.51.100.10:8080", server="c1:80")
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
LOST_ADDRESS, ADDRESS = "h: ip addr del 10.1.0.1/24 dev br0", "h: ip addr add 10.1.0.1/24 dev br0"
for name, line, fixed in (("route", "h: ip route del 10.1.0.0/24 dev br0", "h: ip route add 10.1.0.0/24 dev br0 src 10.1.0.1"),
                          ("address", LOST_ADDRESS, ADDRESS)):
    scenario(f"bridge-without-{name}-published-asked-by-the-host", "The host asks for its own published port: DNAT, and the default route.",
             [DOCKERED, line], HOST_ASKS, dies("out", "o", "ip_error", "IP_INADDRERRORS"), cause("route", "address", namespace="h"), fix="must",
             unlike="via 198.51.100.1", fixed=fixed)
    scenario(f"bridge-without-{name}-published", "The outside asks: docker's policy ends it, and is not to blame.", [DOCKERED, line], FROM_OUTSIDE,
             dies("out", "h", RULES, "NETFILTER_DROP"), cause("route", "address", namespace="h"), fix="must", unlike="DOCKER-USER", fixed=fixed)
scenario("bridge-without-address-and-a-rule-published", "The same, and a blackhole rule.",
         [DOCKERED, LOST_ADDRESS, "h: ip rule add to 10.1.0.0/24 pref 50 blackhole"], FROM_OUTSIDE,
         dies("out", "h", "ip_error", "NOT_SPECIFIED"), cause("route"), fix="must", fixed="h: ip rule del pref 50\n" + ADDRESS)

# The outside is not to mend what the host has wrong.

UNANSWERED = dies("out", "h", "neigh_invalidate", "NEIGH_FAILED")
OWN_ROUTE = cause("route", namespace="h")
scenario("default-on-the-uplinks-link", "The host's default route has no gateway: it asks its uplink's wire for everybody.",
         [NATTED, WEB, "h: ip route replace default dev eth0"], FAR, UNANSWERED, OWN_ROUTE, fix="must", unlike="proxy_arp",
         fixed="h: ip route replace default via 198.51.100.1")
scenario("server-in-an-own-subnet-of-the-uplink", "The uplink was given an address in the far server's subnet.",
         [NATTED, WEB, "h: ip addr add 203.0.113.7/24 dev eth0"], FAR, UNANSWERED, OWN_ROUTE, fix="must", unlike="proxy_arp",
         fixed="h: ip addr del 203.0.113.7/24 dev eth0")
scenario("route-by-the-other-uplinks-link", "A route for the server's network leads to the other uplink, without a gateway.",
         [NATTED, UPLINK2, WEB, "h: ip route add 203.0.113.0/24 dev eth1"], FAR, UNANSWERED, OWN_ROUTE, fix="must", unlike="proxy_arp",
         fixed="h: ip route del 203.0.113.0/24")
SNAT = "h: iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source {}"
MASQUERADED = "h: iptables -t nat -I POSTROUTING -o eth0 -j MASQUERADE"
scenario("snat-to-loopback", "SNAT to 127.0.0.1: the router does not answer the ARP question of such a source.", [ONE, SNAT.format("127.0.0.1")],
         OUTSIDE, UNANSWERED, cause("nat", "address", "rule", namespace="h"), fix="must", unlike="route_localnet", fixed=MASQUERADED)
scenario("snat-to-the-gateways-address", "SNAT was given the gateway's address instead of the host's.", [ONE, WEB, SNAT.format("198.51.100.1")],
         FAR, dies("out", "o", "ip_rcv_finish_core", "IP_LOCAL_SOURCE"), cause("nat", "address", "rule", namespace="h"), fix="must",
         fixed=MASQUERADED)

# The first uplink's address leaves by the second, whose provider takes no such source. Nobody changes the provider's router.

BY_THE_SECOND = [NATTED.replace("-j MASQUERADE", "-j SNAT --to-source 198.51.100.10"), UPLINK2, WEB,
                 "h: ip route replace default via 192.0.2.1"]
FIRSTS_SOURCE = cause("address", namespace="h")
SECONDS_SOURCE = "h: iptables -t nat -I POSTROUTING -s 10.1.0.0/24 -o eth1 -j MASQUERADE"
FOR_THE_SECOND = "-o eth1 -j MASQUERADE"
scenario("snat-of-the-other-uplink-checked-by-a-rule", "A rule there drops foreign sources.",
         [*BY_THE_SECOND, "o: iptables -A FORWARD -i eth1 ! -s 192.0.2.0/24 -j DROP"], FAR,
         dies("out", "o", RULES, "NETFILTER_DROP"), FIRSTS_SOURCE, fix="must", unlike="FORWARD", like=FOR_THE_SECOND, fixed=SECONDS_SOURCE)
scenario("snat-of-the-other-uplink-checked-by-a-policy", "Only the network's own sources are let through there.",
         [*BY_THE_SECOND, "o: iptables -A FORWARD -i eth1 -s 192.0.2.0/24 -j ACCEPT",
          "o: iptables -A FORWARD -o eth1 -j ACCEPT", "o: iptables -P FORWARD DROP"], FAR,
         dies("out", "o", RULES, "NETFILTER_DROP"), FIRSTS_SOURCE, fix="must", unlike="FORWARD", like=FOR_THE_SECOND,
         fixed=SECONDS_SOURCE)
scenario("snat-of-the-other-uplink-checked-by-rp-filter", "rp_filter there does not even answer the ARP question of such a source.",
         [*BY_THE_SECOND, "o: sysctl -qw net.ipv4.conf.all.rp_filter=1"], FAR, UNANSWERED, FIRSTS_SOURCE,
         fix="must", unlike="sysctl", like=FOR_THE_SECOND, fixed=SECONDS_SOURCE)

scenario("masquerade-takes-the-peer-address", "The address of a point-to-point link to the gateway is chosen, which the outside does not know.",
         [NATTED, "h: ip addr flush dev eth0; ip addr add 203.0.113.5 peer 198.51.100.1/32 dev eth0; ip addr add 198.51.100.10/24 dev eth0; "
                  "ip route replace default via 198.51.100.1"], OUTSIDE,
         dies("back", "o", source="203.0.113.5"), cause("nat", "address", namespace="h"), fix="must", unlike="ip route",
         fixed="h: iptables -t nat -I POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.10")

# Rules that lead all questions to one server catch the server's own.

for name, match in (("", "-i br0"), ("-of-a-network", "-s 10.1.0.0/24")):
    scenario(f"dns-server-asks-itself{name}", "The DNS of all containers is led to one of them, also what that one asks its upstream. "
             "Hairpin and MASQUERADE would only let it ask itself.",
             [NATTED, container("hole", "10.1.0.3"),
              f"h: iptables -t nat -A PREROUTING {match} -p udp --dport 53 -j DNAT --to-destination 10.1.0.3:53"],
             ask("hole", "198.51.100.1:53", server="o", proto="udp"), dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
             rule("nat", "PREROUTING", 1), fix="must", unlike="hairpin",
             fixed="h: iptables -t nat -I PREROUTING -s 10.1.0.3 -p udp --dport 53 -j ACCEPT")

# Two faults that do not know of each other: the first is named.

CALICO = [HOST, pod("a", "192.168.7.2", "calia"), pod("b", "192.168.7.3", "calib"),
          "h: ip route add blackhole 192.168.7.0/26 proto 80"]
scenario("calico-route-lost-and-policy", "The asking pod's /32 is lost, so the block's blackhole answers for it; a policy drops, too.",
         [*CALICO, "h: ip route del 192.168.7.2/32", "h: iptables -A FORWARD -o calib -p tcp -m conntrack --ctstate NEW -j DROP"],
         ask("a", "192.168.7.3:80", server="b"), dies("out", "a", "neigh_invalidate", "NEIGH_FAILED"), OWN_ROUTE, fix="must",
         unlike="rp_filter", fixed="h: ip route add 192.168.7.2/32 dev calia scope link\nh: iptables -F FORWARD")
