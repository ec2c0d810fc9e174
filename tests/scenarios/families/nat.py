"""Source translation: MASQUERADE and SNAT, which address they choose, and who escapes them."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, scenario, works
from harness.topology import BR1, C2, HOST, NATTED, ONE, PAIR, TWO_NETWORKS, UPLINK2, WEB
from harness.topology import C1 as CONTAINER

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FAR = ask("c1", "203.0.113.80:80", server="w")
BOTH = (NFT, LEGACY)
HOST_ADDRESS = "198.51.100.10"
MASQ = "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE"

# Nothing translates: the request arrives with a private source, and whoever should answer has no way back.

scenario(
    "missing",
    "There is no MASQUERADE at all: the outside sees 10.1.0.2 and cannot answer.",
    ONE,
    OUTSIDE,
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed=MASQ,
)
scenario(
    "missing-far-server",
    "The same with a server behind a router: the router drops the answer to 10.1.0.2.",
    [ONE, WEB],
    FAR,
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed=MASQ,
)
scenario(
    "missing-but-routed",
    "There is no MASQUERADE, and none is needed: the outside has a route to the container's network.",
    [ONE, "o: ip route add 10.1.0.0/24 via 198.51.100.10"],
    OUTSIDE,
    works(source="10.1.0.2"),
)
for name, story, line in (
    ("wrong-prefix", "MASQUERADE is there for 10.10.0.0/24, the container is in 10.1.0.0/24.",
     "h: iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -o eth0 -j MASQUERADE"),
    ("narrow-prefix", "MASQUERADE is there for 10.1.0.128/25, the container has 10.1.0.2.",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.128/25 ! -o br0 -j MASQUERADE"),
    ("wrong-device", "MASQUERADE says -o wlan0, the uplink is eth0.",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o wlan0 -j MASQUERADE"),
    ("wrong-pattern", "MASQUERADE says -o ens+, the uplink is eth0.",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o ens+ -j MASQUERADE"),
    ("other-protocol", "Only UDP is masqueraded.",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -p udp -j MASQUERADE"),
    ("accept-in-front", "An ACCEPT in front of MASQUERADE ends the chain without a translation.",
     "h: iptables -t nat -A POSTROUTING -d 198.51.100.0/24 -j ACCEPT\n" + MASQ),
    ("return-in-front", "A RETURN in front of MASQUERADE does the same.",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/28 -j RETURN\n" + MASQ),
    ("exempted-by-chain", "MASQUERADE stands in a chain that returns for this destination first.",
     "h: iptables -t nat -N post\nh: iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -j post\n"
     "h: iptables -t nat -A post -d 198.51.100.0/24 -j RETURN\nh: iptables -t nat -A post -j MASQUERADE"),
    ("negated-destination", "MASQUERADE is meant for everything but the cluster's networks, and the cluster's list is too wide.",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -d 192.0.0.0/3 -j MASQUERADE"),
):
    scenario(name, story, [ONE, line], OUTSIDE, dies("back", "o", source="10.1.0.2"), cause("nat", "rule"), fix="must",
             fixed="h: iptables -t nat -I POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE")
scenario(
    "only-the-other-network",
    "Two networks; the second one's MASQUERADE is gone after a firewall reload.",
    [TWO_NETWORKS, "h: iptables -t nat -D POSTROUTING 2"],
    ask("d1", "198.51.100.1:80", server="o"),
    dies("back", "o", source="10.2.0.2"),
    cause("nat"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -s 10.2.0.0/24 ! -o br1 -j MASQUERADE",
)
scenario(
    "notrack",
    "The raw table exempts the network from tracking: MASQUERADE never sees its packets.",
    [NATTED, "h: iptables -t raw -A PREROUTING -s 10.1.0.0/24 -j NOTRACK"],
    OUTSIDE,
    dies("back", "o", source="10.1.0.2"),
    cause("nat", "rule", "conntrack"),
    fix="must",
    fixed="h: iptables -t raw -F PREROUTING",
    backends=BOTH,
)
scenario(
    "notrack-answer",
    "Only what comes in by the uplink is exempt: the answer is not translated back and ends at the host itself.",
    [NATTED, "h: iptables -t raw -A PREROUTING -i eth0 -j NOTRACK"],
    OUTSIDE,
    dies("back", "h", "tcp_v4_rcv", "NO_SOCKET", source=HOST_ADDRESS),
    cause("nat", "rule", "conntrack"),
    fixed="h: iptables -t raw -F PREROUTING",
)
scenario(
    "zone-one-way",
    "The container's packets are tracked in zone 1, the answers are looked up in zone 0: not found.",
    [NATTED, "h: iptables -t raw -A PREROUTING -i br0 -j CT --zone 1"],
    OUTSIDE,
    dies("back", "h", "tcp_v4_rcv", "NO_SOCKET", source=HOST_ADDRESS),
    cause("nat", "rule", "conntrack"),
    fixed="h: iptables -t raw -A PREROUTING -i eth0 -j CT --zone 1",
)
scenario(
    "zone-both-ways",
    "Zone 1 on both sides works.",
    [NATTED, "h: iptables -t raw -A PREROUTING -i br0 -j CT --zone 1",
     "h: iptables -t raw -A PREROUTING -i eth0 -j CT --zone 1"],
    OUTSIDE,
    works(source=HOST_ADDRESS),
)
scenario(
    "zone-orig",
    "A zone for the original direction only is found again by the answer.",
    [NATTED, "h: iptables -t raw -A PREROUTING -i br0 -j CT --zone-orig 1"],
    OUTSIDE,
    works(source=HOST_ADDRESS),
)

# Which address.

ADDRESSES = "h: ip addr flush dev eth0 scope global"
for name, story, lines, source in (
    ("secondary-is-never-chosen", "A second address in the same subnet is secondary: MASQUERADE takes the first.",
     "h: ip addr add 198.51.100.20/24 dev eth0", "198.51.100.10"),
    ("subnet-of-the-gateway", "Two primary addresses: the one in the gateway's subnet is taken, though it is the second.",
     ADDRESSES + "\nh: ip addr add 192.0.2.77/24 dev eth0\nh: ip addr add 198.51.100.20/24 dev eth0\n"
     "h: ip route add default via 198.51.100.1", "198.51.100.20"),
    ("prefsrc-is-ignored", "The route says src 198.51.100.20; MASQUERADE does not listen.",
     "h: ip addr add 198.51.100.20/24 dev eth0\n"
     "h: ip route replace default via 198.51.100.1 src 198.51.100.20", "198.51.100.10"),
    ("first-subnet-that-fits", "Two subnets hold the gateway: the first listed wins, not the longer prefix.",
     ADDRESSES + "\nh: ip addr add 198.51.100.30/16 dev eth0\nh: ip addr add 198.51.100.20/24 dev eth0\n"
     "h: ip route add default via 198.51.100.1", "198.51.100.30"),
    ("link-scope-is-not-chosen", "An address of scope link stands before the global one, and is passed over.",
     "h: ip addr add 198.51.100.5/25 dev eth0 scope link", "198.51.100.10"),
    ("deprecated-is-chosen", "preferred_lft 0 means nothing to IPv4.",
     "h: ip addr change 198.51.100.10/24 dev eth0 preferred_lft 0 valid_lft 1000", "198.51.100.10"),
):
    scenario(name, story, [NATTED, lines], OUTSIDE, works(source=source))
scenario(
    "onlink-gateway",
    "The gateway lies in no subnet of the uplink: the first address is taken.",
    [NATTED, ADDRESSES, "h: ip addr add 192.0.2.77/32 dev eth0", "h: ip addr add 192.0.2.78/32 dev eth0",
     "h: ip route add default via 198.51.100.1 dev eth0 onlink", "o: ip route add 192.0.2.77 dev eth0"],
    OUTSIDE,
    works(source="192.0.2.77"),
)
scenario(
    "address-of-another-device",
    "The uplink has no global address of its own: the source is borrowed from lo.",
    [NATTED, "h: ip addr add 192.0.2.99/32 dev lo", ADDRESSES,
     "h: ip route add 198.51.100.1 dev eth0", "h: ip route add default via 198.51.100.1",
     "o: ip route add 192.0.2.99 dev eth0"],
    OUTSIDE,
    works(source="192.0.2.99"),
)
scenario(
    "private-address-first",
    "The uplink's first address, and the gateway's subnet, are another network's: MASQUERADE leaves with an address "
    "that the outside cannot answer (a floating address would be right).",
    [NATTED, WEB, ADDRESSES, "h: ip addr add 10.50.0.10/24 dev eth0", "h: ip addr add 198.51.100.10/32 dev eth0",
     "o: ip addr add 10.50.0.1/24 dev eth0", "h: ip route add default via 10.50.0.1",
     "o: iptables -P FORWARD DROP", "o: iptables -A FORWARD -i eth0 -s 198.51.100.0/24 -j ACCEPT",
     "o: iptables -A FORWARD -i web -j ACCEPT"],
    FAR,
    dies("out", "o", RULES, "NETFILTER_DROP"),
    cause("policy", "rule", "nat"),
    fixed="h: iptables -t nat -I POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 198.51.100.10",
)
scenario(
    "no-address-at-all",
    "No device has a global address that MASQUERADE could use: it drops (the log says 'ate my IP address').",
    [NATTED, ADDRESSES, "h: ip addr flush dev br0", "h: ip addr add 10.1.0.1/24 dev br0 scope link",
     "h: ip route add 198.51.100.1 dev eth0", "h: ip route add default via 198.51.100.1"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    cause("nat", "address"),
)
scenario(
    "second-uplink",
    "The route leads over the second uplink: MASQUERADE takes its address.",
    [NATTED, UPLINK2, "h: ip route add 198.51.100.1/32 via 192.0.2.1"],
    OUTSIDE,
    works(source="192.0.2.10"),
)
scenario(
    "host-to-outside",
    "A process of the host is not in the rule's network: its own address is used, untouched.",
    NATTED,
    ask("h", "198.51.100.1:80", server="o"),
    works(source=HOST_ADDRESS),
)

# Which port.

scenario(
    "to-ports",
    "MASQUERADE --to-ports 4000: the first connection gets that port.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -p tcp -j MASQUERADE --to-ports 4000"],
    OUTSIDE,
    works(source=HOST_ADDRESS, sport=4000),
    backends=BOTH,
    cold=True,
)
TAKEN = "h: conntrack -I -p tcp --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 3600 -s 10.1.0.7 -d 198.51.100.1 " \
        "--sport 50000 --dport 80 --reply-src 198.51.100.1 --reply-dst 198.51.100.10 --reply-port-src 80 " \
        "--reply-port-dst {port}"
scenario(
    "to-ports-exhausted",
    "Both ports of --to-ports are taken by other connections to the same server: no port is left, the packet is dropped.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -p tcp -j MASQUERADE --to-ports 4000-4001",
     TAKEN.format(port=4000), TAKEN.format(port=4001).replace("50000", "50001")],
    OUTSIDE,
    dies("out", "h", "nf_hook_slow", "NETFILTER_DROP"),
    cause("nat", "conntrack"),
    fixed="h: iptables -t nat -F\n" + MASQ,
    backends=BOTH,
)
scenario(
    "to-ports-one-left",
    "One of the two ports is taken: the other one is used.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -p tcp -j MASQUERADE --to-ports 4000-4001",
     TAKEN.format(port=4000)],
    OUTSIDE,
    works(source=HOST_ADDRESS, sport=4001),
    cold=True,
)
scenario(
    "to-ports-taken-elsewhere",
    "The port is taken for another server: that is no clash.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -p tcp -j MASQUERADE --to-ports 4000",
     TAKEN.format(port=4000).replace("198.51.100.1 ", "198.51.100.7 ")],
    OUTSIDE,
    works(source=HOST_ADDRESS, sport=4000),
    cold=True,
)
scenario(
    "port-kept",
    "A free source port is kept.",
    NATTED,
    ask("c1", "198.51.100.1:53", server="o", proto="udp", sport=5353),
    works(source=HOST_ADDRESS, sport=5353),
)

# SNAT.

scenario(
    "snat",
    "SNAT to the host's second address.",
    [ONE, "h: ip addr add 198.51.100.20/24 dev eth0",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 198.51.100.20"],
    OUTSIDE,
    works(source="198.51.100.20"),
    backends=BOTH,
)
scenario(
    "snat-behind-masquerade",
    "The own SNAT rule stands behind docker's MASQUERADE: the first that matches wins.",
    [NATTED, "h: ip addr add 198.51.100.20/24 dev eth0",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.2 -o eth0 -j SNAT --to-source 198.51.100.20"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "snat-in-front-of-masquerade",
    "The own SNAT rule stands in front.",
    [NATTED, "h: ip addr add 198.51.100.20/24 dev eth0",
     "h: iptables -t nat -I POSTROUTING -s 10.1.0.2 -o eth0 -j SNAT --to-source 198.51.100.20"],
    OUTSIDE,
    works(source="198.51.100.20"),
)
scenario(
    "snat-to-nobody",
    "SNAT to an address of the uplink's subnet that no one owns: the outside asks for it by ARP, in vain.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 198.51.100.77"],
    OUTSIDE,
    dies("back", "o", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.77"),
    cause("nat", "address", "rule"),
    fix="must",
    fixed="h: ip addr add 198.51.100.77/24 dev eth0",
)
scenario(
    "snat-to-private",
    "SNAT to a private address that is not the uplink's: no answer finds it.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 10.77.0.1"],
    OUTSIDE,
    dies("back", "o", source="10.77.0.1"),
    cause("nat", "address", "rule"),
    fixed="h: iptables -t nat -F\n" + MASQ,
)
scenario(
    "snat-to-a-routed-address",
    "SNAT to an address outside the uplink's subnet, which the provider routes here: nobody owns it, and it works.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.9",
     "o: ip route add 203.0.113.8/30 via 198.51.100.10"],
    OUTSIDE,
    works(source="203.0.113.9"),
)
scenario(
    "snat-too-broad",
    "SNAT without -o also rewrites what the host sends to its container. The container answers to the public "
    "address, over its gateway: still right.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -j SNAT --to-source 198.51.100.10"],
    ask("h", "10.1.0.2:80", server="c1"),
    works(source="198.51.100.10"),
)
scenario(
    "snat-too-broad-for-a-vpn-client",
    "The same, but the peer has its default route elsewhere: its answer to the public address never comes here.",
    [HOST, CONTAINER, "c1: ip route del default",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -j SNAT --to-source 198.51.100.10"],
    ask("h", "10.1.0.2:80", server="c1"),
    dies("back", "c1", source="198.51.100.10"),
    cause("nat", "rule", "route"),
    fixed="h: iptables -t nat -F\nh: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -d 10.1.0.0/24 -j SNAT --to-source 198.51.100.10",
)
scenario(
    "masquerade-without-o-on-the-bridge",
    "MASQUERADE without -o, and bridge-nf-call-iptables=1: one container sees the other come from the bridge's address.",
    [HOST, CONTAINER, C2, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -j MASQUERADE"],
    ask("c1", "10.1.0.3:80", server="c2"),
    works(source="10.1.0.1"),
)
scenario(
    "masquerade-without-o-not-on-the-bridge",
    "The same with bridge-nf-call-iptables=0: bridged packets see no rules.",
    [HOST, CONTAINER, C2, "h: sysctl -qw net.bridge.bridge-nf-call-iptables=0",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -j MASQUERADE"],
    ask("c1", "10.1.0.3:80", server="c2"),
    works(source="10.1.0.2"),
)
scenario(
    "other-network-is-masqueraded-too",
    "! -o br0 also means: to the other container network.",
    TWO_NETWORKS,
    ask("c1", "10.2.0.2:80", server="d1"),
    works(source="10.2.0.1"),
)
scenario(
    "two-backends-two-snats",
    "SNAT in iptables-legacy, MASQUERADE in iptables-nft, loaded in this order: the later hook is asked first.",
    [ONE, "h: ip addr add 198.51.100.20/24 dev eth0",
     "h: iptables-legacy -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 198.51.100.20",
     "h: iptables-nft -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j MASQUERADE"],
    OUTSIDE,
    works(source="198.51.100.10"),
    may_hesitate=True,
)
scenario(
    "netmap",
    "NETMAP on the way out keeps the host part: 10.1.0.2 leaves as 203.0.113.2.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j NETMAP --to 203.0.113.0/24",
     "o: ip route add 203.0.113.0/24 via 198.51.100.10"],
    OUTSIDE,
    works(source="203.0.113.2"),
    backends=BOTH,
)
scenario(
    "snat-range",
    "SNAT to a range: which address it is follows from source and destination.",
    [ONE, "o: ip route add 203.0.113.0/28 via 198.51.100.10",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.1-203.0.113.14"],
    OUTSIDE,
    works(),
)
scenario(
    "masquerade-icmp",
    "A ping is masqueraded and its identifier kept.",
    NATTED,
    ask("c1", "198.51.100.1", server="o"),
    works(source=HOST_ADDRESS),
)
scenario(
    "other-networks-bridge",
    "A second bridge without its own MASQUERADE, but the rule covers 10.0.0.0/8.",
    [PAIR.replace("10.1.0.0/24 ! -o br0", "10.0.0.0/8 -o eth0"), BR1,
     "namespace d1\ncable d1/eth0 h/vethd1\nh: ip link set vethd1 master br1\nd1: ip addr add 10.2.0.2/24 dev eth0\n"
     "d1: ip route add default via 10.2.0.1"],
    ask("d1", "198.51.100.1:80", server="o"),
    works(source=HOST_ADDRESS),
)

scenario(
    "masquerade-without-address-moved-in",
    "MASQUERADE on lo takes the first device's address. A device that was moved in first keeps its higher number.",
    ["namespace h o", "o: ip link add a1 type veth peer name b1\no: ip link add e type veth peer name f\no: ip link set e netns @h",
     "h: ip link set e name eth0\nh: ip link set eth0 up\nh: ip link add br0 type bridge\nh: ip addr add 10.1.0.1/24 dev br0\n"
     "h: ip link set br0 up\nh: ip addr add 198.51.100.10/24 dev eth0",
     "o: ip link set f name eth0\no: ip link set eth0 up\no: ip addr add 198.51.100.1/24 dev eth0",
     "h: iptables -t nat -A POSTROUTING -j MASQUERADE", "h: iptables -A INPUT -s 10.1.0.0/24 -j DROP"],
    ask("h", "198.51.100.10:80", server="h"),
    works(source="198.51.100.10"),
)

# A quote in the name of the uplink, in a rule that iptables prints without any.
scenario(
    "odd-name-of-the-uplink",
    """The uplink is called u"'$x, and nothing translates what leaves by it.""",
    [ONE, "h: ip link set eth0 name 'u\"'\"'\"'$x'"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("back", "o"),
    cause("nat"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -d 10.1.0.0/24 -j MASQUERADE",
)
