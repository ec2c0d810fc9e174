"""Two devices with one subnet: a network that was made anew beside its leftover. The route leads into the wrong one."""

from harness.scenario import ask, cause, dies, scenario, works
from harness.topology import C2, HOST, MASQUERADE, NATTED, WEB, container

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FAR = ask("c1", "203.0.113.80:80", server="w")
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
FROM_HOST = ask("h", "10.1.0.2:80", server="c1")

OLD = "\nh: ip link add brold type bridge; ip addr add {} dev brold; ip link set brold up\n"
UNDER_WAY = ("h", "neigh_invalidate", "NEIGH_FAILED")
LOST = dies("back", *UNDER_WAY, source="198.51.100.10")
MUTE = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH")
ROUTE = cause("route", text="brold", namespace="h")
OFF = "h: ip link del brold"


def older(address, more=""):
    """The leftover bridge was there before br0: its route of the same prefix comes first."""
    lines = HOST.replace("h: ip link add br0 type bridge", OLD.format(address) + "h: ip link add br0 type bridge", 1)
    return lines + container("c1", "10.1.0.2") + MASQUERADE + more


# Nobody is behind it: its address goes.

for name, lines, question, truth in (
        ("same-subnet", [older("10.1.0.1/24")], OUTSIDE, LOST),
        ("same-subnet-another-address", [older("10.1.0.254/24")], OUTSIDE, LOST),
        ("same-subnet-two-containers", [older("10.1.0.254/24", C2)], OUTSIDE, LOST),
        ("same-subnet-published", [older("10.1.0.1/24"), PUBLISH], FROM_OUTSIDE, dies("out", *UNDER_WAY)),
        ("same-subnet-from-the-host", [older("10.1.0.1/24")], FROM_HOST, dies("out", *UNDER_WAY)),
        ("narrower", [NATTED, OLD.format("10.1.0.1/25")], OUTSIDE, LOST),
        ("narrower-published", [NATTED, PUBLISH, OLD.format("10.1.0.1/25")], FROM_OUTSIDE,
         dies("out", *UNDER_WAY, error="EHOSTUNREACH")),
        ("narrower-from-the-host", [NATTED, OLD.format("10.1.0.1/25")], FROM_HOST,
         dies("out", *UNDER_WAY, error="EHOSTUNREACH"))):
    scenario(name, "A leftover bridge without ports has the containers' subnet.", lines, question, truth, ROUTE, fix="must",
             unlike="via 198.51.100.1", fixed=OFF)
scenario("covers-the-server", "A leftover bridge without ports has the server's subnet.", [NATTED, WEB, OLD.format("203.0.113.1/24")],
         FAR, dies("out", *UNDER_WAY, error="EHOSTUNREACH"), ROUTE, fix="must", fixed=OFF)
scenario("strict", "The same subnet and strict rp_filter: not even ARP is answered.",
         [older("10.1.0.1/24"), "h: sysctl -qw net.ipv4.conf.all.rp_filter=1"], OUTSIDE, MUTE, cause("route"), fix="must",
         unlike="rp_filter", fixed=OFF)
scenario("down", "It is down, and does no harm.", [older("10.1.0.1/24"), "h: ip link set brold down"], OUTSIDE, works(source="198.51.100.10"))

# Somebody is behind it, too: a route to the one address helps, and leaves him his subnet.

X1 = "namespace x1\ncable x1/eth0 h/vx1\nh: ip link set vx1 master brold\nx1: ip addr add 10.1.0.66/24 dev eth0\n"
for name, lines in (("with-a-port-narrower", [NATTED, OLD.format("10.1.0.77/25"), X1]),
                    ("with-a-port-same-subnet", [older("10.1.0.254/24", X1)])):
    scenario(name, "It has the subnet, and a port.", lines, OUTSIDE, LOST, cause("route", namespace="h"), fix="must",
             unlike="ip addr del", fixed="h: ip link set brold down")
scenario("uplink-has-the-subnet", "The LAN has the containers' subnet, too, and was there before.",
         [HOST.replace("h: ip link add br0 type bridge", "h: ip addr add 10.1.0.50/24 dev eth0\nh: ip link add br0 type bridge", 1),
          container("c1", "10.1.0.2"), MASQUERADE], OUTSIDE, LOST, cause("route", text="eth0", namespace="h"), fix="must",
         unlike="ip addr del", fixed="h: ip route add 10.1.0.2/32 dev br0")
scenario("vpn-route-covers-the-containers", "The VPN pushes a route that takes a part of the containers' subnet: the answer goes into the tunnel.",
         [NATTED, """
namespace v
cable h/tun0 v/tun0
h: ip addr add 10.8.0.6/24 dev tun0
v: ip addr add 10.8.0.1/24 dev tun0
h: ip route add 10.1.0.0/25 via 10.8.0.1
"""], OUTSIDE, dies("back", "v", "ip_error", "IP_INADDRERRORS", source="198.51.100.10"), cause("route", text="tun0", namespace="h"), fix="must",
         unlike="via 198.51.100.1", fixed="h: ip route add 10.1.0.2/32 dev br0")
scenario("docker-in-docker", "The inner docker took the subnet of the outer one: the answer is looked for outside.", [NATTED, """
c1: ip link add docker0 type bridge
c1: ip addr add 10.1.0.1/24 dev docker0
c1: ip link set docker0 up
c1: sysctl -qw net.ipv4.ip_forward=1
c1: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o docker0 -j MASQUERADE
namespace inner
cable inner/eth0 c1/vethi
c1: ip link set vethi master docker0
inner: ip addr add 10.1.0.3/24 dev eth0
inner: ip route add default via 10.1.0.1
"""], ask("inner", "198.51.100.1:443", server="o"), dies("back", "c1", "neigh_invalidate", "NEIGH_FAILED"),
         cause("route", namespace="c1", text="eth0"), fix="must", unlike="ip addr del", fixed="c1: ip route add 10.1.0.3/32 dev docker0")
