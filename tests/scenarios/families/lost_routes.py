"""Routes that are missing, on the wrong device, or passed over: what is offered is the route that belongs there."""

from harness.scenario import ask, cause, dies, scenario, works
from harness.topology import HOST, NATTED, ONE, TWO_NETWORKS, WEB

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FAR = ask("c1", "203.0.113.80:80", server="w")
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"

# Routes that are missing, on the wrong device, or passed over.

CONNECTED = "h: ip route add 10.1.0.0/24 dev br0"
LOST_BACK = dies("back", "o", source="198.51.100.10")
scenario("bridge-address-noprefixroute", "The bridge's address made no route: the answer goes back out by the default route.",
         [NATTED.replace("10.1.0.1/24 dev br0", "10.1.0.1/24 dev br0 noprefixroute")], OUTSIDE, LOST_BACK,
         cause("route", "address"), fix="must", unlike="default", fixed=CONNECTED)
scenario("connected-route-deleted", "The bridge's own route was deleted.", [NATTED, "h: ip route del 10.1.0.0/24 dev br0"], OUTSIDE,
         LOST_BACK, cause("route", "address"), fix="must", unlike="default", fixed=CONNECTED)
scenario("throw", "A throw route sends the look-up on, and no further table knows.",
         [NATTED, WEB, "h: ip route add throw 203.0.113.0/24"], FAR, dies("out", "h", "ip_error", "IP_INNOROUTES"),
         cause("route", text="throw"), fix="must", fixed="h: ip route del throw 203.0.113.0/24")
scenario("goto-over-main", "A goto jumps over the rule for main.",
         [NATTED, "h: ip rule add from 10.1.0.0/24 pref 100 goto 40000", "h: ip rule add pref 40000 table 200"], OUTSIDE,
         dies("out", "h", "ip_error", "IP_INNOROUTES"), cause("route"), fix="must", fixed="h: ip rule del pref 100")
scenario("main-for-some-sources-only", "main is asked for 10/8 only: the answer finds no table.",
         [NATTED, "h: ip rule add from 10.0.0.0/8 pref 32760 table main", "h: ip rule del pref 32766"], OUTSIDE,
         dies("back", "h", "ip_error", "IP_INNOROUTES", source="198.51.100.10"), cause("route"), fix="must",
         fixed="h: ip rule add pref 32766 table main")
scenario("default-on-the-link", "The default route has no gateway: the container asks its own segment for the outside.",
         [NATTED, "c1: ip route replace default dev eth0"], OUTSIDE, dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
         cause("route"), fix="must", unlike="ip route del", fixed="c1: ip route replace default via 10.1.0.1")
scenario("stray-route-and-arp-filter", "A stray route for the container, which arp_filter heeds: without the route it does no harm.",
         [TWO_NETWORKS, "h: ip route add 10.1.0.2/32 dev br1", "h: sysctl -qw net.ipv4.conf.br0.arp_filter=1"], OUTSIDE,
         dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"), cause("route"), fix="must", unlike="arp_filter",
         fixed="h: ip route del 10.1.0.2/32")
NEXT_NODE = """
namespace g x1
cable g/eth0 h/eth1
cable x1/eth0 g/vethx1
g: ip addr add 192.168.7.2/24 dev eth0
h: ip addr add 192.168.7.1/24 dev eth1
g: ip link add br0 type bridge
g: ip addr add 10.1.1.1/24 dev br0
g: ip link set br0 up
g: ip link set vethx1 master br0
x1: ip addr add 10.1.1.2/24 dev eth0
x1: ip route add default via 10.1.1.1
g: sysctl -qw net.ipv4.ip_forward=1
g: ip route add 10.1.0.0/24 via 192.168.7.1
"""
scenario(
    "next-node-without-route",
    "The route to the other node's containers is missing: the answer takes the default. One route helps, not another default.",
    [ONE, NEXT_NODE],
    ask("x1", "10.1.0.2:80", server="c1"),
    dies("back", "o", source="10.1.1.2"),
    cause("route"),
    fix="must",
    unlike="default",
    fixed="h: ip route add 10.1.1.0/24 via 192.168.7.2",
)

# A container on a cable of its own, with a route for its address alone.


