"""ARP and the neighbour tables: who answers, who is remembered wrongly."""

from harness.scenario import ask, cause, dies, rule, scenario, sysctl, works
from harness.topology import NATTED, NO_CARRIER, PAIR, TWO_NETWORKS, UPLINK2, container

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
C1_MAC, BRIDGE_MAC, OUTSIDE_MAC = "02:77:00:00:00:66", "02:77:00:00:00:67", "02:77:00:00:00:65"
NOBODY = "02:00:00:00:00:99"

scenario(
    "bridge-lost-its-address",
    "The bridge's address is gone (a network manager took it): nobody answers the container's ARP for its gateway.",
    [NATTED, "h: ip addr del 10.1.0.1/24 dev br0"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("address", "neighbour"),
    fix="must",
    fixed="h: ip addr add 10.1.0.1/24 dev br0",
)
scenario(
    "bridge-has-another-address",
    "The bridge's address was changed to 10.1.0.254; the container still asks for 10.1.0.1.",
    [NATTED, "h: ip addr del 10.1.0.1/24 dev br0", "h: ip addr add 10.1.0.254/24 dev br0"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("address", "neighbour", "route"),
    fix="must",
    fixed="c1: ip route replace default via 10.1.0.254",
)
scenario(
    "destination-nobody",
    "A destination on the uplink's own subnet that nobody has.",
    NATTED,
    ask("c1", "198.51.100.99:80", server="o"),
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("neighbour"),
    may_hesitate=True,
)
scenario(
    "gateway-mac-wrong-in-the-container",
    "The container has a permanent neighbour entry with a MAC address that nobody has: the bridge floods, nobody takes it.",
    [PAIR, f"c1: ip neigh replace 10.1.0.1 lladdr {NOBODY} dev eth0 nud permanent"],
    OUTSIDE,
    dies("out", "c2", "ip_rcv_core", "OTHERHOST"),
    cause("neighbour"),
    fix="must",
    fixed="c1: ip neigh del 10.1.0.1 dev eth0",
)
scenario(
    "gateway-mac-of-a-neighbour",
    "The entry holds the MAC address of another container (the bridge's MAC had moved): that one drops it.",
    [PAIR, "c1: ip neigh replace 10.1.0.1 lladdr 02:77:00:00:00:68 dev eth0 nud permanent"],
    OUTSIDE,
    dies("out", "c2", "ip_error", "IP_INADDRERRORS"),
    cause("neighbour"),
    fixed="c1: ip neigh del 10.1.0.1 dev eth0",
)
scenario(
    "container-mac-wrong-on-the-host",
    "The host has a permanent entry for the container with a wrong MAC address: the answer is flooded and not taken.",
    [NATTED, f"h: ip neigh replace 10.1.0.2 lladdr {NOBODY} dev br0 nud permanent"],
    OUTSIDE,
    dies("back", "c1", "ip_rcv_core", "OTHERHOST", source="198.51.100.10"),
    cause("neighbour"),
    fix="must",
    fixed="h: ip neigh del 10.1.0.2 dev br0",
)
scenario(
    "gateway-mac-wrong-on-the-host",
    "The host has a wrong permanent entry for its own gateway.",
    [NATTED, f"h: ip neigh replace 198.51.100.1 lladdr {NOBODY} dev eth0 nud permanent"],
    OUTSIDE,
    dies("out", "o", "ip_rcv_core", "OTHERHOST"),
    cause("neighbour"),
    fix="must",
    fixed="h: ip neigh del 198.51.100.1 dev eth0",
)
scenario("permanent-and-right", "Permanent entries that are right do no harm.",
         [NATTED, f"h: ip neigh replace 10.1.0.2 lladdr {C1_MAC} dev br0 nud permanent",
          f"h: ip neigh replace 198.51.100.1 lladdr {OUTSIDE_MAC} dev eth0 nud permanent"],
         OUTSIDE, works(source="198.51.100.10"))
scenario("stale-entries", "Stale entries are used, and confirmed later.",
         [NATTED, f"h: ip neigh replace 10.1.0.2 lladdr {C1_MAC} dev br0 nud stale",
          f"h: ip neigh replace 198.51.100.1 lladdr {OUTSIDE_MAC} dev eth0 nud stale"],
         OUTSIDE, works(source="198.51.100.10"))
scenario(
    "stale-and-wrong",
    "A stale entry that is wrong is used all the same, until its probes fail.",
    [NATTED, f"h: ip neigh replace 198.51.100.1 lladdr {NOBODY} dev eth0 nud stale"],
    OUTSIDE,
    dies("out", "o", "ip_rcv_core", "OTHERHOST"),
    cause("neighbour"),
    fixed="h: ip neigh del 198.51.100.1 dev eth0",
)
scenario("failed-is-tried-again", "An entry in FAILED is resolved afresh with the next packet: it says nothing about now.",
         [NATTED, "h: ip neigh add 198.51.100.1 dev eth0 nud failed"], OUTSIDE, works(source="198.51.100.10"))
scenario("arp-for-another-device", "The container's gateway is the host's uplink address: the host answers for any of its "
         "addresses.", [NATTED, "c1: ip route replace default via 198.51.100.10 dev eth0 onlink"], OUTSIDE,
         works(source="198.51.100.10"))
scenario(
    "arp-ignore",
    "With arp_ignore=1 it answers for the receiving device's addresses only.",
    [NATTED, "c1: ip route replace default via 198.51.100.10 dev eth0 onlink", "h: sysctl -qw net.ipv4.conf.br0.arp_ignore=1"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("sysctl", "neighbour", "route"),
    fixed="h: sysctl -qw net.ipv4.conf.br0.arp_ignore=0",
)
scenario(
    "arp-ignore-8",
    "arp_ignore=8: no answer at all.",
    [NATTED, "h: sysctl -qw net.ipv4.conf.all.arp_ignore=8"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("sysctl", "neighbour"),
    fixed="h: sysctl -qw net.ipv4.conf.all.arp_ignore=0",
)
scenario("arp-ignore-fits", "arp_ignore=1 and the address is the bridge's own: answered.",
         [NATTED, "h: sysctl -qw net.ipv4.conf.all.arp_ignore=1"], OUTSIDE, works(source="198.51.100.10"))
scenario(
    "arp-filter",
    "arp_filter: the outside asks on eth1 for 192.0.2.10 with an address that the host reaches by eth0: no answer.",
    [NATTED, UPLINK2, "o: ip route add 198.51.100.10/32 via 192.0.2.10", "h: sysctl -qw net.ipv4.conf.eth1.arp_filter=1"],
    OUTSIDE,
    dies("back", "o", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.10"),
    cause("sysctl", "neighbour"),
    fixed="h: sysctl -qw net.ipv4.conf.eth1.arp_filter=0",
)
scenario(
    "container-noarp",
    "ARP is switched off on the container's device: the frame carries the container's own MAC address.",
    [NATTED, "c1: ip link set eth0 arp off"],
    OUTSIDE,
    dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
    cause("neighbour", "link", "device", "bridge"),
    fixed="c1: ip link set eth0 arp on",
)

# Entries, flags and devices that the question or its answer meets on the way.

UNANSWERED = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED")
NEIGHBOUR = ask("c1", "10.1.0.3:80", server="c2")
scenario("askers-mac-is-permanent-on-its-port", "A local entry for the asker's MAC: the host takes the ARP answer.",
         [PAIR, f"h: bridge fdb replace {C1_MAC} dev vethc1 master permanent"], NEIGHBOUR,
         dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", also=("h", "ip_rcv_core", "OTHERHOST")), cause("bridge"), fix="must",
         fixed=f"h: bridge fdb del {C1_MAC} dev vethc1 master")
scenario("askers-mac-is-static-elsewhere", "The asker's MAC is static on another port: the ARP answer goes there.",
         [PAIR, f"h: bridge fdb replace {C1_MAC} dev vethc2 master static sticky"], OUTSIDE, UNANSWERED, cause("bridge"), fix="must",
         fixed=f"h: bridge fdb del {C1_MAC} dev vethc2 master")
scenario("askers-port-neither-learns-nor-floods", "The asker's port neither learns nor is flooded to.",
         [NATTED, "h: bridge link set dev vethc1 flood off learning off"], OUTSIDE, UNANSWERED, cause("bridge"), fix="must",
         fixed="h: bridge link set dev vethc1 learning on")
scenario("uplink-in-a-bridge-keeps-its-address", "The uplink was put into a bridge and kept its address: the bridge takes what comes in.",
         [NATTED, "h: ip link add br9 type bridge", "h: ip link set br9 up", "h: ip link set eth0 master br9"], OUTSIDE,
         dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("bridge"), fix="must", fixed="h: ip link set eth0 nomaster")
scenario("address-on-the-port", "The gateway's address is on the port instead of on the bridge.",
         [NATTED, "h: ip addr del 10.1.0.1/24 dev br0", "h: ip addr add 10.1.0.1/24 dev vethc1"], OUTSIDE,
         dies("back", "h", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.10"), cause("bridge"), fix="must",
         fixed="h: ip addr del 10.1.0.1/24 dev vethc1\nh: ip addr add 10.1.0.1/24 dev br0")
scenario("asked-container-is-down", "The asked container's own device is down.", [TWO_NETWORKS, "d1: ip link set eth0 down", NO_CARRIER.format(device="br1")],
         ask("c1", "10.2.0.2:80", server="d1"), dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("device"), fix="must",
         fixed="d1: ip link set eth0 up\nd1: ip route add default via 10.2.0.1")
scenario("gateway-has-the-broadcast-mac", "A permanent entry gives the gateway the broadcast MAC: no router forwards what comes so.",
         [NATTED, "c1: ip neigh replace 10.1.0.1 lladdr ff:ff:ff:ff:ff:ff dev eth0 nud permanent"], OUTSIDE,
         dies("out", "h", "ip_forward", "NOT_SPECIFIED"), cause("neighbour"), fix="must", fixed="c1: ip neigh del 10.1.0.1 dev eth0")
scenario(
    "noarp-entry-wrong",
    "An entry in state NOARP, which `ip neigh` alone does not show, has a wrong MAC address.",
    [PAIR, f"c1: ip neigh replace 10.1.0.1 lladdr {NOBODY} dev eth0 nud noarp"],
    OUTSIDE,
    dies("out", "c2", "ip_rcv_core", "OTHERHOST"),
    cause("neighbour"),
    fix="must",
    fixed="c1: ip neigh del 10.1.0.1 dev eth0",
)

# Two that own one address: the first answer stays (net.ipv4.neigh.*.locktime).

scenario("two-owners-host-first", "A container has the bridge's address, too. The host answers first, being nearer.",
         [PAIR, "c2: ip addr add 10.1.0.1/24 dev eth0"], OUTSIDE, works(source="198.51.100.10"), cold=True)
scenario("two-owners-host-first-older-port", "The same when the container with the stolen address came first.",
         [NATTED.replace("cable c1/eth0 h/vethc1", "namespace c2\ncable c2/eth0 h/vethc2\nh: ip link set vethc2 master br0\n"
                         "c2: ip addr add 10.1.0.1/24 dev eth0\ncable c1/eth0 h/vethc1")],
         OUTSIDE, works(source="198.51.100.10"), cold=True)
scenario(
    "two-owners-newest-port-first",
    "Two containers have 10.1.0.3: a bridge floods to its newest port first. That one drops everything.",
    [PAIR, container("c3", "10.1.0.3"), "c3: iptables -A INPUT -j DROP"],
    ask("c1", "10.1.0.3:80", server="c2"),
    dies("out", "c3", "nft_do_chain", "NETFILTER_DROP"),
    rule("filter", "INPUT", 1),
    cold=True,
    fixed="c3: ip addr del 10.1.0.3/24 dev eth0\nc1: ip neigh flush dev eth0",
)

# A proxy that went silent.

ROUTED = """
namespace c1 c2 h o
cable h/eth0 o/eth0
cable c1/eth0 h/cali1
cable c2/eth0 h/cali2
o: ip addr add 198.51.100.1/24 dev eth0
h: ip addr add 198.51.100.10/24 dev eth0
h: ip route add default via 198.51.100.1
h: ip route add 10.1.0.2/32 dev cali1
h: ip route add 10.1.0.3/32 dev cali2
h: sysctl -qw net.ipv4.ip_forward=1
h: sysctl -qw net.ipv4.conf.cali1.proxy_arp=1 net.ipv4.neigh.cali1.proxy_delay=0
h: sysctl -qw net.ipv4.conf.cali2.proxy_arp=1 net.ipv4.neigh.cali2.proxy_delay=0
h: iptables -t nat -A POSTROUTING -s 10.1.0.0/16 -o eth0 -j MASQUERADE
c1: ip addr add 10.1.0.2/32 dev eth0
c1: ip route add 169.254.1.1 dev eth0
c1: ip route add default via 169.254.1.1
c2: ip addr add 10.1.0.3/32 dev eth0
c2: ip route add 169.254.1.1 dev eth0
c2: ip route add default via 169.254.1.1
"""
SILENT = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED")
scenario(
    "proxy-without-ip-forward",
    "Calico's way with ip_forward = 0: the host does not answer for 169.254.1.1 any more.",
    [ROUTED, "h: sysctl -qw net.ipv4.ip_forward=0"],
    OUTSIDE,
    SILENT,
    cause("sysctl", key="net.ipv4.ip_forward"),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.ip_forward=1",
)
scenario(
    "proxy-without-forwarding",
    "The same by the veth's own flag.",
    [ROUTED, "h: sysctl -qw net.ipv4.conf.cali1.forwarding=0"],
    OUTSIDE,
    SILENT,
    sysctl("net.ipv4.conf.cali1.forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.cali1.forwarding=1",
)
scenario(
    "proxy-switched-off",
    "proxy_arp is off on the container's veth.",
    [ROUTED, "h: sysctl -qw net.ipv4.conf.cali1.proxy_arp=0"],
    OUTSIDE,
    SILENT,
    sysctl("net.ipv4.conf.cali1.proxy_arp", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.cali1.proxy_arp=1",
)
scenario(
    "proxy-without-route",
    "A proxy needs a route to what it answers for: without a default route two containers of one host lose each other.",
    [ROUTED, "h: ip route del default"],
    ask("c1", "10.1.0.3:80", server="c2"),
    SILENT,
    cause("route"),
    fixed="h: ip route add default via 198.51.100.1",
)
scenario(
    "proxy-entry-without-ip-forward",
    "LXD's routed NIC: the host's proxy entry for the container is silent while ip_forward = 0.",
    """
    namespace h o c1
    cable h/eth0 o/eth0
    cable c1/eth0 h/veth1
    o: ip addr add 198.51.100.1/24 dev eth0
    h: ip addr add 198.51.100.10/24 dev eth0
    h: ip route add default via 198.51.100.1
    h: sysctl -qw net.ipv4.ip_forward=0 net.ipv4.neigh.eth0.proxy_delay=0
    h: ip addr add 169.254.0.1/32 dev veth1
    h: ip route add 198.51.100.77/32 dev veth1
    h: ip neigh add proxy 198.51.100.77 dev eth0
    c1: ip addr add 198.51.100.77/32 dev eth0
    c1: ip route add 169.254.0.1 dev eth0
    c1: ip route add default via 169.254.0.1
    """,
    ask("o", "198.51.100.77:80", server="c1"),
    dies("out", "o", "neigh_invalidate", "NEIGH_FAILED"),
    cause("sysctl", key="net.ipv4.ip_forward"),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.ip_forward=1",
)
scenario(
    "nobody-is-asked",
    "net.ipv4.neigh.*.mcast_solicit = 0 on the uplink: no ARP request is ever sent, the gateway's address is not found.",
    [NATTED, "h: sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=0", "h: ip neigh flush dev eth0"],
    OUTSIDE,
    dies("out", "h", "__neigh_event_send", "NEIGH_FAILED"),
    sysctl("net.ipv4.neigh.eth0.mcast_solicit", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=3",
)
scenario(
    "nobody-is-asked-by-the-container",
    "The same in the container, and a daemon (app_solicit) that is to answer in the kernel's place is not there.",
    [NATTED, "c1: sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=0", "c1: sysctl -qw net.ipv4.neigh.eth0.app_solicit=1",
     "c1: ip neigh flush dev eth0"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    sysctl("net.ipv4.neigh.eth0.mcast_solicit", 0),
    fix="must",
    fixed="c1: sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=3",
)

# Who takes the asking address for its own is silent, and so is who does not know its own.

UNKNOWN = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED")
scenario("asking-address-is-a-local-route", "A route of the table local takes the container's address for the host's own.",
         [NATTED, "h: ip route add local 10.1.0.2/32 dev lo"], OUTSIDE, UNKNOWN, cause("route", namespace="h"), fix="must",
         like="ip route del local 10.1.0.2", fixed="h: ip route del local 10.1.0.2/32 dev lo")
scenario("gateway-without-its-local-route", "The bridge has its address, and the table local has lost it.",
         [NATTED, "h: ip route del local 10.1.0.1 dev br0 table local"], OUTSIDE, UNKNOWN, cause("neighbour"), fix="must",
         like="ip route add local 10.1.0.1 dev br0", fixed="h: ip route add local 10.1.0.1 dev br0 table local")
scenario("bridge-has-the-containers-mac", "The bridge was given the container's own MAC address.",
         [NATTED, f"h: ip link set br0 address {C1_MAC}"], OUTSIDE, UNKNOWN, None, fix="must", like="ip link set br0 address",
         fixed="h: ip link set br0 address 02:aa:00:00:00:01")
TWICE = "h: ip addr add 10.1.0.2/32 dev lo"
NOT_TWICE = "ip addr del 10.1.0.2/32 dev lo"
scenario("asking-address-on-the-hosts-lo",
         "The container's address is on the host's lo, too; the container knows its gateway, and the host takes the packet for its own.",
         [NATTED, TWICE, f"c1: ip neigh add 10.1.0.1 lladdr {BRIDGE_MAC} dev eth0"], OUTSIDE,
         dies("out", "h", "ip_rcv_finish_core", "IP_LOCAL_SOURCE"), cause("address", namespace="h"), fix="must", like=NOT_TWICE,
         fixed="h: " + NOT_TWICE)
ANSWER_STAYS = dies("back", "h", "tcp_v4_rcv", "NO_SOCKET", source="198.51.100.10")
scenario("asking-address-on-the-hosts-lo-accepted", "accept_local lets the question pass, and its answer is the host's own.",
         [NATTED, TWICE, "h: sysctl -qw net.ipv4.conf.all.accept_local=1"], OUTSIDE, ANSWER_STAYS, cause("route", namespace="h"),
         fix="must", like=NOT_TWICE, fixed="h: " + NOT_TWICE)
scenario("asking-address-is-the-bridges-broadcast",
         "The bridge's address was given the container's as its broadcast: the host takes the answer as one for all.",
         [NATTED, "h: ip addr flush dev br0", "h: ip addr add 10.1.0.1/24 broadcast 10.1.0.2 dev br0"], OUTSIDE, ANSWER_STAYS,
         cause("route", namespace="h"), fix="afterwards", like="ip route del broadcast 10.1.0.2",
         fixed="h: ip addr flush dev br0\nh: ip addr add 10.1.0.1/24 dev br0")
