"""Routes and policy rules, in the container and on the host, on the way out and back."""

from harness.scenario import ask, cause, dies, scenario, sysctl, works
from harness.topology import BR1, C2, D1, HOST, NATTED, NO_CARRIER, ONE, PAIR, TWO_NETWORKS, UPLINK2, WEB, container

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FAR = ask("c1", "203.0.113.80:80", server="w")
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"

# The container.

scenario(
    "container-without-default",
    "The container has no default route: its own stack says that the network is unreachable, no packet is made.",
    [NATTED, "c1: ip route del default"],
    OUTSIDE,
    dies("out", "c1", error="ENETUNREACH"),
    cause("route"),
    fix="must",
    fixed="c1: ip route add default via 10.1.0.1",
)
scenario(
    "container-without-default-published",
    "The same container behind a published port: the request arrives, the answer has no route.",
    [NATTED, PUBLISH, "c1: ip route del default"],
    FROM_OUTSIDE,
    dies("back", "c1", source="198.51.100.1"),
    cause("route"),
    fix="must",
    fixed="c1: ip route add default via 10.1.0.1",
)
scenario(
    "container-gateway-nobody",
    "The container's default route points to 10.1.0.254, which nobody has.",
    [NATTED, "c1: ip route replace default via 10.1.0.254"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("neighbour", "route"),
    fix="must",
    fixed="c1: ip route replace default via 10.1.0.1",
)
scenario(
    "container-gateway-is-a-container",
    "The container's default route points to its neighbour, which does not forward.",
    [PAIR, "c1: ip route replace default via 10.1.0.3"],
    OUTSIDE,
    dies("out", "c2", "ip_error", "IP_INADDRERRORS"),
    cause("route", "sysctl"),
    fix="must",
    fixed="c1: ip route replace default via 10.1.0.1",
)
scenario(
    "container-wide-netmask",
    "The container believes that 10.2.0.0/24 is on its own wire (10.1.0.2/8): nobody answers there.",
    [TWO_NETWORKS, "c1: ip addr flush dev eth0", "c1: ip addr add 10.1.0.2/8 dev eth0", "c1: ip route add default via 10.1.0.1"],
    ask("c1", "10.2.0.2:80", server="d1"),
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("neighbour", "address", "route"),
    fix="must",
    fixed="c1: ip addr flush dev eth0\nc1: ip addr add 10.1.0.2/24 dev eth0\nc1: ip route add default via 10.1.0.1",
)
scenario(
    "container-wide-netmask-proxy-arp",
    "The same with proxy_arp on the host's bridge: the host answers for 10.2.0.2, and it works.",
    [TWO_NETWORKS, "c1: ip addr flush dev eth0", "c1: ip addr add 10.1.0.2/8 dev eth0",
     "c1: ip route add default via 10.1.0.1", "h: sysctl -qw net.ipv4.conf.br0.proxy_arp=1 net.ipv4.neigh.br0.proxy_delay=0"],
    ask("c1", "10.2.0.2:80", server="d1"),
    works(source="10.2.0.1"),
)
scenario(
    "container-blackhole",
    "A blackhole route in the container.",
    [NATTED, "c1: ip route add blackhole 198.51.100.0/24"],
    OUTSIDE,
    dies("out", "c1", error="EINVAL"),
    cause("route"),
    fix="must",
    fixed="c1: ip route del blackhole 198.51.100.0/24",
)
TWO_LEGS = [TWO_NETWORKS, "cable c1/eth1 h/vethc1b\nh: ip link set vethc1b master br1\nc1: ip addr add 10.2.0.3/24 dev eth1"]
scenario(
    "second-network-took-the-default",
    "Connecting an internal network moved the default route to it; that network is not let out.",
    TWO_LEGS + ["c1: ip route replace default via 10.2.0.1", "h: iptables -A FORWARD -i br1 -o eth0 -j DROP"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    cause("rule"),
    fixed="c1: ip route replace default via 10.1.0.1",
)
scenario("second-network-is-fine", "A container with two networks and its default route over the second: fine.",
         TWO_LEGS + ["c1: ip route replace default via 10.2.0.1"], OUTSIDE, works(source="198.51.100.10"))
scenario("second-network-reaches-its-own", "What lies on the second network is reached directly.",
         TWO_LEGS, ask("c1", "10.2.0.2:80", server="d1"), works(source="10.2.0.3"))
scenario(
    "two-defaults-by-metric",
    "Two default routes; the better metric goes over a network that is not let out.",
    TWO_LEGS + ["c1: ip route del default", "c1: ip route add default via 10.1.0.1 metric 100",
                "c1: ip route add default via 10.2.0.1 metric 50", "h: iptables -A FORWARD -i br1 -o eth0 -j DROP"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    cause("rule"),
)

# The host.

scenario(
    "host-without-default",
    "The host has no default route: it says 'network unreachable' to the container.",
    [NATTED, WEB, "h: ip route del default"],
    FAR,
    dies("out", "h", "ip_error", "IP_INNOROUTES", error="ENETUNREACH"),
    cause("route"),
    fixed="h: ip route add default via 198.51.100.1",
)
for kind, error in (("blackhole", "timeout"), ("unreachable", "EHOSTUNREACH"), ("prohibit", "EHOSTUNREACH")):
    scenario(
        f"{kind}-route",
        f"A {kind} route on the host covers the destination.",
        [NATTED, f"h: ip route add {kind} 198.51.100.0/25"],
        OUTSIDE,
        dies("out", "h", "ip_error", "NOT_SPECIFIED", error=error),
        cause("route"),
        fix="must",
        fixed=f"h: ip route del {kind} 198.51.100.0/25",
    )
for kind, reason, error in (("blackhole", "NOT_SPECIFIED", "timeout"), ("unreachable", "IP_INNOROUTES", "ENETUNREACH"),
                            ("prohibit", "NOT_SPECIFIED", "EHOSTUNREACH")):
    scenario(
        f"{kind}-rule",
        f"A policy rule of type {kind} for the containers' network.",
        [NATTED, f"h: ip rule add from 10.1.0.0/24 pref 100 {kind}"],
        OUTSIDE,
        dies("out", "h", "ip_error", reason, error=error),
        cause("route", "policy", "rule"),
        fix="must",
        fixed="h: ip rule del pref 100",
    )
scenario(
    "blackhole-for-the-containers",
    "A blackhole route for the container's own address: the answer dies.",
    [NATTED, "h: ip route add blackhole 10.1.0.2/32"],
    OUTSIDE,
    dies("back", "h", "ip_error", "NOT_SPECIFIED", source="198.51.100.10"),
    cause("route"),
    fix="must",
    fixed="h: ip route del blackhole 10.1.0.2/32",
)
scenario(
    "throw-route",
    "A throw route ends the look-up in its table only: the next rule's table still has a route.",
    [NATTED, "h: ip rule add from 10.1.0.0/24 pref 100 table 50", "h: ip route add throw 198.51.100.0/24 table 50"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "bridge-address-without-its-subnet",
    "The bridge has 10.1.0.1/32: the host answers the container, but has no route to it. The answer takes the default "
    "route back to where it came from.",
    [NATTED, "h: ip addr del 10.1.0.1/24 dev br0", "h: ip addr add 10.1.0.1/32 dev br0"],
    OUTSIDE,
    dies("back", "o", source="198.51.100.10"),
    cause("route", "address"),
    fixed="h: ip route add 10.1.0.0/24 dev br0",
)
scenario(
    "network-shadowed",
    "A new container network took 203.0.113.0/24, where the destination lies: its packets go to that bridge.",
    [NATTED, WEB, BR1.replace("10.2.0.1", "203.0.113.1"), "namespace d1\ncable d1/eth0 h/vethd1\nh: ip link set vethd1 master br1"],
    FAR,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("route", "neighbour"),
    fix="must",
    fixed="h: ip route add 203.0.113.80/32 via 198.51.100.1",
)
scenario(
    "address-is-the-hosts-own",
    "The destination's address is configured on the host by mistake: delivered there, and nobody listens.",
    [NATTED, WEB, "h: ip addr add 203.0.113.80/32 dev lo"],
    FAR | {"server": "h", "deaf": True},
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "uplink-down",
    "The uplink is down, and its routes are gone with it.",
    [NATTED, WEB, "h: ip link set eth0 down"],
    FAR,
    dies("out", "h", "ip_error", "IP_INNOROUTES", error="ENETUNREACH"),
    cause("link", "device", "route"),
    fixed="h: ip link set eth0 up\nh: ip route add default via 198.51.100.1",
)
scenario(
    "uplink-without-carrier",
    "The cable is out: the route stays, and ARP finds nobody.",
    [NATTED, "o: ip link set eth0 down", NO_CARRIER.format(device="eth0")],
    OUTSIDE,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("link", "device", "neighbour"),
    fixed="o: ip link set eth0 up",
)
scenario(
    "uplink-without-carrier-neighbour-known",
    "The cable is out and the neighbour permanent: the packet dies in the device's queue.",
    [NATTED, "h: ip neigh replace 198.51.100.1 lladdr 02:77:00:00:00:65 dev eth0 nud permanent", "o: ip link set eth0 down"],
    OUTSIDE,
    dies("out", "h", "__dev_queue_xmit", "QDISC_DROP"),
    cause("link", "device"),
    fixed="o: ip link set eth0 up",
)
scenario(
    "better-metric-without-carrier",
    "Two default routes; the one with the better metric leads over an uplink without carrier, and is used.",
    [NATTED, WEB, UPLINK2, "h: ip route replace default via 192.0.2.1",
     "h: ip route add default via 198.51.100.1 metric 100", "o: ip link set eth1 down"],
    FAR,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"),
    cause("link", "device", "route", "neighbour"),
    fixed="h: sysctl -qw net.ipv4.conf.eth1.ignore_routes_with_linkdown=1",
)
scenario(
    "ignore-routes-with-linkdown",
    "With ignore_routes_with_linkdown the other route is taken.",
    [NATTED, WEB, UPLINK2, "h: sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1",
     "h: ip route replace default via 192.0.2.1",
     "h: ip route add default via 198.51.100.1 metric 100", "o: ip link set eth1 down"],
    FAR,
    works(source="198.51.100.10"),
)
scenario(
    "worse-metric-without-carrier",
    "The uplink without carrier has the worse metric: nobody asks for it.",
    [NATTED, WEB, UPLINK2, "h: ip route add default via 192.0.2.1 metric 200", "o: ip link set eth1 down"],
    FAR,
    works(source="198.51.100.10"),
)
scenario(
    "longest-prefix",
    "A more specific route over the second uplink.",
    [NATTED, WEB, UPLINK2, "h: ip route add 203.0.113.64/26 via 192.0.2.1", "h: ip route add blackhole 203.0.113.0/25"],
    FAR,
    works(source="192.0.2.10"),
)
scenario(
    "gateway-nobody",
    "The host's default gateway does not answer.",
    [NATTED, WEB, "h: ip route replace default via 198.51.100.254"],
    FAR,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("neighbour", "route"),
    fixed="h: ip route replace default via 198.51.100.1",
)
scenario(
    "gateway-onlink",
    "A gateway outside the uplink's subnet, with onlink.",
    [HOST.replace("h: ip route add default via 198.51.100.1", "h: ip route add default via 172.31.255.1 dev eth0 onlink"),
     container("c1", "10.1.0.2"), WEB, "o: ip addr add 172.31.255.1/32 dev eth0",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE"],
    FAR,
    works(source="198.51.100.10"),
)

# Nexthop objects and several paths.

scenario("nexthop-object", "The default route uses a nexthop object.",
         [NATTED, WEB, "h: ip route del default", "h: ip nexthop add id 7 via 198.51.100.1 dev eth0",
          "h: ip route add default nhid 7"], FAR, works(source="198.51.100.10"))
scenario(
    "nexthop-object-blackhole",
    "The nexthop object is a blackhole.",
    [NATTED, WEB, "h: ip nexthop add id 7 blackhole", "h: ip route add 203.0.113.0/24 nhid 7"],
    FAR,
    dies("out", "h", "ip_error", "NOT_SPECIFIED", error="timeout"),
    cause("route"),
    fix="must",
    fixed="h: ip route del 203.0.113.0/24",
)
scenario("nexthop-group", "A group of two nexthop objects over both uplinks; both lead there.",
         [NATTED, WEB, UPLINK2, "h: ip route del default", "h: ip nexthop add id 1 via 198.51.100.1 dev eth0",
          "h: ip nexthop add id 2 via 192.0.2.1 dev eth1", "h: ip nexthop add id 10 group 1/2",
          "h: ip route add default nhid 10"], FAR, works())
scenario("multipath-both-good", "Two paths, both lead there.",
         [NATTED, WEB, UPLINK2,
          "h: ip route replace default nexthop via 198.51.100.1 dev eth0 nexthop via 192.0.2.1 dev eth1"], FAR, works())
scenario("multipath-one-down", "Two paths; the second uplink is down, its path is dead.",
         [NATTED, WEB, UPLINK2,
          "h: ip route replace default nexthop via 198.51.100.1 dev eth0 nexthop via 192.0.2.1 dev eth1",
          "h: ip link set eth1 down"], FAR, works(source="198.51.100.10"))
for leg, seed, truth in (
    ("good", 4, works(source="198.51.100.10")),
    ("silent", 5, dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH")),
):
    scenario(
        f"multipath-on-the-{leg}-leg",
        "Two paths, and the second gateway does not answer: which one it is hangs on a hash of the addresses "
        "(its seed is set, so that the kernel does the same every time).",
        [NATTED, WEB, UPLINK2, f"h: sysctl -qw net.ipv4.fib_multipath_hash_seed={seed}",
         "h: ip route replace default nexthop via 198.51.100.1 dev eth0 nexthop via 192.0.2.99 dev eth1"],
        FAR,
        truth,
        cause("neighbour", "route"),
        may_hesitate=True,
        needs="test -e /proc/sys/net/ipv4/fib_multipath_hash_seed",
    )

# Policy rules.

scenario("rule-from", "The containers' network has a table of its own, over the second uplink.",
         [NATTED, UPLINK2, "h: ip rule add from 10.1.0.0/24 pref 100 table 200",
          "h: ip route add default via 192.0.2.1 table 200"], OUTSIDE, works(source="192.0.2.10"))
scenario(
    "rule-from-table-empty",
    "The rule leads to an empty table: the look-up goes on to the next rule.",
    [NATTED, "h: ip rule add from 10.1.0.0/24 pref 100 table 200"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "rule-from-catches-the-way-back",
    "The table for 'from 10.1.0.0/24' has a default only, and the rule comes before main: a container that asks the "
    "other network is sent out by the uplink.",
    [TWO_NETWORKS, "h: ip rule add from 10.1.0.0/24 pref 100 table 200",
     "h: ip route add default via 198.51.100.1 table 200"],
    ask("c1", "10.2.0.2:80", server="d1"),
    dies("out", "o"),
    cause("route", "policy"),
    fixed="h: ip rule add to 10.0.0.0/8 pref 50 table main",
)
scenario("rule-to", "A rule by destination.",
         [NATTED, UPLINK2, "h: ip rule add to 198.51.100.0/24 pref 100 table 200",
          "h: ip route add default via 192.0.2.1 table 200"], OUTSIDE, works(source="192.0.2.10"))
scenario("rule-iif", "A rule by ingress device.",
         [NATTED, UPLINK2, "h: ip rule add iif br0 pref 100 table 200",
          "h: ip route add default via 192.0.2.1 table 200", "h: ip route add 10.1.0.0/24 dev br0 table 200"],
         OUTSIDE, works(source="192.0.2.10"))
scenario("rule-iif-lo-is-for-the-host", "'iif lo' means what the host itself sends; a container's packet is not meant.",
         [NATTED, "h: ip rule add iif lo pref 100 prohibit"], OUTSIDE, works(source="198.51.100.10"))
scenario(
    "rule-iif-lo",
    "… and the host itself is stopped by it.",
    [NATTED, "h: ip rule add iif lo pref 100 prohibit"],
    ask("h", "198.51.100.1:80", server="o"),
    dies("out", "h", error="EACCES"),
    cause("route", "policy", "rule"),
    fix="must",
)
scenario("rule-port", "A rule by destination port matches forwarded packets, too.",
         [NATTED, UPLINK2, "h: ip rule add ipproto tcp dport 80 pref 100 table 200",
          "h: ip route add default via 192.0.2.1 table 200"], OUTSIDE, works(source="192.0.2.10"))
scenario("rule-tos-not-ours", "A rule for another TOS.",
         [NATTED, "h: ip rule add tos 0x10 pref 100 prohibit"], OUTSIDE, works(source="198.51.100.10"))
scenario("rule-not", "A rule with 'not': everything that is not for 10.0.0.0/8 goes to table 200.",
         [NATTED, UPLINK2, "h: ip rule add not to 10.0.0.0/8 pref 100 table 200",
          "h: ip route add default via 192.0.2.1 table 200"], OUTSIDE, works(source="192.0.2.10"))
scenario(
    "rule-not-negates-all-of-it",
    "'not from 10.9.0.0/16 iif br0' negates both parts together: the answer, which comes in by eth1, is meant, too, "
    "and is sent out again.",
    [NATTED, UPLINK2, "h: ip rule add not from 10.9.0.0/16 iif br0 pref 100 table 200",
     "h: ip route add default via 192.0.2.1 table 200"],
    OUTSIDE,
    dies("back", "o", "ip_error", "IP_INADDRERRORS", source="192.0.2.10"),
    cause("route", "policy", "rule"),
    fixed="h: ip rule add to 10.0.0.0/8 pref 50 table main",
)
scenario("rule-goto", "A goto skips the prohibit.",
         [NATTED, "h: ip rule add from 10.1.0.0/24 pref 100 goto 300", "h: ip rule add pref 200 prohibit",
          "h: ip rule add pref 300 lookup main"], OUTSIDE, dies("back", "h", "ip_error", "NOT_SPECIFIED"),
         cause("route", "policy", "rule"), fixed="h: ip rule add to 10.1.0.0/24 pref 110 goto 300")
scenario("rule-suppress", "suppress_prefixlength 0 leaves the default of main unused, and the next rule's table is asked.",
         [NATTED, UPLINK2, WEB, "h: ip rule add pref 100 table main suppress_prefixlength 0",
          "h: ip rule add iif br0 pref 200 table 51820", "h: ip route add default via 192.0.2.1 table 51820"],
         FAR, works(source="192.0.2.10"))
scenario(
    "wg-quick-in-the-container",
    "wg-quick's rules in the container: what is not marked goes to table 51820, where a tunnel is; here it is a blackhole. "
    "The answers of a published port go there, too.",
    [NATTED, PUBLISH, "c1: ip rule add not fwmark 51820 pref 200 table 51820",
     "c1: ip rule add pref 100 table main suppress_prefixlength 0", "c1: ip route add blackhole default table 51820"],
    FROM_OUTSIDE,
    dies("back", "c1", source="198.51.100.1"),
    cause("route", "policy"),
    fixed="c1: ip route add 198.51.100.0/24 via 10.1.0.1",
)
MARKED = [NATTED, UPLINK2, "h: ip rule add fwmark 0x1/0xff pref 100 table 200",
          "h: ip route add default via 192.0.2.1 table 200"]
scenario("rule-fwmark", "A mark from mangle PREROUTING leads over the second uplink.",
         MARKED + ["h: iptables -t mangle -A PREROUTING -i br0 -p tcp --dport 80 -j MARK --set-xmark 0x101/0xffff"],
         OUTSIDE, works(source="192.0.2.10"))
scenario("rule-fwmark-without-mark", "Nobody marks: main is used.", MARKED, OUTSIDE, works(source="198.51.100.10"))
scenario("rule-fwmark-too-late", "The mark is set in FORWARD, behind the routing decision.",
         MARKED + ["h: iptables -t mangle -A FORWARD -i br0 -j MARK --set-xmark 0x1/0xffff"],
         OUTSIDE, works(source="198.51.100.10"))
scenario(
    "rule-fwmark-blackhole",
    "Marked packets go to a table that ends in a blackhole (a VPN that is not up).",
    [NATTED, "h: iptables -t mangle -A PREROUTING -s 10.1.0.2 -j MARK --set-mark 5",
     "h: ip rule add fwmark 5 pref 100 table 200", "h: ip route add blackhole default table 200"],
    OUTSIDE,
    dies("out", "h", "ip_error", "NOT_SPECIFIED", error="timeout"),
    cause("route"),
    fix="may",
    fixed="h: ip rule del pref 100",
)
scenario(
    "local-table-moved",
    "The rule for the table local was moved behind a table with a default: the host's own address is not its own "
    "any more, and not even ARP is answered for it.",
    [NATTED, "h: ip rule add pref 50 table 200", "h: ip route add default via 198.51.100.1 table 200",
     "h: ip rule add pref 100 table local", "h: ip rule del pref 0"],
    ask("c1", "10.1.0.1:22", server="h"),
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("route", "policy", "neighbour"),
    fixed="h: ip rule add pref 0 table local\nh: ip rule del pref 50",
)
scenario(
    "answer-over-the-other-uplink",
    "The answer of a published port leaves by the default route, not by the uplink that the request came in on. "
    "The outside takes it.",
    [NATTED, UPLINK2, "h: iptables -t nat -A PREROUTING -i eth1 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80",
     "o: ip addr add 203.0.113.1/32 dev lo", "o: ip route add 192.0.2.10/32 dev eth1 src 203.0.113.1"],
    ask("o", "192.0.2.10:8080", server="c1:80"),
    works(source="203.0.113.1"),
)
scenario(
    "route-to-the-container-network-elsewhere",
    "A static route sends the container's address out by the uplink: more specific than the bridge's own.",
    [NATTED, "h: ip route add 10.1.0.0/25 via 198.51.100.1"],
    OUTSIDE,
    dies("back", "o", source="198.51.100.10"),
    cause("route"),
    fix="may",
    fixed="h: ip route del 10.1.0.0/25",
)
scenario(
    "missing-route-to-the-other-host",
    "Two hosts with container networks; the route to the other's network is missing, the packet takes the default.",
    [ONE, """
     namespace h2 c9
     cable h/lan h2/lan
     cable h2/eth1 c9/eth0
     h: ip addr add 192.168.7.1/24 dev lan
     h2: ip addr add 192.168.7.2/24 dev lan
     h2: ip addr add 10.9.0.1/24 dev eth1
     h2: ip route add 10.1.0.0/24 via 192.168.7.1
     h2: sysctl -qw net.ipv4.ip_forward=1
     c9: ip addr add 10.9.0.2/24 dev eth0
     c9: ip route add default via 10.9.0.1"""],
    ask("c1", "10.9.0.2:80", server="c9"),
    dies("out", "o"),
    cause("route", "nat"),
    fixed="h: ip route add 10.9.0.0/24 via 192.168.7.2",
)
scenario(
    "missing-route-back-from-the-other-host",
    "The same, but the missing route is the other host's: the answer is dropped there.",
    [ONE, """
     namespace h2 c9
     cable h/lan h2/lan
     cable h2/eth1 c9/eth0
     h: ip addr add 192.168.7.1/24 dev lan
     h: ip route add 10.9.0.0/24 via 192.168.7.2
     h2: ip addr add 192.168.7.2/24 dev lan
     h2: ip addr add 10.9.0.1/24 dev eth1
     h2: sysctl -qw net.ipv4.ip_forward=1
     c9: ip addr add 10.9.0.2/24 dev eth0
     c9: ip route add default via 10.9.0.1"""],
    ask("c1", "10.9.0.2:80", server="c9"),
    dies("back", "h2", "ip_error", "IP_INNOROUTES", source="10.1.0.2"),
    cause("nat", "route"),
    fixed="h2: ip route add 10.1.0.0/24 via 192.168.7.1",
)

# Of two rules with one preference each is named whole, and a device may be called almost anything.
scenario(
    "odd-name-in-a-rule",
    "The bridge is called b;$(id), and one of two rules 100 throws away what comes from it.",
    [NATTED, "h: ip link set br0 name 'b;$(id)'",
     "h: ip rule add pref 100 to 203.0.113.0/24 lookup main",
     "h: ip rule add pref 100 iif 'b;$(id)' blackhole"],
    OUTSIDE,
    dies("out", "h", "ip_error", "NOT_SPECIFIED", error="timeout"),
    cause("route", "policy", "rule"),
    fix="must",
    fixed="h: ip rule del pref 100 iif 'b;$(id)' blackhole",
)
scenario(
    "no-return-to-an-address-on-lo",
    "The container sends from an address on its lo, nobody translates it, and the host has no way back to it.",
    [ONE, "c1: ip addr add 172.31.0.1/32 dev lo\nc1: ip route replace default via 10.1.0.1 src 172.31.0.1\n"
     "h: ip route add unreachable 172.31.0.1"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("back", "o", source="172.31.0.1"),
    cause("nat"),
)