def routed_container(name, address, device):
    return f"""
namespace {name}
cable {name}/eth0 h/{device}
{name}: ip addr add {address}/32 dev eth0
{name}: ip route add 169.254.1.1 dev eth0 scope link
{name}: ip route add default via 169.254.1.1
h: sysctl -qw net.ipv4.conf.{device}.proxy_arp=1 net.ipv4.conf.{device}.rp_filter=1
h: ip route add {address} dev {device} scope link
h: echo 0 > /proc/sys/net/ipv4/neigh/{device}/proxy_delay
"""


CABLES = HOST.replace("h: ip addr add 10.1.0.1/24 dev br0\n", "") + routed_container("c1", "10.1.0.2", "cali1") + routed_container(
    "c2", "10.1.0.3", "cali2") + """
h: ip route add blackhole 10.1.0.0/26
h: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
"""
CABLE_FIXED = "h: ip route replace 10.1.0.2 dev cali1 scope link"
DEAF = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED")
scenario("cable-works", "Routed containers: the host answers ARP in the gateway's place.", CABLES, OUTSIDE, works(source="198.51.100.10"))
scenario("cable-without-route", "The container's own route is gone; the blackhole of the pool covers it, so ARP is not answered.",
         [CABLES, "h: ip route del 10.1.0.2"], OUTSIDE, DEAF, cause("route"), fix="must", fixed=CABLE_FIXED)
scenario("cable-route-on-another", "The container's route leads to another container's cable.",
         [CABLES, "h: ip route replace 10.1.0.2 dev cali2 scope link"], OUTSIDE, DEAF, cause("route"), fix="must", fixed=CABLE_FIXED)
scenario("cable-without-route-asked", "… asked by another container: the blackhole swallows it.", [CABLES, "h: ip route del 10.1.0.2"],
         ask("c2", "10.1.0.2:80", server="c1"), dies("out", "h", "ip_error", "NOT_SPECIFIED"), cause("route"), fix="must",
         fixed=CABLE_FIXED)
scenario(
    "cable-with-another-peer",
    "The host's end names another peer than the container.",
    """
namespace c1 h o
cable h/eth0 o/eth0
cable c1/eth0 h/ptp
o: ip addr add 198.51.100.1/24 dev eth0
h: ip addr add 198.51.100.10/24 dev eth0
h: ip route add default via 198.51.100.1
h: ip addr add 10.1.0.1 peer 10.1.0.3 dev ptp
c1: ip addr add 10.1.0.2 peer 10.1.0.1 dev eth0
c1: ip route add default via 10.1.0.1
h: sysctl -qw net.ipv4.ip_forward=1
h: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
""",
    OUTSIDE,
    LOST_BACK,
    cause("address", "route"),
    fix="must",
    fixed="h: ip route add 10.1.0.2 dev ptp",
)

# A full tunnel, as wg-quick makes it: all that is not the tunnel's own goes into it, answers too.

TUNNEL = """
namespace v
cable h/wg0 v/wg0
v: ip addr add 10.66.0.1/24 dev wg0
h: ip addr add 10.66.0.2/24 dev wg0
h: ip route add default dev wg0 table 51820
h: ip rule add not fwmark 0xca6c table 51820 pref 32765
h: ip rule add table main suppress_prefixlength 0 pref 32764
o: ip addr add 203.0.113.5/32 dev lo
o: ip route add 198.51.100.10/32 dev eth0 src 203.0.113.5
"""
INTO_TUNNEL = dies("back", "h", "neigh_invalidate", "NEIGH_FAILED", source="203.0.113.5")
scenario("full-tunnel-takes-the-hosts-answer", "A far client asks the host; the answer goes into the tunnel.", [NATTED, TUNNEL],
         ask("o", "198.51.100.10:22", server="h"), INTO_TUNNEL, cause("route"), fix="must", unlike="table 51820",
         fixed="h: ip rule add from 198.51.100.10 table main pref 100")
scenario("full-tunnel-takes-a-containers-answer", "… a published port.", [NATTED, PUBLISH, TUNNEL], FROM_OUTSIDE, INTO_TUNNEL,
         cause("route"), fix="must", unlike="table 51820", fixed="h: ip rule add from 10.1.0.2 table main pref 100")
