"""What people have met on their hosts and what the other families do not show: programs that share a host, networks
that moved, tunnels."""

from harness.scenario import ask, cause, dies, policy, rule, scenario, undecided, works
from harness.topology import BR1, D1, DOCKERED, MASQUERADE_BR1, NATTED, ONE, PAIR, TWO_NETWORKS, UPLINK2, WEB

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
OUT = "198.51.100.10"

# Programs beside docker.

BESIDE = [DOCKERED, BR1, D1, MASQUERADE_BR1]
scenario(
    "docker-beside-another-network",
    "Docker's rules accept what its own bridge sends; another program's network (virtual machines, VPN clients) meets the "
    "policy DROP that docker set.",
    BESIDE,
    ask("d1", "198.51.100.1:80", server="o"),
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -I DOCKER-USER -i br1 -j ACCEPT\n"
          "h: iptables -I DOCKER-USER -o br1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)
scenario(
    "docker-beside-another-network-one-way",
    "The remedy, half done: what the network sends is accepted, what comes back is not.",
    [*BESIDE, "h: iptables -I DOCKER-USER -i br1 -j ACCEPT"],
    ask("d1", "198.51.100.1:80", server="o"),
    dies("back", "h", "nft_do_chain", "NETFILTER_DROP", source=OUT),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -I DOCKER-USER -o br1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)
scenario(
    "user-chain-without-a-jump",
    "A reload took the jump to DOCKER-USER: the chain still drops, and nobody asks it.",
    [DOCKERED, "h: iptables -I DOCKER-USER -i br0 -j DROP", "h: iptables -D FORWARD -j DOCKER-USER"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "reload-took-forward",
    "A reload emptied FORWARD and left docker's chains and its policy.",
    [DOCKERED, "h: iptables -F FORWARD"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -i br0 -j ACCEPT\nh: iptables -A FORWARD -o br0 -j ACCEPT",
)
scenario(
    "masquerade-for-the-old-subnet",
    "The network was made anew with another subnet, and the rule of the old one is the only one.",
    [ONE, "h: iptables -t nat -A POSTROUTING -s 172.20.0.0/16 ! -o br-old -j MASQUERADE"],
    OUTSIDE,
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE",
)
scenario(
    "nft-accepts-iptables-drops",
    "A table of one's own accepts the network; that ends nothing but its own chain, and FORWARD's policy drops.",
    [NATTED, "h: nft 'table inet own { chain forw { type filter hook forward priority 0; policy accept; "
     "iifname \"br0\" accept; oifname \"br0\" accept; }; }'", "h: iptables -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    may_hesitate=True,
    fixed="h: iptables -P FORWARD ACCEPT",
)

# Bridges that lost what they had.

scenario(
    "bridge-lost-its-address-remembered",
    "The bridge's address is gone, but the container still knows the MAC address: its packets are forwarded, and the "
    "answer finds no subnet behind the bridge any more. It goes out again by the default route.",
    [NATTED, "c1: ip neigh replace 10.1.0.1 lladdr $(ip -n @h -br link show br0 | awk '{print $3}') dev eth0 nud permanent",
     "h: ip addr del 10.1.0.1/24 dev br0"],
    OUTSIDE,
    dies("back", "o", "ip_error", "IP_INADDRERRORS", source=OUT),
    fix="must",
    fixed="h: ip addr add 10.1.0.1/24 dev br0",
)
scenario(
    "bridge-got-a-link-local-address",
    "A network manager gave the bridge 169.254.7.1/16 in place of its own address.",
    [NATTED, "h: ip addr del 10.1.0.1/24 dev br0", "h: ip addr add 169.254.7.1/16 dev br0"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("address", "neighbour"),
    fix="must",
    fixed="h: ip addr add 10.1.0.1/24 dev br0",
)
scenario(
    "default-route-over-the-bridge",
    "A network manager put a default route on the container bridge, with a better metric than the uplink's.",
    [NATTED, WEB, "h: ip route del default", "h: ip route add default via 198.51.100.1 metric 100",
     "h: ip route add default dev br0"],
    ask("c1", "203.0.113.80:80", server="w"),
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"),
    cause("route", "neighbour"),
    fix="must",
    fixed="h: ip route del default dev br0",
)
scenario(
    "two-defaults-of-one-metric",
    "A container on two networks with a default route for each, both of one metric: the first listed counts, and its "
    "network is not let out.",
    [TWO_NETWORKS, "cable c1/eth1 h/vethc1b", "h: ip link set vethc1b master br1", "c1: ip addr add 10.2.0.9/24 dev eth1",
     "c1: ip route append default via 10.2.0.1 dev eth1", "h: iptables -A FORWARD -i br0 -o eth0 -j REJECT"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "FORWARD", 1),
    may_hesitate=True,  # which one counts also hangs on what the container knows of the gateways by then
    fixed="c1: ip route del default via 10.1.0.1",
)
scenario(
    "two-defaults-the-first-is-good",
    "The same, and the first listed leads over the network that is let out.",
    [TWO_NETWORKS, "cable c1/eth1 h/vethc1b", "h: ip link set vethc1b master br1", "c1: ip addr add 10.2.0.9/24 dev eth1",
     "c1: ip route append default via 10.2.0.1 dev eth1", "h: iptables -A FORWARD -i br1 -o eth0 -j REJECT"],
    OUTSIDE,
    works(source=OUT),
    may_hesitate=True,
)
scenario(
    "container-network-covers-the-gateway",
    "A container network of 198.51.0.0/16 is wider than the uplink's own subnet, which stays the more specific one.",
    [NATTED, "h: ip link add br9 type bridge", "h: ip addr add 198.51.0.1/16 dev br9", "h: ip link set br9 up"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "container-network-equals-the-uplinks",
    "A container network has the uplink's very subnet, and its route was made first: the host looks for its gateway on "
    "the bridge.",
    [NATTED, "h: ip link add br9 type bridge", "h: ip addr add 198.51.100.200/24 dev br9", "h: ip link set br9 up",
     "h: ip route del 198.51.100.0/24 dev eth0",
     "h: ip route append 198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.10"],
    OUTSIDE,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("route", "neighbour", "bridge"),
    fixed="h: ip addr del 198.51.100.200/24 dev br9",
)

# Conntrack and the host itself.

scenario(
    "answers-to-the-host-invalid",
    "The host's own packets are exempt from tracking; the SYN-ACK is INVALID, and a rule of INPUT drops INVALID.",
    [ONE, "h: iptables -t raw -A OUTPUT -d 198.51.100.1 -j NOTRACK",
     "h: iptables -A INPUT -m conntrack --ctstate INVALID -j DROP"],
    ask("h", "198.51.100.1:80", server="o"),
    dies("back", "h", "nft_do_chain", "NETFILTER_DROP", source=OUT),
    rule("filter", "INPUT", 1),
    fix="must",
    fixed="h: iptables -D INPUT 1",
)

# Tunnels.

scenario(
    "tunnel-address-from-elsewhere",
    "wg-quick's rule in raw: what does not come in by the tunnel may not ask for the tunnel's address.",
    [NATTED, "h: ip addr add 10.99.0.1/32 dev lo",
     "h: iptables -t raw -A PREROUTING ! -i wg0 -d 10.99.0.1 -m addrtype ! --src-type LOCAL -j DROP"],
    ask("c1", "10.99.0.1:80", server="h"),
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    rule("raw", "PREROUTING", 1),
    fix="must",
    fixed="h: iptables -t raw -F PREROUTING",
)
scenario(
    "tunnel-without-its-program",
    "The route leads into a tun device whose program is not running: it has no carrier.",
    [NATTED, "h: ip tuntap add dev tun0 mode tun", "h: ip addr add 10.8.0.1/24 dev tun0", "h: ip link set tun0 up",
     "h: ip route add 203.0.113.0/24 via 10.8.0.2"],
    ask("c1", "203.0.113.80:80", server="o"),
    dies("out", "h", "__dev_queue_xmit", "QDISC_DROP"),
    cause("link", "device", "route"),
    needs="ip tuntap add dev tun0 mode tun",
    may_hesitate=True,
)
# Policy routing and the way back.

scenario(
    "own-uplink-for-the-containers-main-for-the-rest",
    "The containers' table knows only their uplink: a container of the other network is sought outside.",
    [TWO_NETWORKS, UPLINK2, "h: ip rule add from 10.1.0.0/24 pref 100 table 200",
     "h: ip route add default via 192.0.2.1 table 200"],
    ask("d1", "10.1.0.2:80", server="c1"),
    dies("back", "o"),
    fixed="h: ip route add 10.2.0.0/24 dev br1 table 200",
)
scenario(
    "networks-of-the-site-are-not-masqueraded",
    "MASQUERADE is for everything but 10.0.0.0/8, and the server is in 10.50.0.0/16, which does not know the containers.",
    [ONE, "o: ip addr add 10.50.0.1/32 dev lo",
     "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -d 10.0.0.0/8 -j MASQUERADE"],
    ask("c1", "10.50.0.1:80", server="o"),
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed="h: iptables -t nat -I POSTROUTING -s 10.1.0.0/24 -d 10.50.0.0/16 -j MASQUERADE",
)
scenario(
    "service-port-rejects-beside-a-ping",
    "icc is off but for ping: two containers ping each other and reach no port.",
    [PAIR, "h: iptables -A FORWARD -i br0 -o br0 -p icmp -j ACCEPT", "h: iptables -A FORWARD -i br0 -o br0 -j REJECT"],
    ask("c1", "10.1.0.3:80", server="c2"),
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    rule("filter", "FORWARD", 2),
    fix="must",
    fixed="h: iptables -D FORWARD 2",
)
scenario(
    "unknown-target",
    "A rule hands the packet to a program's queue that bypasses when nobody listens, and nobody does.",
    [NATTED, "h: iptables -A FORWARD -j NFQUEUE --queue-num 7 --queue-bypass"],
    OUTSIDE,
    works(source=OUT),
)

# What is seldom set and then forgotten.

scenario(
    "bridge-port-locked",
    "The container's port is locked: only MAC addresses that the fdb knows may speak.",
    [NATTED, "h: bridge link set dev vethc1 locked on"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("bridge"),
    fix="must",
    fixed="h: bridge link set dev vethc1 locked off",
)
scenario(
    "broadcasts-not-flooded",
    "The other container's port takes no broadcasts: its ARP never hears the question.",
    [PAIR, "h: bridge link set dev vethc2 bcast_flood off"],
    ask("c1", "10.1.0.3:80", server="c2"),
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("bridge"),
    fixed="h: bridge link set dev vethc2 bcast_flood on",
)
scenario(
    "arp-off-on-the-bridge",
    "ARP is switched off on the bridge: the container's gateway does not answer.",
    [NATTED, "h: ip link set br0 arp off"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH"),
    cause("neighbour", "device"),
    fixed="h: ip link set br0 arp on",
)
scenario(
    "source-outside-the-subnet",
    "The container's default route names a source that is not of the bridge's subnet: no rule covers it.",
    [NATTED, "c1: ip addr add 10.9.0.2/24 dev eth0", "c1: ip route replace default via 10.1.0.1 src 10.9.0.2"],
    OUTSIDE,
    dies("back", "o", source="10.9.0.2"),
    cause("nat"),
    fixed="c1: ip route replace default via 10.1.0.1 src 10.1.0.2",
)
scenario(
    "rule-for-users-meets-forwarded-packets",
    "A policy rule for user 0 also stops what is forwarded: such packets belong to user 0.",
    [NATTED, "h: ip rule add uidrange 0-0 blackhole pref 50"],
    OUTSIDE,
    dies("out", "h", "ip_error", "NOT_SPECIFIED"),
    cause("route", "rule"),
    fix="must",
    fixed="h: ip rule del pref 50",
)
scenario(
    "only-one-direction-accepted",
    "The rule accepts --ctdir ORIGINAL; answers are of the other direction.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -m conntrack --ctdir ORIGINAL -j ACCEPT"],
    OUTSIDE,
    dies("back", "h", "nft_do_chain", "NETFILTER_DROP", source=OUT),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -m conntrack --ctdir REPLY -j ACCEPT",
)
scenario(
    "only-translated-connections-accepted",
    "FORWARD drops all but what DNAT has brought in, and its answers.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80",
     "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT"],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    works(source="198.51.100.1"),
)
scenario(
    "answers-by-the-uplink-they-came-from",
    "Two uplinks and a published port: the connection's mark leads the answer back to the second one.",
    [NATTED, UPLINK2, "h: iptables -t mangle -A PREROUTING -i eth1 -j CONNMARK --set-mark 2",
     "h: iptables -t mangle -A PREROUTING -i br0 -j CONNMARK --restore-mark", "h: ip rule add fwmark 2 table 200",
     "h: ip route add default via 192.0.2.1 table 200",
     "h: iptables -t nat -A PREROUTING -i eth1 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"],
    ask("o", "192.0.2.10:8080", server="c1:80"),
    works(source="192.0.2.1"),
)
scenario(
    "input-forgets-loopback",
    "INPUT drops by policy and forgets lo: the host does not reach itself.",
    [NATTED, "h: iptables -P INPUT DROP"],
    ask("h", "198.51.100.10:80", server="h"),
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP", source="198.51.100.10"),
    policy("filter", "INPUT"),
    fix="must",
    fixed="h: iptables -A INPUT -i lo -j ACCEPT",
)
