"""Devices that are neither veth nor bridge: macvlan, VXLAN."""

from harness.scenario import ask, cause, dies, policy, rule, scenario, undecided, works
from harness.topology import NATTED, NO_CARRIER

# c1 hangs on the uplink of h by a macvlan of its own.
MACVLAN = """
namespace c1 h o
cable h/eth0 o/eth0
o: ip addr add 198.51.100.1/24 dev eth0
h: ip addr add 198.51.100.10/24 dev eth0
h: ip link add mv0 link eth0 type macvlan mode bridge
h: ip link set mv0 netns @c1 name eth0
c1: ip addr add 198.51.100.20/24 dev eth0
c1: ip link set eth0 up
c1: ip route add default via 198.51.100.1
"""
scenario("macvlan-outside", "A macvlan container reaches the outside past its host.", MACVLAN,
         ask("c1", "198.51.100.1:80", server="o"), works(source="198.51.100.20"))
scenario("macvlan-from-outside", "The outside reaches the macvlan container.", MACVLAN,
         ask("o", "198.51.100.20:80", server="c1"), works(source="198.51.100.1"))
scenario(
    "macvlan-to-host",
    "A macvlan container does not reach its own host: the parent device never gets its children's frames.",
    MACVLAN,
    ask("c1", "198.51.100.10:22", server="h"),
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("link", "device", "macvlan", "neighbour"),
    fixed="h: ip link add shim link eth0 type macvlan mode bridge\nh: ip addr add 198.51.100.11/32 dev shim\n"
          "h: ip link set shim up\nh: ip route add 198.51.100.20/32 dev shim",
)
scenario(
    "host-to-macvlan",
    "Nor does the host reach it.",
    MACVLAN,
    ask("h", "198.51.100.20:80", server="c1"),
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("link", "device", "macvlan", "neighbour"),
)
scenario(
    "macvlan-shim",
    "With a macvlan of its own the host reaches the container.",
    [MACVLAN, "h: ip link add shim link eth0 type macvlan mode bridge\nh: ip addr add 198.51.100.11/32 dev shim\n"
     "h: ip link set shim up\nh: ip route add 198.51.100.20/32 dev shim"],
    ask("h", "198.51.100.20:80", server="c1"),
    works(source="198.51.100.11"),
)
scenario(
    "macvlan-host-rules-do-not-matter",
    "The host's rules see nothing of a macvlan container.",
    [MACVLAN, "h: iptables -P FORWARD DROP", "h: iptables -P INPUT DROP"],
    ask("c1", "198.51.100.1:80", server="o"),
    works(source="198.51.100.20"),
)
scenario("macvlan-siblings", "Two macvlan containers in bridge mode reach each other.",
         [MACVLAN, "namespace c2\nh: ip link add mv0 link eth0 type macvlan mode bridge\nh: ip link set mv0 netns @c2 name eth0\n"
          "c2: ip addr add 198.51.100.21/24 dev eth0\nc2: ip link set eth0 up"],
         ask("c1", "198.51.100.21:80", server="c2"), works(source="198.51.100.20"))
scenario(
    "macvlan-private",
    "In private mode they do not.",
    [MACVLAN.replace("mode bridge", "mode private"),
     "namespace c2\nh: ip link add mv0 link eth0 type macvlan mode private\nh: ip link set mv0 netns @c2 name eth0\n"
     "c2: ip addr add 198.51.100.21/24 dev eth0\nc2: ip link set eth0 up"],
    ask("c1", "198.51.100.21:80", server="c2"),
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("link", "device", "macvlan", "neighbour"),
)

