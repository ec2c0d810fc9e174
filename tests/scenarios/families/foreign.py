"""What else can take a packet: native nftables, tc, XDP, ebtables, IPsec. Where such a thing stands on the way and its
verdict is not modelled, the only right answer is "undecided", with its name. Where it does not stand on the way, doubt
would be wrong."""

from harness.scenario import ask, dies, policy, scenario, undecided, works
from harness.topology import DOCKERED, NATTED, ONE, PAIR

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
NEIGHBOUR = ask("c1", "10.1.0.3:80", server="c2")
OUT = "198.51.100.10"

# nftables of one's own.

scenario(
    "nft-forward-policy-drop",
    "A table of one's own with policy drop at the forward hook; docker's accept in another table does not help.",
    [DOCKERED, "h: nft 'table inet own { chain forw { type filter hook forward priority filter; policy drop; "
     "ct state established accept; }; }'"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    undecided("own"),
)
scenario(
    "nft-forward-rule-drop",
    "A rule of one's own table drops.",
    [NATTED, "h: nft 'table ip own { chain forw { type filter hook forward priority 10; policy accept; "
     "ip daddr 198.51.100.0/24 drop; }; }'"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    undecided("own"),
)
scenario(
    "nft-forward-accepts",
    "A chain of one's own that can only accept stands in nobody's way.",
    [NATTED, "h: nft 'table inet own { chain forw { type filter hook forward priority 0; policy accept; "
     "iifname \"br0\" accept; }; }'"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "nft-masquerade",
    "MASQUERADE written in nft.",
    [ONE, "h: nft 'table ip own { chain post { type nat hook postrouting priority srcnat; "
     "ip saddr 10.1.0.0/24 oifname \"eth0\" masquerade; }; }'"],
    OUTSIDE,
    works(source=OUT),
    undecided("own"),
)
scenario(
    "nft-container-output",
    "The native chain is in the container.",
    [NATTED, "c1: nft 'table inet own { chain out { type filter hook output priority 0; policy drop; }; }'"],
    OUTSIDE,
    dies("out", "c1", "nft_do_chain", "NETFILTER_DROP"),
    undecided("own"),
)
scenario(
    "nft-netdev-ingress",
    "A netdev chain at the ingress of the container's port.",
    [NATTED, "h: nft 'table netdev own { chain in { type filter hook ingress device vethc1 priority 0; policy drop; }; }'"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    undecided("own"),
)
scenario(
    "nft-bridge-forward",
    "A chain of the bridge family drops between two containers.",
    [PAIR, "h: nft 'table bridge own { chain forw { type filter hook forward priority 0; policy accept; "
     "ip daddr 10.1.0.3 drop; }; }'"],
    NEIGHBOUR,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    undecided("own"),
)
scenario(
    "nft-fatal-in-front-of-it",
    "A native chain lies on the way, too, but the packet is dead before it gets there: forwarding is off.",
    [NATTED, "h: nft 'table inet own { chain forw { type filter hook forward priority 0; policy drop; }; }'",
     "h: sysctl -qw net.ipv4.ip_forward=0"],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
    may_hesitate=True,
)
for name, story, line in (
    ("input-hook", "A native chain at the input hook has nothing to say about what is forwarded.",
     "h: nft 'table inet own { chain in { type filter hook input priority 0; policy drop; }; }'"),
    ("other-family", "A native chain of ip6 has nothing to say about IPv4.",
     "h: nft 'table ip6 own { chain forw { type filter hook forward priority 0; policy drop; }; }'"),
    ("no-hook", "A native chain without a hook is never asked.",
     "h: nft 'table inet own { chain forw { drop; }; }'"),
    ("empty-table", "A native table without a chain.", "h: nft 'table inet own { }'"),
    ("bridge-hook", "A bridge chain at the forward hook has nothing to say about what is routed.",
     "h: nft 'table bridge own { chain forw { type filter hook forward priority 0; policy drop; }; }'"),
    ("other-device", "A netdev chain on a device that is not on the way.",
     "h: ip link add x0 type veth peer name x1\n"
     "h: nft 'table netdev own { chain in { type filter hook ingress device x0 priority 0; policy drop; }; }'"),
    ("dormant", "A dormant table is asleep.",
     "h: nft 'table inet own { flags dormant; chain forw { type filter hook forward priority 0; policy drop; }; }'"),
):
    scenario(f"nft-{name}", story, [NATTED, line], OUTSIDE, works(source=OUT))
scenario(
    "nft-arp",
    "A chain of the arp family drops the host's ARP answers: not IP, and yet nothing works.",
    [NATTED, "h: nft 'table arp own { chain in { type filter hook input priority 0; policy drop; }; }'"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    undecided("own"),
)

# tc and XDP.

TC = "tc filter add dev {device} {side} bpf da bytecode '1,6 0 0 {verdict}'"
SHOT, OK = 2, 0
scenario(
    "tc-ingress-drop",
    "A tc program at the ingress of the container's port drops.",
    [NATTED, "h: tc qdisc add dev vethc1 clsact", "h: " + TC.format(device="vethc1", side="ingress", verdict=SHOT)],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    undecided("vethc1"),
)
scenario(
    "tc-egress-drop",
    "A tc program at the egress of the uplink drops IPv4.",
    [NATTED, "h: ip neigh replace 198.51.100.1 lladdr 02:77:00:00:00:65 dev eth0 nud permanent",
     "h: tc qdisc add dev eth0 clsact", "h: " + TC.format(device="eth0", side="egress", verdict=SHOT)],
    OUTSIDE,
    dies("out", "h", "__dev_queue_xmit", "TC_EGRESS"),
    undecided("eth0"),
)
scenario(
    "tc-passes",
    "A tc program that lets everything pass: nobody can tell from outside.",
    [NATTED, "h: tc qdisc add dev eth0 clsact", "h: " + TC.format(device="eth0", side="egress", verdict=OK)],
    OUTSIDE,
    works(source=OUT),
    undecided("eth0"),
)
scenario("tc-no-filter", "A clsact qdisc without any filter.", [NATTED, "h: tc qdisc add dev eth0 clsact"], OUTSIDE,
         works(source=OUT))
scenario("tc-bucket-too-small", "A token bucket of 1,000 bytes: longer packets never get a token.",
         [NATTED, "h: tc qdisc add dev eth0 root tbf rate 1mbit burst 1000 latency 50ms"],
         ask("c1", "198.51.100.1:53", server="o", proto="udp", size=1400), dies("out", "h", "__dev_queue_xmit", "QDISC_DROP"),
         undecided("tbf on eth0"))
scenario("tc-bucket", "A token bucket that takes every frame.",
         [NATTED, "h: tc qdisc add dev eth0 root tbf rate 1mbit burst 3000 latency 50ms"],
         ask("c1", "198.51.100.1:53", server="o", proto="udp", size=1400), works(source=OUT))
scenario("tc-queue-of-none", "A queue that holds no packet.", [NATTED, "h: tc qdisc add dev eth0 root pfifo limit 0"],
         OUTSIDE, dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), undecided("pfifo on eth0"))
scenario("tc-other-device", "A tc program on a device that is not on the way.",
         [PAIR, "h: tc qdisc add dev vethc2 clsact", "h: " + TC.format(device="vethc2", side="ingress", verdict=SHOT)],
         OUTSIDE, works(source=OUT))
scenario(
    "xdp-drop",
    "An XDP program on the uplink drops what comes in: the answer, and ARP's, too.",
    [NATTED, "h: ip neigh replace 198.51.100.1 lladdr 02:77:00:00:00:65 dev eth0 nud permanent",
     "o: ip neigh replace 198.51.100.10 lladdr 02:77:00:00:00:64 dev eth0 nud permanent", "xdp h/eth0 drop"],
    OUTSIDE,
    dies("back", "h", "veth_xdp_rcv_skb", "NOT_SPECIFIED", source=OUT),
    undecided("eth0"),
)
scenario("xdp-other-device", "An XDP program on a device that is not on the way.", [PAIR, "xdp h/vethc2 drop"], OUTSIDE,
         works(source=OUT))

# ebtables, IPsec.

scenario(
    "ebtables-forward-drop",
    "ebtables drops between two containers.",
    [PAIR, "h: ebtables -A FORWARD -p IPv4 --ip-dst 10.1.0.3 -j DROP"],
    NEIGHBOUR,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    undecided("FORWARD"),
)
scenario(
    "ebtables-input-drop",
    "ebtables drops what goes up from the bridge to the host, so also what is to be routed.",
    [NATTED, "h: ebtables -A INPUT -p IPv4 -i vethc1 -j DROP"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    undecided("INPUT"),
)
scenario(
    "xfrm-policy",
    "An IPsec policy wants the containers' traffic in a tunnel that is not there.",
    [ONE, "h: ip xfrm policy add src 10.1.0.0/24 dst 198.51.100.0/24 dir out "
     "tmpl src 198.51.100.10 dst 198.51.100.1 proto esp mode tunnel"],
    OUTSIDE,
    dies("out", "h", "ip_forward", "XFRM_POLICY"),
    undecided("xfrm|ipsec"),
)
scenario(
    "xfrm-policy-elsewhere",
    "An IPsec policy for another destination.",
    [NATTED, "h: ip xfrm policy add src 10.1.0.0/24 dst 203.0.113.0/24 dir out "
     "tmpl src 198.51.100.10 dst 203.0.113.1 proto esp mode tunnel"],
    OUTSIDE,
    works(source=OUT),
    may_hesitate=True,
)
scenario(
    "ipvs",
    "An IPVS service takes the packet for a virtual address.",
    [PAIR, "h: ip addr add 10.96.0.1/32 dev lo", "h: ipvsadm -A -t 10.96.0.1:80 -s rr",
     "h: ipvsadm -a -t 10.96.0.1:80 -r 10.1.0.3:80 -m"],
    ask("c1", "10.96.0.1:80", server="c2"),
    works(),
    undecided("ipvs"),
    needs="ipvsadm -L",
)
scenario(
    "policy-in-both-backends-and-native",
    "iptables drops for sure; a native chain on the same hook cannot bring the packet back to life.",
    [NATTED, "h: iptables-legacy -P FORWARD DROP",
     "h: nft 'table inet own { chain forw { type filter hook forward priority 10; policy accept; }; }'"],
    OUTSIDE,
    dies("out", "h", "nf_hook_slow", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    may_hesitate=True,
)
