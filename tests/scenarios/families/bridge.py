"""The bridge and its ports, veth pairs, and iptables on bridged packets."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, policy, rule, scenario, works
from harness.topology import NATTED, ONE, PAIR, container

BOTH = (NFT, LEGACY)
OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
NEIGHBOUR = ask("c1", "10.1.0.3:80", server="c2")
NO_CALL = "h: sysctl -qw net.bridge.bridge-nf-call-iptables=0"
C2_MAC = "02:77:00:00:00:68"

# Ports.

scenario(
    "port-without-master",
    "The container's veth lost its bridge. The host answers ARP on it and forwards the request; only the answer, "
    "which goes to the bridge, finds nobody.",
    [PAIR, "h: ip link set vethc1 nomaster"],
    OUTSIDE,
    dies("back", "h", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.10"),
    cause("bridge", "link", "device"),
    fix="must",
    fixed="h: ip link set vethc1 master br0",
)
scenario(
    "port-without-master-neighbour",
    "The same, asked by another container of the bridge.",
    [PAIR, "h: ip link set vethc2 nomaster"],
    NEIGHBOUR,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("bridge", "link", "device", "neighbour"),
    fixed="h: ip link set vethc2 master br0",
)
scenario(
    "port-in-another-bridge",
    "The container's veth hangs on another bridge, which has no address: the host answers ARP there, too (any of its "
    "addresses, on any device), and the request gets out. The answer goes to the right bridge and finds nobody.",
    [PAIR, "h: ip link add br9 type bridge", "h: ip link set br9 up", "h: ip link set vethc1 master br9"],
    OUTSIDE,
    dies("back", "h", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.10"),
    cause("bridge", "link", "device", "neighbour"),
    fixed="h: ip link set vethc1 master br0",
)
scenario(
    "bridge-down",
    "The bridge is down.",
    [NATTED, "h: ip link set br0 down"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("bridge", "link", "device"),
    fix="must",
    fixed="h: ip link set br0 up",
)
scenario(
    "port-down",
    "The host's end of the veth is down: the container's end has no carrier.",
    [NATTED, "h: ip link set vethc1 down"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("link", "device", "bridge"),
    fix="must",
    fixed="h: ip link set vethc1 up",
)
scenario(
    "container-device-down",
    "The container's own device is down, its routes are gone.",
    [NATTED, "c1: ip link set eth0 down"],
    OUTSIDE,
    dies("out", "c1", error="ENETUNREACH"),
    cause("link", "device", "route"),
    fixed="c1: ip link set eth0 up\nc1: ip route add default via 10.1.0.1",
)
scenario(
    "port-disabled",
    "The bridge port's state is 'disabled'.",
    [NATTED, "h: bridge link set dev vethc1 state 0"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", also=("h", "br_handle_frame", "BRIDGE_INGRESS_STP_STATE")),
    cause("bridge"),
    fix="must",
    fixed="h: bridge link set dev vethc1 state 3",
)
scenario(
    "port-disabled-neighbours-known",
    "The same with the gateway's MAC address known: the bridge drops the frame at its port.",
    [NATTED, "h: bridge link set dev vethc1 state 0", "h: ip link set br0 address 02:77:00:00:00:67",
     "c1: ip neigh replace 10.1.0.1 lladdr 02:77:00:00:00:67 dev eth0 nud permanent"],
    OUTSIDE,
    dies("out", "h", "br_handle_frame", "BRIDGE_INGRESS_STP_STATE"),
    cause("bridge"),
    fix="must",
    fixed="h: bridge link set dev vethc1 state 3",
)
scenario("port-blocking", "Set to 'blocking' by hand, a port of a bridge without STP is back in 'forwarding' at once.",
         [NATTED, "h: bridge link set dev vethc1 state 4"], OUTSIDE, works(source="198.51.100.10"))
scenario(
    "stp-listening",
    "STP is on with a forward delay of 15 s: the port is still listening.",
    [NATTED.replace("type bridge", "type bridge stp_state 1 forward_delay 1500")],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("bridge"),
    fixed="h: ip link set br0 type bridge stp_state 0\nh: ip link set vethc1 down\nh: ip link set vethc1 up",
)
scenario(
    "isolated-ports",
    "Both ports are isolated: the containers do not see each other …",
    [PAIR, "h: bridge link set dev vethc1 isolated on", "h: bridge link set dev vethc2 isolated on"],
    NEIGHBOUR,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("bridge"),
    fix="must",
    fixed="h: bridge link set dev vethc1 isolated off",
)
scenario("isolated-ports-outside", "… but reach the outside.",
         [PAIR, "h: bridge link set dev vethc1 isolated on", "h: bridge link set dev vethc2 isolated on"],
         OUTSIDE, works(source="198.51.100.10"))
scenario("one-port-isolated", "One isolated port alone isolates nothing.",
         [PAIR, "h: bridge link set dev vethc1 isolated on"], NEIGHBOUR, works(source="10.1.0.2"))
scenario(
    "isolated-by-address-of-the-host",
    "Isolated containers still reach each other by a published port: that way is routed, if bridged DNAT is off.",
    [PAIR, NO_CALL, "h: bridge link set dev vethc1 isolated on", "h: bridge link set dev vethc2 isolated on",
     "h: iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.3:80",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -d 10.1.0.0/24 -j MASQUERADE"],
    ask("c1", "10.1.0.1:8080", server="c2:80"),
    works(source="10.1.0.1"),
)
scenario(
    "flood-off",
    "Flooding and learning are off at the second container's port, and nothing was learned: it is not found.",
    [PAIR, "h: bridge link set dev vethc2 flood off bcast_flood off learning off"],
    NEIGHBOUR,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("bridge", "neighbour"),
    fixed="h: bridge link set dev vethc2 flood on bcast_flood on learning on",
)
scenario(
    "sticky-entry-on-the-wrong-port",
    "A sticky fdb entry says that the second container is behind the first one's port: no frame goes back there.",
    [PAIR, f"h: bridge fdb replace {C2_MAC} dev vethc1 master static sticky"],
    NEIGHBOUR,
    dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
    cause("bridge"),
    fix="must",
    fixed=f"h: bridge fdb del {C2_MAC} dev vethc1 master",
)
scenario(
    "static-entry-moves",
    "A static entry without 'sticky' is moved by the first frame that says otherwise: the second container's ARP answer.",
    [PAIR, f"h: bridge fdb replace {C2_MAC} dev vethc1 master static"],
    NEIGHBOUR,
    works(source="10.1.0.2"),
    may_hesitate=True,
)
scenario(
    "same-mac-twice",
    "Both containers have the same MAC address: a frame to the other one is a frame to oneself.",
    [PAIR, "c2: ip link set eth0 down", "c2: ip link set eth0 address 02:77:00:00:00:66", "c2: ip link set eth0 up",
     "c2: ip route add default via 10.1.0.1"],
    NEIGHBOUR,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", also=("h", "br_handle_frame_finish", "NOT_SPECIFIED")),
    cause("bridge", "address", "neighbour"),
    fix="must",
)
scenario(
    "same-ip-twice",
    "A third container took the second one's address; the first one asked is remembered (a permanent entry here).",
    [PAIR, "namespace c3\ncable c3/eth0 h/vethc3\nh: ip link set vethc3 master br0\nc3: ip addr add 10.1.0.3/24 dev eth0",
     "c1: ip neigh replace 10.1.0.3 lladdr 02:77:00:00:00:6a dev eth0 nud permanent"],
    NEIGHBOUR,
    dies("out", "c3", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
    may_hesitate=True,
)
scenario("two-containers", "Two containers of one bridge.", PAIR, NEIGHBOUR, works(source="10.1.0.2"))
scenario("two-containers-ping", "… and a ping.", PAIR, ask("c1", "10.1.0.3", server="c2"), works(source="10.1.0.2"))

# Bridged packets and iptables.

scenario(
    "forward-drop-bridged",
    "Docker set the policy of FORWARD to DROP, and bridge-nf-call-iptables=1 sends bridged packets there, too: "
    "the machines on this bridge lose each other.",
    [PAIR, "h: iptables -P FORWARD DROP"],
    NEIGHBOUR,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -i br0 -o br0 -j ACCEPT",
    backends=BOTH,
)
scenario("forward-drop-not-called", "With bridge-nf-call-iptables=0 bridged packets see no rules.",
         [PAIR, "h: iptables -P FORWARD DROP", NO_CALL], NEIGHBOUR, works(source="10.1.0.2"), backends=BOTH)
scenario(
    "forward-drop-called-by-the-bridge",
    "The sysctl is 0, but the bridge itself has nf_call_iptables 1.",
    [PAIR, "h: iptables -P FORWARD DROP", NO_CALL, "h: ip link set br0 type bridge nf_call_iptables 1"],
    NEIGHBOUR,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: ip link set br0 type bridge nf_call_iptables 0",
)
scenario("forward-drop-same-bridge-accepted", "-i br0 -o br0 is accepted.",
         [PAIR, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 -o br0 -j ACCEPT"], NEIGHBOUR,
         works(source="10.1.0.2"))
scenario("forward-drop-bridged-accepted", "--physdev-is-bridged is accepted.",
         [PAIR, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -m physdev --physdev-is-bridged -j ACCEPT"],
         NEIGHBOUR, works(source="10.1.0.2"), backends=BOTH)
scenario(
    "physdev-out-drops",
    "A rule names the port that the packet leaves by.",
    [PAIR, "h: iptables -A FORWARD -m physdev --physdev-out vethc2 -j DROP"],
    NEIGHBOUR,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1, "--physdev-out vethc2"),
    fix="must",
    backends=BOTH,
)
scenario(
    "icc-off",
    "Docker's --icc=false: '-i br0 -o br0 -j DROP'.",
    [PAIR, "h: iptables -A FORWARD -i br0 -o br0 -j DROP"],
    NEIGHBOUR,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1, "-i br0 -o br0 -j DROP"),
    fix="must",
)
scenario("icc-off-not-called", "--icc=false means nothing with bridge-nf-call-iptables=0.",
         [PAIR, "h: iptables -A FORWARD -i br0 -o br0 -j DROP", NO_CALL], NEIGHBOUR, works(source="10.1.0.2"))
scenario(
    "icc-off-answer",
    "New connections are accepted one way only; the answer is not.",
    [PAIR, "h: iptables -A FORWARD -i br0 -o br0 -s 10.1.0.2 -j ACCEPT", "h: iptables -A FORWARD -i br0 -o br0 -j DROP"],
    NEIGHBOUR,
    dies("back", "h", RULES, "NETFILTER_DROP", source="10.1.0.2"),
    rule("filter", "FORWARD", 2),
    fix="must",
)
scenario(
    "raw-drop-bridged",
    "raw PREROUTING drops a bridged packet.",
    [PAIR, "h: iptables -t raw -A PREROUTING -d 10.1.0.3 -j DROP"],
    NEIGHBOUR,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("raw", "PREROUTING", 1),
    fix="must",
)
scenario(
    "bridged-uplink",
    "The uplink is a port of the bridge (virtual machines on br0), and FORWARD drops.",
    ["""
     namespace c1 h o
     cable h/eth0 o/eth0
     cable c1/eth0 h/vethc1
     h: ip link add br0 type bridge
     h: ip link set br0 up
     h: ip link set eth0 master br0
     h: ip link set vethc1 master br0
     h: ip addr add 198.51.100.10/24 dev br0
     o: ip addr add 198.51.100.1/24 dev eth0
     c1: ip addr add 198.51.100.20/24 dev eth0
     c1: ip route add default via 198.51.100.1
     h: iptables -P FORWARD DROP"""],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -i br0 -o br0 -j ACCEPT",
)
scenario(
    "bridged-uplink-no-rules",
    "The same without the policy: the container is a neighbour of the outside, nothing is translated.",
    ["""
     namespace c1 h o
     cable h/eth0 o/eth0
     cable c1/eth0 h/vethc1
     h: ip link add br0 type bridge
     h: ip link set br0 up
     h: ip link set eth0 master br0
     h: ip link set vethc1 master br0
     h: ip addr add 198.51.100.10/24 dev br0
     o: ip addr add 198.51.100.1/24 dev eth0
     c1: ip addr add 198.51.100.20/24 dev eth0
     c1: ip route add default via 198.51.100.1"""],
    OUTSIDE,
    works(source="198.51.100.20"),
)
scenario(
    "bridged-dnat-leaves-the-bridge",
    "A bridged packet is translated to an address on another network: it is taken up to the host and routed.",
    [PAIR, "h: iptables -t nat -A PREROUTING -d 10.1.0.3 -p tcp --dport 80 -j DNAT --to-destination 198.51.100.1:80"],
    ask("c1", "10.1.0.3:80", server="o"),
    works(source="198.51.100.10"),
)
scenario(
    "bridged-with-rp-filter",
    "rp_filter has nothing to say about bridged packets.",
    [PAIR, "h: sysctl -qw net.ipv4.conf.all.rp_filter=1"],
    NEIGHBOUR,
    works(source="10.1.0.2"),
)
scenario(
    "bridge-without-address",
    "A bridge without any address still bridges.",
    [PAIR, "h: ip addr flush dev br0"],
    NEIGHBOUR,
    works(source="10.1.0.2"),
)
scenario(
    "bridge-flag-off-bridged",
    "The bridge's forwarding flag is 0, which is about routing.",
    [PAIR, "h: sysctl -qw net.ipv4.conf.br0.forwarding=0"],
    NEIGHBOUR,
    works(source="10.1.0.2"),
)

# A veth pair without a bridge.

scenario(
    "point-to-point",
    "A routed container without a bridge: 169.254.1.1 as gateway, proxy_arp on the host's end (as calico does).",
    ["""
     namespace c1 h o
     cable h/eth0 o/eth0
     cable c1/eth0 h/cali1
     o: ip addr add 198.51.100.1/24 dev eth0
     h: ip addr add 198.51.100.10/24 dev eth0
     h: ip route add default via 198.51.100.1
     h: ip route add 10.1.0.2/32 dev cali1
     h: sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.cali1.proxy_arp=1 net.ipv4.neigh.cali1.proxy_delay=0
     h: iptables -t nat -A POSTROUTING -s 10.1.0.0/16 -o eth0 -j MASQUERADE
     c1: ip addr add 10.1.0.2/32 dev eth0
     c1: ip route add 169.254.1.1 dev eth0
     c1: ip route add default via 169.254.1.1"""],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "point-to-point-without-proxy-arp",
    "The same without proxy_arp: nobody answers for 169.254.1.1.",
    ["""
     namespace c1 h o
     cable h/eth0 o/eth0
     cable c1/eth0 h/cali1
     o: ip addr add 198.51.100.1/24 dev eth0
     h: ip addr add 198.51.100.10/24 dev eth0
     h: ip route add default via 198.51.100.1
     h: ip route add 10.1.0.2/32 dev cali1
     h: sysctl -qw net.ipv4.ip_forward=1 net.ipv4.neigh.cali1.proxy_delay=0
     h: iptables -t nat -A POSTROUTING -s 10.1.0.0/16 -o eth0 -j MASQUERADE
     c1: ip addr add 10.1.0.2/32 dev eth0
     c1: ip route add 169.254.1.1 dev eth0
     c1: ip route add default via 169.254.1.1"""],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("neighbour", "sysctl", "address"),
    fix="may",
    fixed="h: sysctl -qw net.ipv4.conf.cali1.proxy_arp=1",
)
scenario(
    "route-to-the-container-missing",
    "A routed container whose /32 route on the host is missing: its ARP is answered, the answer has no way.",
    ["""
     namespace c1 h o
     cable h/eth0 o/eth0
     cable c1/eth0 h/cali1
     o: ip addr add 198.51.100.1/24 dev eth0
     h: ip addr add 198.51.100.10/24 dev eth0
     h: ip addr add 169.254.1.1/32 dev cali1
     h: ip route add default via 198.51.100.1
     h: sysctl -qw net.ipv4.ip_forward=1
     h: iptables -t nat -A POSTROUTING -s 10.1.0.0/16 -o eth0 -j MASQUERADE
     c1: ip addr add 10.1.0.2/32 dev eth0
     c1: ip route add 169.254.1.1 dev eth0
     c1: ip route add default via 169.254.1.1"""],
    OUTSIDE,
    dies("back", "o", source="198.51.100.10"),
    cause("route"),
    fix="may",
    fixed="h: ip route add 10.1.0.2/32 dev cali1",
)
scenario(
    "sysctl-1-no-rules",
    "bridge-nf-call-iptables=1 alone, without a single rule, stops nothing.",
    [ONE, "h: ip addr add 10.1.0.77/24 dev br0"],
    ask("h", "10.1.0.2:80", server="c1"),
    works(source="10.1.0.1"),
)

JOINT = """
h: ip link add br1 type bridge
h: ip link set br1 up
h: ip link add pa type veth peer name pb
h: ip link set pa master br0
h: ip link set pb master br1
h: ip link set pa up
h: ip link set pb up
"""
scenario(
    "joint-down",
    "Two bridges are joined by a veth pair, one end of which is down.",
    [NATTED, JOINT, container("d1", "10.1.0.7", bridge="br1", gateway="10.1.0.1"), "h: ip link set pb down"],
    ask("c1", "10.1.0.7:80", server="d1"),
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("device"),
    fix="must",
    unlike="master",
    fixed="h: ip link set pb up",
)
scenario(
    "macvlan-in-a-bridge",
    "A macvlan as a bridge port takes no frames for others. Nothing is offered that takes the uplink from the host.",
    [NATTED, "h: ip link add mvp link eth0 type macvlan mode bridge", "h: ip link add br5 type bridge", "h: ip link set br5 up",
     "h: ip link set mvp master br5", "h: ip link set mvp up", container("e1", "198.51.100.30", bridge="br5", gateway="198.51.100.1")],
    ask("e1", "198.51.100.1:80", server="o"),
    dies("out", "e1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("neighbour"),
    unlike="set eth0",
)
# A bridge that answers ARP for what it knows, or keeps it from a port.

scenario("neigh-suppress-elsewhere", "neigh_suppress on a port that is not on the way.",
         [PAIR, "h: bridge link set dev vethc2 neigh_suppress on"], OUTSIDE, works(source="198.51.100.10"), cold=True)
scenario("neigh-suppress-unknown", "The port suppresses ARP, but the bridge does not know the neighbour: it is asked.",
         [PAIR, "h: bridge link set dev vethc2 neigh_suppress on"], NEIGHBOUR, works(source="10.1.0.2"), cold=True)
scenario(
    "neigh-suppress-answers-wrong",
    "The bridge knows another MAC address for the neighbour and answers with it.",
    [PAIR, "h: bridge link set dev vethc2 neigh_suppress on",
     "h: ip neigh replace 10.1.0.3 lladdr 02:00:00:00:00:99 dev br0 nud permanent",
     "h: bridge fdb replace 02:00:00:00:00:99 dev vethc2 master static"],
    NEIGHBOUR,
    dies("out", "c2", "ip_rcv_core", "OTHERHOST"),
    fix="late",
    fixed="h: ip neigh del 10.1.0.3 dev br0\nc1: ip neigh flush dev eth0",
)
