"""Source validation: rp_filter, own addresses as source, martians; and what it does to ARP."""

from harness.scenario import ask, cause, dies, scenario, sysctl, works
from harness.topology import NATTED, ONE, PAIR, UPLINK2

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")

# The answer comes back by the second uplink, whose neighbour entry in the outside is permanent as with a real router.
ASYMMETRIC = [NATTED, UPLINK2, "o: ip neigh add 192.0.2.10 lladdr 02:77:00:00:00:68 dev eth1 nud permanent",
              "o: ip route add 198.51.100.10/32 via 192.0.2.10"]


def set_rp(name, value):
    return f"h: sysctl -qw net.ipv4.conf.{name}.rp_filter={value}"


scenario("symmetric", "rp_filter=1 everywhere, and every packet comes in where its answer goes out.",
         [NATTED, set_rp("all", 1), set_rp("br0", 1), set_rp("eth0", 1)], OUTSIDE, works(source="198.51.100.10"))
scenario("asymmetric-off", "The answer comes back by the second uplink; without rp_filter nobody minds.",
         ASYMMETRIC, OUTSIDE, works(source="198.51.100.10"))
for name, line, key in (
    ("strict-all", set_rp("all", 1), "net.ipv4.conf.all.rp_filter"),
    ("strict-device", set_rp("eth1", 1), "net.ipv4.conf.eth1.rp_filter"),
    ("strict-all-device-zero", set_rp("all", 1) + "\n" + set_rp("eth1", 0), "net.ipv4.conf.all.rp_filter"),
):
    scenario(
        name,
        "The answer comes back by the second uplink, and strict rp_filter (the larger of all and eth1) drops it.",
        ASYMMETRIC + [line],
        OUTSIDE,
        dies("back", "h", "ip_rcv_finish_core", "IP_RPFILTER", source="198.51.100.10"),
        sysctl(key, 1),
        fix="must",
        unlike="conf.all",  # the larger of the two counts: eth1 alone is enough
        fixed=set_rp("eth1", 2),
    )
scenario("loose-device", "all=1, eth1=2: the larger one is 2, loose, and the outside has a route.",
         ASYMMETRIC + [set_rp("all", 1), set_rp("eth1", 2)], OUTSIDE, works(source="198.51.100.10"))
scenario("strict-on-the-wrong-device", "Strict on eth0 and br0 only; the answer comes in by eth1.",
         ASYMMETRIC + [set_rp("eth0", 1), set_rp("br0", 1)], OUTSIDE, works(source="198.51.100.10"))
scenario(
    "strict-arp",
    "The same without the permanent entry: the outside asks for 192.0.2.10 with a source that eth1 does not believe, "
    "and gets no answer to its ARP.",
    [NATTED, UPLINK2, "o: ip route add 198.51.100.10/32 via 192.0.2.10", set_rp("all", 1)],
    OUTSIDE,
    dies("back", "o", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.10",
         also=("h", "ip_rcv_finish_core", "IP_RPFILTER")),
    sysctl("net.ipv4.conf.all.rp_filter", 1),
    fix="must",
    unlike="conf.all",
    fixed=set_rp("eth1", 2),
)
scenario(
    "policy-routed-request",
    "An egress gateway: the container's packets arrive on a second device of the host, while the route to the "
    "container leads over the bridge.",
    [NATTED, "cable c1/eth1 h/side\nc1: ip addr add 10.7.0.2/24 dev eth1\nh: ip addr add 10.7.0.1/24 dev side\n"
     "c1: ip route replace default via 10.7.0.1 src 10.1.0.2", set_rp("all", 1),
     "c1: ip neigh add 10.7.0.1 lladdr 02:77:00:00:00:69 dev eth1 nud permanent"],
    OUTSIDE,
    dies("out", "h", "ip_rcv_finish_core", "IP_RPFILTER"),
    sysctl("net.ipv4.conf.all.rp_filter", 1),
    fix="must",
    fixed=set_rp("all", 2),
)
scenario(
    "loose-without-any-route",
    "Even loose rp_filter wants some route back: the host has no default, and none to the asking server's address.",
    [ONE, "h: ip route del default", set_rp("all", 2), "o: ip addr add 203.0.113.80/32 dev lo",
     "o: ip route add 10.1.0.0/24 via 198.51.100.10 src 203.0.113.80"],
    ask("o", "10.1.0.2:80", server="c1"),
    dies("out", "h", "ip_rcv_finish_core", "IP_RPFILTER", also=("o", "neigh_invalidate", "NEIGH_FAILED")),
    cause("sysctl", "route"),
    fixed="h: ip route add default via 198.51.100.1",
)
MARKED = [NATTED, UPLINK2, "h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-mark 1",
          "h: ip rule add fwmark 1 pref 100 table 200", "h: ip route add default via 192.0.2.1 table 200"]
