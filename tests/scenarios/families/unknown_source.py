"""A network on the way that does not know the source: who should have translated it."""

from harness.scenario import ask, cause, dies, scenario
from harness.topology import MASQUERADE, NATTED, ONE
from harness.topology import C1 as CONTAINER

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")

# The missing translation is to blame, not the router there.

MASQUERADE_UPLINK = "h: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"
scenario(
    "missing-on-the-vpn",
    "OpenVPN's redirect-gateway def1 (0/1 and 128/1) takes what containers send into the tunnel; MASQUERADE is for eth0.",
    [ONE, MASQUERADE_UPLINK, "namespace l\ncable h/tun0 l/tun0\nh: ip addr add 10.8.0.2/24 dev tun0\n"
     "l: ip addr add 10.8.0.1/24 dev tun0\nl: ip addr add 203.0.113.80/32 dev lo\n"
     "h: ip route add 0.0.0.0/1 via 10.8.0.1\nh: ip route add 128.0.0.0/1 via 10.8.0.1"],
    ask("c1", "203.0.113.80:80", server="l"),
    dies("back", "l", source="10.1.0.2"),
    cause("nat", namespace="h"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -o tun0 -j MASQUERADE",
)
LAN = ("namespace l\ncable h/eth1 l/eth0\nh: ip addr add 192.168.50.10/24 dev eth1\n"
       "l: ip addr add 192.168.50.1/24 dev eth0\nl: ip route add default via 192.168.50.254")
scenario(
    "missing-on-a-second-lan",
    "A server on a second LAN, which has its own default gateway; MASQUERADE is for eth0.",
    [ONE, MASQUERADE_UPLINK, LAN],
    ask("c1", "192.168.50.1:80", server="l"),
    dies("back", "l", source="10.1.0.2"),
    cause("nat", namespace="h"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE",
)
scenario(
    "missing-behind-a-second-lan",
    "A network behind a router of the second LAN.",
    [ONE, MASQUERADE_UPLINK, LAN, "h: ip route add 10.200.0.0/16 via 192.168.50.1", "l: ip addr add 10.200.0.1/32 dev lo"],
    ask("c1", "10.200.0.1:80", server="l"),
    dies("back", "l", source="10.1.0.2"),
    cause("nat", namespace="h"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE",
)
scenario(
    "snat-to-the-bridges-address",
    "SNAT to the private address of the host's bridge: it is the host's, but the outside does not know it.",
    [ONE, "h: iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 10.1.0.1"],
    OUTSIDE,
    dies("back", "o", source="10.1.0.1"),
    cause("nat", "address", namespace="h"),
    fix="must",
    fixed="h: iptables -t nat -F\nh: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j MASQUERADE",
)
scenario(
    "src-hint-of-another-device",
    "The host's route says src 10.1.0.1, the bridge's address, and nobody translates it.",
    [ONE, "h: ip route add 198.51.100.1/32 dev eth0 src 10.1.0.1"],
    ask("h", "198.51.100.1:80", server="o"),
    dies("back", "o", source="10.1.0.1"),
    cause("nat", "address", namespace="h"),
    fix="must",
    fixed="h: ip route del 198.51.100.1/32",
)
scenario(
    "uplink-address-of-scope-link",
    "The uplink's address has scope link: MASQUERADE takes the bridge's.",
    [NATTED, "h: ip addr del 198.51.100.10/24 dev eth0", "h: ip addr add 198.51.100.10/24 dev eth0 scope link",
     "h: ip route replace default via 198.51.100.1"],
    OUTSIDE,
    dies("back", "o", source="10.1.0.1"),
    cause("nat", "address", namespace="h"),
    fixed="h: ip addr del 198.51.100.10/24 dev eth0\nh: ip addr add 198.51.100.10/24 dev eth0\n"
          "h: ip route replace default via 198.51.100.1",
)

# The host behind a router that translates, too.
ROUTER = """
namespace h o r
cable h/eth0 r/lan
cable r/eth0 o/eth0
o: ip addr add 203.0.113.1/24 dev eth0
r: ip addr add 203.0.113.10/24 dev eth0
r: ip addr add 192.168.7.1/24 dev lan
r: ip route add default via 203.0.113.1
r: sysctl -qw net.ipv4.ip_forward=1
h: ip link add br0 type bridge
h: ip addr add 10.1.0.1/24 dev br0
h: ip link set br0 up
h: ip addr add 192.168.7.10/24 dev eth0
h: ip route add default via 192.168.7.1
h: sysctl -qw net.ipv4.ip_forward=1
""" + CONTAINER
BEHIND = ask("c1", "203.0.113.1:80", server="o")
scenario(
    "missing-at-the-router",
    "The host translates, the router behind it does not.",
    [ROUTER, MASQUERADE],
    BEHIND,
    dies("back", "o", source="192.168.7.10"),
    cause("nat"),
    fix="must",
    fixed="r: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE\nh: conntrack -F\nr: conntrack -F",
)
scenario(
    "missing-in-front-of-the-router",
    "The router translates everything, but has no way back to a container that the host does not translate.",
    [ROUTER, "r: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"],
    BEHIND,
    dies("back", "o", "ip_error", "IP_INADDRERRORS", source="203.0.113.10"),
    cause("nat", namespace="h"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j MASQUERADE\nr: conntrack -F",
)