# Two hosts, a VXLAN between them, a bridge with one container on each.
OVERLAY = """
namespace c1 h h2 c2
cable h/eth0 h2/eth0
cable c1/eth0 h/vethc1
cable c2/eth0 h2/vethc2
h: ip addr add 192.168.7.1/24 dev eth0
h2: ip addr add 192.168.7.2/24 dev eth0
h: ip link add br0 type bridge
h: ip link set br0 up
h: ip link set vethc1 master br0
h: ip link add vx0 type vxlan id 42 dstport 4789 local 192.168.7.1 remote 192.168.7.2
h: ip link set vx0 master br0
h: ip link set vx0 up
h2: ip link add br0 type bridge
h2: ip link set br0 up
h2: ip link set vethc2 master br0
h2: ip link add vx0 type vxlan id 42 dstport 4789 local 192.168.7.2 remote 192.168.7.1
h2: ip link set vx0 master br0
h2: ip link set vx0 up
c1: ip addr add 10.1.0.2/24 dev eth0
c2: ip addr add 10.1.0.3/24 dev eth0
"""
OVER = ask("c1", "10.1.0.3:80", server="c2")

scenario("vxlan", "Two containers on two hosts, one VXLAN.", OVERLAY, OVER, works(source="10.1.0.2"))
scenario(
    "vxlan-other-vni",
    "The other host's VXLAN has another number: its packets are not known there.",
    OVERLAY.replace("h2: ip link add vx0 type vxlan id 42", "h2: ip link add vx0 type vxlan id 43"),
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("link", "device", "vxlan", "neighbour"),
    may_hesitate=True,
)
scenario(
    "vxlan-wrong-remote",
    "The remote is an address that nobody has.",
    OVERLAY.replace("remote 192.168.7.2", "remote 192.168.7.9"),
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("link", "device", "vxlan", "neighbour", "bridge"),
    may_hesitate=True,
)
scenario(
    "vxlan-port-closed",
    "The other host's INPUT drops UDP 4789.",
    [OVERLAY, "h2: iptables -A INPUT -p udp --dport 4789 -j DROP"],
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("rule", "neighbour"),
    may_hesitate=True,
    fixed="h2: iptables -F INPUT",
)
scenario(
    "vxlan-output-drops",
    "This host's OUTPUT drops UDP 4789.",
    [OVERLAY, "h: iptables -A OUTPUT -p udp --dport 4789 -j DROP"],
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("rule", "neighbour"),
    may_hesitate=True,
    fixed="h: iptables -F OUTPUT",
)
scenario(
    "vxlan-inner-forward-drop",
    "The inner packet is bridged, and FORWARD's policy drops it before it gets into the tunnel.",
    [OVERLAY, "h: iptables -P FORWARD DROP"],
    OVER,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    may_hesitate=True,
    fixed="h: iptables -A FORWARD -i br0 -o br0 -j ACCEPT",
)
# Routed, as flannel does it: a permanent neighbour and an fdb entry for each other host.
FLANNEL = """
namespace c1 h h2 c2
cable h/eth0 h2/eth0
cable c1/eth0 h/vethc1
cable c2/eth0 h2/vethc2
h: ip addr add 192.168.7.1/24 dev eth0
h2: ip addr add 192.168.7.2/24 dev eth0
h: ip link add cni0 type bridge
h: ip addr add 10.244.1.1/24 dev cni0
h: ip link set cni0 up
h: ip link set vethc1 master cni0
h: ip link add flannel.1 address 5e:00:00:00:00:01 type vxlan id 1 dstport 8472 local 192.168.7.1 nolearning
h: ip addr add 10.244.1.0/32 dev flannel.1
h: ip link set flannel.1 up
h: ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
h: ip neigh add 10.244.2.0 lladdr 5e:00:00:00:00:02 dev flannel.1 nud permanent
h: bridge fdb add 5e:00:00:00:00:02 dev flannel.1 dst 192.168.7.2
h: sysctl -qw net.ipv4.ip_forward=1
h2: ip link add cni0 type bridge
h2: ip addr add 10.244.2.1/24 dev cni0
h2: ip link set cni0 up
h2: ip link set vethc2 master cni0
h2: ip link add flannel.1 address 5e:00:00:00:00:02 type vxlan id 1 dstport 8472 local 192.168.7.2 nolearning
h2: ip addr add 10.244.2.0/32 dev flannel.1
h2: ip link set flannel.1 up
h2: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
h2: ip neigh add 10.244.1.0 lladdr 5e:00:00:00:00:01 dev flannel.1 nud permanent
h2: bridge fdb add 5e:00:00:00:00:01 dev flannel.1 dst 192.168.7.1
h2: sysctl -qw net.ipv4.ip_forward=1
c1: ip addr add 10.244.1.2/24 dev eth0
c1: ip route add default via 10.244.1.1
c2: ip addr add 10.244.2.2/24 dev eth0
c2: ip route add default via 10.244.2.1
"""
POD = ask("c1", "10.244.2.2:80", server="c2")
scenario("flannel", "Pods on two hosts, routed over VXLAN.", FLANNEL, POD, works(source="10.244.1.2"))
scenario(
    "flannel-mac-changed",
    "The other host's flannel.1 got a new MAC address after it was announced: what comes for the old one is for somebody "
    "else there. (With the address its permanent neighbours went, too.)",
    [FLANNEL, "h2: ip link set flannel.1 address 5e:00:00:00:00:99"],
    POD,
    dies("out", "h2", "ip_rcv_core", "OTHERHOST"),
    cause("neighbour", "link", "device"),
    may_hesitate=True,
    fixed="h: ip neigh replace 10.244.2.0 lladdr 5e:00:00:00:00:99 dev flannel.1 nud permanent\n"
          "h: bridge fdb add 5e:00:00:00:00:99 dev flannel.1 dst 192.168.7.2\n"
          "h2: ip neigh replace 10.244.1.0 lladdr 5e:00:00:00:00:01 dev flannel.1 nud permanent",
)
scenario(
    "flannel-fdb-missing",
    "The fdb entry of the other host is missing: the tunnel does not know where to send the frame.",
    [FLANNEL, "h: bridge fdb del 5e:00:00:00:00:02 dev flannel.1"],
    POD,
    dies("out", "h", "vxlan_xmit", "NO_TX_TARGET"),
    cause("bridge", "link", "device", "vxlan", "neighbour"),
    may_hesitate=True,
    fixed="h: bridge fdb add 5e:00:00:00:00:02 dev flannel.1 dst 192.168.7.2",
)
scenario(
    "flannel-route-missing",
    "The route to the other host's pods is missing, and there is no default.",
    [FLANNEL, "h: ip route del 10.244.2.0/24"],
    POD,
    dies("out", "h", "ip_error", "IP_INNOROUTES", error="ENETUNREACH"),
    cause("route"),
    fixed="h: ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
)
scenario(
    "flannel-forward-drop",
    "The other host's FORWARD has the policy DROP (docker runs there, too).",
    [FLANNEL, "h2: iptables -P FORWARD DROP"],
    POD,
    dies("out", "h2", "nft_do_chain", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    may_hesitate=True,
    fixed="h2: iptables -P FORWARD ACCEPT",
)
# The datagrams of the tunnel are dropped where they come back, or never leave. Their source port is a hash.
ROUTED_BACK = "h: iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nh: iptables -A INPUT -p icmp -j ACCEPT"
scenario(
    "flannel-input-policy-here",
    "This host's INPUT lets established connections in only. The answer's datagram belongs to none: it goes to 8472, too.",
    [FLANNEL, "h: iptables -P INPUT DROP", ROUTED_BACK],
    POD,
    dies("back", "h"),
    policy("filter", "INPUT"),
    fix="must",
    unlike="--sport",
    fixed="h: iptables -A INPUT -s 192.168.7.2 -d 192.168.7.1 -i eth0 -p udp --dport 8472 -j ACCEPT",
)
scenario(
    "flannel-input-policy-both",
    "Both hosts' INPUT does.",
    [FLANNEL, "h: iptables -P INPUT DROP", ROUTED_BACK, "h2: iptables -P INPUT DROP"],
    POD,
    dies("out", "h2"),
    policy("filter", "INPUT"),
    fix="must",
    unlike="--sport",
    fixed="h: iptables -A INPUT -p udp --dport 8472 -j ACCEPT\nh2: iptables -A INPUT -p udp --dport 8472 -j ACCEPT",
)
scenario(
    "flannel-output-policy-there",
    "The other host's OUTPUT lets nothing out but pings.",
    [FLANNEL, "h2: iptables -P OUTPUT DROP", "h2: iptables -A OUTPUT -p icmp -j ACCEPT"],
    POD,
    dies("back", "h2"),
    policy("filter", "OUTPUT"),
    fix="must",
    unlike="--sport",
    fixed="h2: iptables -A OUTPUT -s 192.168.7.2 -d 192.168.7.1 -o eth0 -p udp --dport 8472 -j ACCEPT",
)
scenario(
    "flannel-raw-drop-here",
    "This host's raw PREROUTING drops the tunnel's port.",
    [FLANNEL, "h: iptables -t raw -A PREROUTING -i eth0 -p udp --dport 8472 -j DROP"],
    POD,
    dies("back", "h"),
    rule("raw", "PREROUTING", 1),
    fix="must",
    unlike="--sport",
    fixed="h: iptables -t raw -F",
)
scenario(
    "vxlan-input-policy-here",
    "Bridged: this host's INPUT drops the datagram in which the other container answers ARP.",
    [OVERLAY, "h: iptables -P INPUT DROP"],
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("policy", namespace="h", chain="INPUT"),
    fix="must",
    fixed="h: iptables -A INPUT -s 192.168.7.2 -p udp --dport 4789 -j ACCEPT",
)
scenario(
    "vxlan-input-policy-there",
    "Bridged: the other host's INPUT drops the one in which ARP asks.",
    [OVERLAY, "h2: iptables -P INPUT DROP"],
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("policy", namespace="h2", chain="INPUT"),
    fix="must",
    fixed="h2: iptables -A INPUT -p udp --dport 4789 -j ACCEPT",
)

# Where a frame is sent: the entries of the fdb, and the routes of the underlay.
SWITCH = """
namespace sw r
cable h/eth0 sw/p1
cable h2/eth0 sw/p2
cable r/eth0 sw/p3
sw: ip link add name brx type bridge
sw: ip link set brx up
sw: ip link set p1 master brx
sw: ip link set p2 master brx
sw: ip link set p3 master brx
r: ip addr add 192.168.7.254/24 dev eth0
"""
LAN = FLANNEL.replace("cable h/eth0 h2/eth0\n", SWITCH.lstrip()) + """
h: ip route add default via 192.168.7.254
h2: ip route add default via 192.168.7.254
"""
ENTRY = "bridge fdb replace 5e:00:00:00:00:02 dev flannel.1 dst {} self permanent"
RIGHT_ENTRY = "h: " + ENTRY.format("192.168.7.2")


def wrong_entry(remote):
    return cause("bridge", namespace="h", text=f"5e:00:00:00:00:02 dev flannel.1 dst {remote} self permanent")


scenario("flannel-fdb-nobody", "The fdb entry of the other host names an address that nobody has.",
         [LAN, "h: " + ENTRY.format("192.168.7.112")], POD, dies("out", "h"), wrong_entry("192.168.7.112"), fix="must",
         fixed=RIGHT_ENTRY)
scenario("flannel-fdb-far-away", "... one on another network: the router there does not forward it.",
         [LAN, "h: " + ENTRY.format("10.99.0.1")], POD, dies("out", "r"), wrong_entry("10.99.0.1"), fix="must", fixed=RIGHT_ENTRY)
scenario("flannel-fdb-no-tunnel-there", "... that of the router, where no tunnel listens.",
         [LAN, "h: " + ENTRY.format("192.168.7.254")], POD, dies("out", "r"), wrong_entry("192.168.7.254"), fix="must",
         fixed=RIGHT_ENTRY)
scenario("flannel-fdb-no-tunnel-there-from-host", "Asked from the host itself: the router's port unreachable is for the tunnel, not for the asker.",
         [LAN, "h: " + ENTRY.format("192.168.7.254")], ask("h", "10.244.2.2:80", server="c2"), dies("out", "r", error="timeout"),
         wrong_entry("192.168.7.254"), fix="must", fixed=RIGHT_ENTRY)
scenario(
    "flannel-fdb-third-host",
    "... that of a third host of the cluster: its flannel.1 has another MAC address.",
    [LAN, "r: ip link add flannel.1 address 5e:00:00:00:00:03 type vxlan id 1 dstport 8472 local 192.168.7.254 nolearning\n"
     "r: ip addr add 10.244.3.0/32 dev flannel.1\nr: ip link set flannel.1 up", "h: " + ENTRY.format("192.168.7.254")],
    POD,
    dies("out", "r", "ip_rcv_core", "OTHERHOST"),
    wrong_entry("192.168.7.254"),
    fix="must",
    fixed=RIGHT_ENTRY,
)
scenario(
    "flannel-fdb-wrong-there",
    "The other host's entry of this one is wrong: the answer is lost.",
    [LAN, "h2: bridge fdb replace 5e:00:00:00:00:01 dev flannel.1 dst 192.168.7.111 self permanent"],
    POD,
    dies("back", "h2"),
    cause("bridge", namespace="h2", text="5e:00:00:00:00:01 dev flannel.1 dst 192.168.7.111 self permanent"),
    fix="must",
    fixed="h2: bridge fdb replace 5e:00:00:00:00:01 dev flannel.1 dst 192.168.7.1 self permanent",
)
scenario(
    "flannel-renumbered",
    "The other host got another address; neither the fdb here nor its own tunnel knows.",
    [LAN, "h2: ip addr add 192.168.7.22/24 dev eth0\nh2: ip addr del 192.168.7.2/24 dev eth0\n"
     "h2: ip addr add 192.168.7.22/24 dev eth0 || true\nh2: ip route replace default via 192.168.7.254"],
    POD,
    dies("out", "h"),
    wrong_entry("192.168.7.2"),
    fix="must",
    fixed="h: " + ENTRY.format("192.168.7.22") + "\nh2: ip link set flannel.1 type vxlan local 192.168.7.22",
)
scenario(
    "flannel-neighbour-wrong",
    "The permanent neighbour for the other host's flannel.1 has a MAC address that nobody has.",
    [LAN, "h: ip neigh replace 10.244.2.0 lladdr 5e:00:00:00:00:77 dev flannel.1 nud permanent"],
    POD,
    dies("out", "h", "vxlan_xmit", "NO_TX_TARGET"),
    cause("neighbour", namespace="h"),
    fix="must",
    fixed="h: ip neigh replace 10.244.2.0 lladdr 5e:00:00:00:00:02 dev flannel.1 nud permanent",
)
scenario(
    "vxlan-wrong-remote-there",
    "Bridged: the remote that the other host's device was made with is an address that nobody has.",
    [OVERLAY.replace("remote 192.168.7.1\nh2: ip link set vx0 master", "remote 192.168.7.9 nolearning\nh2: ip link set vx0 master")],
    OVER,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("bridge", namespace="h2", text="00:00:00:00:00:00 dev vx0 dst 192.168.7.9 self permanent"),
    fix="must",
    fixed="h2: bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.7.1",
)
scenario(
    "flannel-down-there",
    "The other host's flannel.1 is down, and has lost its routes and neighbours. The way back is through the tunnel.",
    [LAN, "h2: ip link set flannel.1 down"],
    POD,
    dies("out", "h2"),
    cause("device", namespace="h2"),
    fix="must",
    unlike="dev eth0",
    fixed="h2: ip link set flannel.1 up\nh2: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink\n"
          "h2: ip neigh replace 10.244.1.0 lladdr 5e:00:00:00:00:01 dev flannel.1 nud permanent",
)

# `dev` binds the remote that the device was made with, not what the fdb says; that has a `via` of its own.
PINNED = FLANNEL.replace("nolearning", "dev eth0 nolearning")
VIA = PINNED.replace("dst 192.168.7.2", "dst 192.168.7.2 via eth0").replace("dst 192.168.7.1", "dst 192.168.7.1 via eth0")
SECOND_NIC = """
namespace x
cable h/eth1 x/eth0
h: ip addr add 10.55.0.2/24 dev eth1
x: ip addr add 10.55.0.1/24 dev eth0
"""
NO_WAY = dies("out", "h", "vxlan_xmit_one", "IP_OUTNOROUTES")
for kind in ("blackhole", "unreachable"):
    scenario(f"underlay-{kind}", f"A route of the underlay says {kind}. The tunnel's `dev` leads to the other host, but is not asked.",
             [PINNED, f"h: ip route add {kind} 192.168.7.2"], POD, NO_WAY, cause("route", text=f"{kind} 192.168.7.2"), fix="must",
             fixed=f"h: ip route del {kind} 192.168.7.2")
scenario("underlay-no-route", "The subnet of the underlay has lost its route.", [PINNED, "h: ip route del 192.168.7.0/24 dev eth0"], POD,
         NO_WAY, cause("route"), fix="must", fixed="h: ip route add 192.168.7.0/24 dev eth0 scope link src 192.168.7.1")
scenario("underlay-blackhole-back", "The other host has a rule that says so.",
         [PINNED, "h2: ip rule add to 192.168.7.1 ipproto udp dport 8472 blackhole"], POD,
         dies("back", "h2", "vxlan_xmit_one", "IP_OUTNOROUTES"), cause("route", namespace="h2"), fix="must",
         fixed="h2: ip rule del to 192.168.7.1 ipproto udp dport 8472 blackhole")
scenario("underlay-by-another-device", "A more specific route leads through another NIC, whatever `dev` says.",
         [PINNED, SECOND_NIC, "h: ip route add 192.168.7.2 via 10.55.0.1"], POD, dies("out", "x"),
         cause("route", namespace="h", text="192.168.7.2 via 10.55.0.1 dev eth1"), fix="must", fixed="h: ip route del 192.168.7.2")
scenario("underlay-dev-elsewhere", "`dev` is a NIC that does not lead to the other host: the entries do not mind.",
         [FLANNEL.replace("cable c1/eth0", SECOND_NIC.strip() + "\ncable c1/eth0")
          .replace("local 192.168.7.1 nolearning", "local 192.168.7.1 dev eth1 nolearning")], POD, works(source="10.244.1.2"))
for kind in ("blackhole", "unreachable"):
    scenario(f"underlay-{kind}-via", f"The entry has a `via`: what the routes say ({kind}) does not matter.",
             [VIA, f"h: ip route add {kind} 192.168.7.2"], POD, works(source="10.244.1.2"))
scenario("underlay-via-elsewhere", "The entry's `via` is a NIC that does not lead there.",
         [FLANNEL, SECOND_NIC, "h: bridge fdb replace 5e:00:00:00:00:02 dev flannel.1 dst 192.168.7.2 via eth1 self permanent"], POD,
         dies("out", "h"))
scenario(
    "underlay-blackhole-learned",
    "Bridged: ARP is flooded by the remote that is bound to `dev`, but who answered was learned, and is looked up.",
    [OVERLAY.replace("remote 192.168.7.2", "remote 192.168.7.2 dev eth0"), "h: ip route add blackhole 192.168.7.2"],
    OVER,
    dies("out", "h", "vxlan_xmit_one", "IP_OUTNOROUTES"),
    cause("route", text="blackhole 192.168.7.2"),
    fix="must",
    fixed="h: ip route del blackhole 192.168.7.2",
)
scenario(
    "unused-vxlan",
    "A VXLAN device that is not on the way is no reason to doubt.",
    [NATTED, "h: ip link add vx0 type vxlan id 42 dstport 4789 local 198.51.100.10 remote 198.51.100.1",
     "h: ip link set vx0 up", "h: iptables -A OUTPUT -p udp --dport 4789 -j DROP"],
    ask("c1", "198.51.100.1:80", server="o"),
    works(source="198.51.100.10"),
)
scenario(
    "flannel-forward-drop-here",
    "This host's FORWARD has the policy DROP: the request is seen on cni0 and not on flannel.1.",
    [FLANNEL, "h: iptables -P FORWARD DROP"],
    POD,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fixed="h: iptables -P FORWARD ACCEPT",
)
scenario(
    "overlay-wider-than-the-underlay",
    "The overlay's MTU is as big as the underlay's: the outer packet is too big and is fragmented.",
    [OVERLAY, "h: ip link set vx0 mtu 1500", "h2: ip link set vx0 mtu 1500"],
    ask("c1", "10.1.0.3:53", server="c2", proto="udp", size=1490),
    works(source="10.1.0.2"),
)
scenario(
    "overlay-wider-than-the-underlay-df",
    "The same with DF: the tunnel answers in the name of the other container that 1450 bytes are the most.",
    [OVERLAY, "h: ip link set vx0 mtu 1500", "h2: ip link set vx0 mtu 1500"],
    ask("c1", "10.1.0.3:53", server="c2", proto="udp", size=1490, df=True),
    dies("out", "h", error="EMSGSIZE"),
    cause("mtu"),
    fix="must",
    fixed="h: ip link set eth0 mtu 1600\nh2: ip link set eth0 mtu 1600",
)
scenario(
    "overlay-df-in-pieces-not-allowed",
    "The tunnel itself sets DF: its datagrams are too big for the underlay, and nobody is told.",
    [OVERLAY.replace("4789 local 192.168.7.1", "4789 df set local 192.168.7.1"), "h: ip link set vx0 mtu 1500"],
    ask("c1", "10.1.0.3:53", server="c2", proto="udp", size=1490),
    dies("out", "h"),  # what is freed is the datagram around it
    cause("mtu"),
)
scenario(
    "flannel-wider-than-the-underlay-df",
    "Routed into the tunnel, not bridged: a packet that may not be fragmented goes in a datagram that may.",
    [FLANNEL, "h: ip link set flannel.1 mtu 1500", "h2: ip link set flannel.1 mtu 1500"],
    ask("c1", "10.244.2.2:53", server="c2", proto="udp", size=1490, df=True),
    works(source="10.244.1.2"),
)

scenario("macvlan-parent-down", "The device below the macvlan is down.", [MACVLAN, "h: ip link set eth0 down", NO_CARRIER.replace("h:", "c1:").format(device="eth0")],
         ask("c1", "198.51.100.1:80", server="o"), dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"), cause("link", "device"),
         fix="must", fixed="h: ip link set eth0 up")
# Two hosts behind a router, and what a tunnel between them may be told.


def overlay(h="", h2="", extra=""):
    return f"""
namespace c1 h r h2 c2
cable h/eth0 r/eth0
cable h2/eth0 r/eth1
cable c1/eth0 h/vethc1
cable c2/eth0 h2/vethc2
r: ip addr add 192.168.7.254/24 dev eth0
r: ip addr add 192.168.8.254/24 dev eth1
r: sysctl -qw net.ipv4.ip_forward=1
h: ip addr add 192.168.7.1/24 dev eth0
h: ip route add default via 192.168.7.254
h2: ip addr add 192.168.8.1/24 dev eth0
h2: ip route add default via 192.168.8.254
h: ip link add br0 type bridge
h: ip link set br0 up
h: ip link set vethc1 master br0
h: ip link add dm0 type veth peer name dm1
h: ip link set dm0 up
h: ip link set dm1 up
h: ip link add vx0 type vxlan id 42 dstport 4789 local 192.168.7.1 remote 192.168.8.1 {h}
h: ip link set vx0 master br0
h: ip link set vx0 up
h2: ip link add br0 type bridge
h2: ip link set br0 up
h2: ip link set vethc2 master br0
h2: ip link add vx0 type vxlan id 42 dstport 4789 local 192.168.8.1 remote 192.168.7.1 {h2}
h2: ip link set vx0 master br0
h2: ip link set vx0 up
c1: ip addr add 10.1.0.2/24 dev eth0
c2: ip addr add 10.1.0.3/24 dev eth0
{extra}"""


LOST = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED")
scenario("behind-a-router", "The tunnel's TTL is the host's own.", overlay(), OVER, works(source="10.1.0.2"))
scenario("ttl-1", "The tunnel's TTL is 1, a router is in between.", overlay("ttl 1"), OVER, LOST, cause("ttl", "packet"))
scenario("ttl-1-back", "The other end's TTL is 1.", overlay("", "ttl 1"), OVER, LOST)
scenario("ttl-of-the-host", "Without a TTL of its own the tunnel's is ip_default_ttl.",
         overlay(extra="h: sysctl -qw net.ipv4.ip_default_ttl=1"), OVER, LOST, cause("ttl", "packet"))
scenario("pinned-elsewhere", "The tunnel is bound to a device that does not lead there.", overlay("dev dm0"), OVER, LOST)
scenario("pinned-right", "It is bound to the one that does.", overlay("dev eth0"), OVER, works(source="10.1.0.2"))
scenario("tunnel-proxy", "ARP proxy in the tunnel, which knows no neighbour: not modelled.", overlay("proxy"), OVER, LOST,
         undecided("proxy"))
scenario(
    "tunnel-in-no-bridge",
    "The other end's VXLAN device is in no bridge.",
    overlay(extra="h2: ip link set vx0 nomaster"),
    OVER,
    LOST,
    cause("bridge", namespace="h2"),
    fix="must",
    fixed="h2: ip link set vx0 master br0",
)
scenario(
    "tunnel-down",
    "... is down.",
    overlay(extra="h2: ip link set vx0 down"),
    OVER,
    LOST,
    cause("device", namespace="h2"),
    fix="must",
    fixed="h2: ip link set vx0 up",
)
scenario(
    "tunnel-dropped-by-the-router",
    "The router's FORWARD drops the tunnel's datagrams.",
    overlay(extra="r: iptables -A FORWARD -p udp --dport 4789 -j DROP"),
    OVER,
    LOST,
    rule("filter", "FORWARD", 1),
    fix="must",
    fixed="r: iptables -F FORWARD",
)

# docker's overlay networks: the VXLAN device is made by the host and moved into a namespace with nothing but a bridge.


def swarm(h="", h2="", extra=""):
    return f"""
namespace c1 b1 h h2 b2 c2
cable h/eth0 h2/eth0
cable c1/eth0 b1/vethc1
cable c2/eth0 b2/vethc2
h: ip addr add 192.168.7.1/24 dev eth0
h2: ip addr add 192.168.7.2/24 dev eth0
h: ip link add vx0 type vxlan id 4096 dstport 4789 {h}
h: ip link set vx0 netns @b1
h2: ip link add vx0 type vxlan id 4096 dstport 4789 {h2}
h2: ip link set vx0 netns @b2
b1: ip link add br0 type bridge
b1: ip link set br0 up
b1: ip link set vethc1 master br0
b1: ip link set vx0 master br0
b1: ip link set vx0 up
b2: ip link add br0 type bridge
b2: ip link set br0 up
b2: ip link set vethc2 master br0
b2: ip link set vx0 master br0
b2: ip link set vx0 up
b1: bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.7.2
b2: bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.7.1
c1: ip addr add 10.1.0.2/24 dev eth0
c2: ip addr add 10.1.0.3/24 dev eth0
{extra}"""


scenario("swarm", "Two containers on one overlay network of docker.", swarm(), OVER, works(source="10.1.0.2"))
scenario(
    "swarm-dropped-by-the-other-host",
    "The other host's INPUT drops UDP 4789.",
    swarm(extra="h2: iptables -A INPUT -p udp --dport 4789 -j DROP"),
    OVER,
    LOST,
    rule("filter", "INPUT", 1),
    fix="must",
    fixed="h2: iptables -F INPUT",
)
scenario(
    "swarm-another-vni",
    "The other host's device has another number.",
    swarm().replace("h2: ip link add vx0 type vxlan id 4096", "h2: ip link add vx0 type vxlan id 4097"),
    OVER,
    LOST,
    cause("device", namespace="h2"),
)