scenario(
    "fwmark-without-src-valid-mark",
    "The mark leads out by the second uplink; the look-up back ignores the mark and expects the answer on the first.",
    MARKED + [set_rp("all", 1), "o: ip neigh add 192.0.2.10 lladdr 02:77:00:00:00:68 dev eth1 nud permanent",
              "h: ip neigh add 192.0.2.1 lladdr 02:77:00:00:00:69 dev eth1 nud permanent"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("back", "h", "ip_rcv_finish_core", "IP_RPFILTER", source="192.0.2.10"),
    sysctl("net.ipv4.conf.all.rp_filter", 1),
    fixed=set_rp("all", 2),
)
scenario(
    "fwmark-with-src-valid-mark",
    "With src_valid_mark the mark counts for the look-up back; the answer's mark is restored from its connection.",
    MARKED + ["h: iptables -t mangle -A PREROUTING -i br0 -j CONNMARK --save-mark",
              "h: iptables -t mangle -A PREROUTING -i eth1 -j CONNMARK --restore-mark",
              "h: ip route add 10.1.0.0/24 dev br0 table 200", set_rp("all", 1),
              "h: sysctl -qw net.ipv4.conf.all.src_valid_mark=1",
              "o: ip neigh add 192.0.2.10 lladdr 02:77:00:00:00:68 dev eth1 nud permanent",
              "h: ip neigh add 192.0.2.1 lladdr 02:77:00:00:00:69 dev eth1 nud permanent"],
    OUTSIDE,
    works(source="192.0.2.10"),
)
scenario(
    "own-address-as-source",
    "The container was given the host's own address as a source: the host drops a packet that seems to come from itself.",
    [NATTED, "c1: ip addr add 198.51.100.10/32 dev lo", "c1: ip route replace default via 10.1.0.1 src 198.51.100.10",
     "c1: ip neigh add 10.1.0.1 lladdr 02:77:00:00:00:67 dev eth0 nud permanent",
     "h: ip link set br0 address 02:77:00:00:00:67"],
    OUTSIDE,
    dies("out", "h", "ip_rcv_finish_core", "IP_LOCAL_SOURCE"),
    cause("address", "route", "sysctl"),
    fixed="c1: ip route replace default via 10.1.0.1 src 10.1.0.2",
)
scenario(
    "own-address-as-source-arp",
    "The same with cold neighbour tables: the host does not even answer the container's ARP.",
    [NATTED, "c1: ip addr add 198.51.100.10/32 dev lo", "c1: ip route replace default via 10.1.0.1 src 198.51.100.10"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", also=("h", "ip_rcv_finish_core", "IP_LOCAL_SOURCE")),
    cause("address", "route", "sysctl", "neighbour"),
    fixed="c1: ip route replace default via 10.1.0.1 src 10.1.0.2",
)
scenario(
    "xt-rpfilter",
    "A rule of the match rpfilter in the raw table; this packet passes it.",
    [NATTED, "h: iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP"],
    OUTSIDE,
    works(source="198.51.100.10"),
    may_hesitate=True,
)
scenario(
    "xt-rpfilter-drops",
    "The same rule, and the container's packets come in by a device that does not lead back to it.",
    [NATTED, "cable c1/eth1 h/side\nc1: ip addr add 10.7.0.2/24 dev eth1\nh: ip addr add 10.7.0.1/24 dev side\n"
     "c1: ip route replace default via 10.7.0.1 src 10.1.0.2",
     "h: iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    cause("rule", table="raw"),
    may_hesitate=True,
    fixed="h: iptables -t raw -F",
)
scenario(
    "masqueraded-reply-is-no-martian",
    "log_martians and strict rp_filter hurt nobody whose packets are in order.",
    [PAIR, set_rp("all", 1), "h: sysctl -qw net.ipv4.conf.all.log_martians=1"],
    ask("c2", "198.51.100.1", server="o"),
    works(source="198.51.100.10"),
)

# A published port of a container that knows no way out: no source from outside has a way back, strict or loose.

PUBLISHED_80 = "h: iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"
for mode, value in (("strict", 1), ("loose", 2)):
    scenario(f"published-without-a-default-route-{mode}", "rp_filter in the container drops it; the default route is what is missing.",
             [NATTED, PUBLISHED_80, f"c1: sysctl -qw net.ipv4.conf.all.rp_filter={value}", "c1: ip route del default"],
             ask("o", "198.51.100.10:8080", server="c1:80"), dies("out", "c1", "ip_rcv_finish_core", "IP_RPFILTER"),
             cause("sysctl", "route", namespace="c1"), fix="must", unlike="rp_filter", like="default via 10.1.0.1",
             fixed="c1: ip route add default via 10.1.0.1")
