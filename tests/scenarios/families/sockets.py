"""What the sender's own socket and stack make of a packet: connect(), TTL, marks, addresses it refuses."""

from harness.scenario import ask, cause, dies, rule, scenario, sysctl, undecided, works
from harness.topology import NATTED, ONE, TWO_NETWORKS, UPLINK2

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
HOST_TCP = ask("h", "198.51.100.1:80", server="o")
HOST_UDP = ask("h", "198.51.100.1:53", server="o", proto="udp")

# connect() looks the route up twice: once for the source, once with it. Which of the two decides for UDP hangs on the
# program, so that `why` may leave that open.

FROM_RULE = [NATTED, UPLINK2, "h: ip rule add from 198.51.100.10 pref 100 table 200",
             "h: ip route add default via 192.0.2.1 table 200"]
for proto, question in (("tcp", HOST_TCP), ("udp", HOST_UDP)):
    scenario(f"second-lookup-leaves-elsewhere-{proto}",
             "A rule 'from' the host's own address takes what it sends over eth1; OUTPUT drops eth0, which is nothing.",
             FROM_RULE + ["h: iptables -A OUTPUT -o eth0 -j DROP"], question, works(source="198.51.100.10"),
             may_hesitate=proto == "udp")
    scenario(
        f"second-lookup-leaves-by-the-blocked-{proto}",
        "... and OUTPUT drops what leaves by eth1, which is everything.",
        FROM_RULE + ["h: iptables -A OUTPUT -o eth1 -j DROP"],
        question,
        dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
        rule("filter", "OUTPUT", 1),
        may_hesitate=proto == "udp",
        fixed="h: iptables -D OUTPUT 1",
        **({"fix": "must"} if proto == "tcp" else {}),
    )
    scenario(f"second-lookup-in-a-container-{proto}",
             "Two networks, main's default over one that is not let out, and a rule for the address that main chooses.",
             [TWO_NETWORKS, "cable c1/eth1 h/vethc1b\nh: ip link set vethc1b master br1\nc1: ip addr add 10.2.0.3/24 dev eth1",
              "c1: ip route replace default via 10.2.0.1 src 10.1.0.2", "c1: ip rule add from 10.1.0.2 pref 100 table 7",
              "c1: ip route add default via 10.1.0.1 table 7", "h: iptables -A FORWARD -i br1 -o eth0 -j DROP"],
             question | {"sender": "c1"}, works(source="198.51.100.10"), may_hesitate=proto == "udp")
scenario("second-lookup-masquerade", "... and MASQUERADE on eth1: another source.",
         FROM_RULE + ["h: iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE"], HOST_TCP, works(source="192.0.2.10"))
scenario(
    "second-lookup-dead-gateway",
    "A container's rule for its own address leads to a table with a dead gateway.",
    [NATTED, "c1: ip rule add from 10.1.0.2 pref 100 table 7", "c1: ip route add default via 10.1.0.254 table 7"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("neighbour", "route"),
    fixed="c1: ip rule del pref 100",
)
scenario(
    "second-lookup-prohibited",
    "A prohibit rule for the own address: connect() is refused.",
    [NATTED, "h: ip rule add from 198.51.100.10 pref 100 prohibit"],
    HOST_TCP,
    dies("out", "h", error="EACCES"),
    cause("route"),
    fix="must",
    fixed="h: ip rule del pref 100",
)
scenario("second-lookup-does-not-matter",
         "Both look-ups end in the same way out: UDP is as sure as TCP.",
         [NATTED, "h: ip rule add from 198.51.100.10 pref 100 table 200",
          "h: ip route add default via 198.51.100.1 table 200"], HOST_UDP, works(source="198.51.100.10"))

# The TTL that a route gives.

scenario(
    "hoplimit",
    "The container's default route has hoplimit 1.",
    [NATTED, "c1: ip route replace default via 10.1.0.1 hoplimit 1"],
    OUTSIDE,
    dies("out", "h", "ip_forward", "IP_INHDR", error="EHOSTUNREACH"),
    cause("ttl", "route"),
    fixed="c1: ip route replace default via 10.1.0.1",
)
scenario(
    "hoplimit-back",
    "The outside's route back has it.",
    [NATTED, "o: ip route add 198.51.100.10/32 dev eth0 hoplimit 1"],
    OUTSIDE,
    dies("back", "h", "ip_forward", "IP_INHDR", source="198.51.100.10"),
    cause("ttl", "route"),
    fixed="o: ip route del 198.51.100.10/32",
)
scenario("hoplimit-wide-enough", "hoplimit 2 is just enough; ip_default_ttl would not be.",
         [NATTED, "c1: sysctl -qw net.ipv4.ip_default_ttl=1", "c1: ip route replace default via 10.1.0.1 hoplimit 2"],
         OUTSIDE, works(source="198.51.100.10"))
scenario("hoplimit-is-not-for-forwarding", "The forwarder's route has hoplimit 1, which is about its own packets.",
         [NATTED, "h: ip route replace default via 198.51.100.1 hoplimit 1"], OUTSIDE, works(source="198.51.100.10"))

# Marks that answers inherit.

MARK = [NATTED, "h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-mark 5", "h: ip rule add fwmark 5 pref 100 blackhole"]
PING_HOST = ask("c1", "10.1.0.1", server="h")
SSH_HOST = ask("c1", "10.1.0.1:22", server="h")
scenario("fwmark-reflect-off", "An echo reply has no mark, whatever the request had.",
         [NATTED, "h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-mark 5",
          "h: iptables -A OUTPUT -m mark --mark 5 -j DROP"], PING_HOST, works(source="10.1.0.2"))
scenario(
    "fwmark-reflect",
    "With fwmark_reflect the echo reply carries the request's mark, and a rule for marked packets swallows it.",
    [NATTED, "h: sysctl -qw net.ipv4.fwmark_reflect=1", "h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-mark 5",
     "h: iptables -A OUTPUT -m mark --mark 5 -j DROP"],
    PING_HOST,
    dies("back", "h", "nft_do_chain", "NETFILTER_DROP"),
    rule("filter", "OUTPUT", 1),
    fixed="h: sysctl -qw net.ipv4.fwmark_reflect=0",
)
scenario("fwmark-accept-off", "What an accepted connection sends has no mark.",
         [NATTED, "h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-mark 5",
          "h: iptables -A OUTPUT -m mark --mark 5 -j DROP"], SSH_HOST, works(source="10.1.0.2"))
scenario(
    "fwmark-accept",
    "With tcp_fwmark_accept the SYN-ACK has the SYN's mark.",
    [NATTED, "h: sysctl -qw net.ipv4.tcp_fwmark_accept=1", "h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-mark 5",
     "h: iptables -A OUTPUT -m mark --mark 5 -j DROP"],
    SSH_HOST,
    dies("back", "h", "nft_do_chain", "NETFILTER_DROP"),
    rule("filter", "OUTPUT", 1),
    fixed="h: sysctl -qw net.ipv4.tcp_fwmark_accept=0",
)
scenario(
    "fwmark-accept-routed",
    "The same mark leads the answer into a blackhole.",
    [*MARK, "h: sysctl -qw net.ipv4.tcp_fwmark_accept=1"],
    SSH_HOST,
    dies("back", "h"),
    cause("route"),
    fixed="h: sysctl -qw net.ipv4.tcp_fwmark_accept=0",
)

# Addresses that a socket refuses.

scenario("tcp-to-broadcast", "TCP to a broadcast address: no packet is made.", NATTED, ask("c1", "10.1.0.255:80", server="h"),
         dies("out", "c1", error="ENETUNREACH"), cause("address"), fix="none")
scenario("tcp-to-group", "TCP to a multicast address: no packet is made.", NATTED, ask("c1", "224.0.0.1:80", server="h"),
         dies("out", "c1", error="ENETUNREACH"), cause("address"), fix="none")
scenario("udp-to-broadcast", "UDP to a broadcast address needs SO_BROADCAST, which only the program knows.", NATTED,
         ask("c1", "10.1.0.255:53", server="h", proto="udp"), dies("out", "c1", error="EACCES"), undecided("SO_BROADCAST"))

# Routing rules that select by what the packets here do not have, or by what can be read.

scenario("rule-by-tunnel-id", "A rule for a tunnel id matches nothing without tunnel metadata.",
         [NATTED, "h: ip rule add tun_id 5 pref 100 prohibit"], OUTSIDE, works(source="198.51.100.10"))
scenario("rule-suppressing-another-group", "suppress_ifgroup names a group that the route's device is not in.",
         [NATTED, "h: ip link set eth0 group 7", "h: ip rule add pref 100 table main suppress_ifgroup 9",
          "h: ip rule add pref 200 prohibit"], OUTSIDE, works(source="198.51.100.10"))
scenario(
    "rule-suppressing-the-group",
    "It names the uplink's group: main's default route does not count, and the next rule refuses.",
    [NATTED, "h: ip link set eth0 group 7", "h: ip rule add pref 100 table main suppress_ifgroup 7",
     "h: ip rule add pref 200 prohibit"],
    OUTSIDE,
    dies("out", "h", "ip_error", "NOT_SPECIFIED"),
    cause("route"),
    fix="must",
    fixed="h: ip rule del pref 200",
)

# A circle.

scenario(
    "circle",
    "The outside sends it back to where it came from, and so on.",
    [ONE, "o: sysctl -qw net.ipv4.ip_forward=1", "o: ip route add 203.0.113.0/24 via 198.51.100.10",
     "o: ip route add 10.1.0.0/24 via 198.51.100.10"],
    ask("c1", "203.0.113.80:80", server="o"),
    dies("out", "o", "ip_forward", "IP_INHDR", error="EHOSTUNREACH"),
    cause("route", namespace="o"),
)
