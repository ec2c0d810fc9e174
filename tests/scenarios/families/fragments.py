"""Fragments and the rules that meet them."""

from harness.scenario import LEGACY, NFT, RULES, ask, dies, policy, rule, scenario, sysctl, undecided
from harness.topology import NATTED, ONE

UDP = ask("c1", "198.51.100.1:53", server="o", proto="udp")
BOTH = (NFT, LEGACY)

# Where nothing may wait to be put together.

scenario(
    "no-memory-for-fragments",
    "net.ipv4.ipfrag_high_thresh = 0: conntrack cannot put fragments together, and drops each.",
    [NATTED, "h: sysctl -qw net.ipv4.ipfrag_low_thresh=0", "h: sysctl -qw net.ipv4.ipfrag_high_thresh=0"],
    UDP | {"size": 3000},
    dies("out", "h", "ip_defrag", "NOT_SPECIFIED"),
    sysctl("net.ipv4.ipfrag_high_thresh", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.ipfrag_high_thresh=4194304",
)

# Where nothing asks for conntrack and so nobody puts them together.

ROUTED = [ONE, "o: ip route add 10.1.0.0/24 via 198.51.100.10"]
BIG = UDP | {"size": 3000}
scenario("later-fragments-dropped", "-f drops later fragments.", [*ROUTED, "h: iptables -A FORWARD -f -j DROP"], BIG,
         dies("out", "h"), rule("filter", "FORWARD", 1), fix="must", fixed="h: iptables -F FORWARD", backends=BOTH)
scenario(
    "only-first-fragment-accepted",
    "Only port 53 is accepted, which later fragments do not have: the policy takes them.",
    [*ROUTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -p udp --dport 53 -j ACCEPT",
     "h: iptables -A FORWARD -p udp --sport 53 -j ACCEPT"],
    BIG,
    dies("out", "h"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -f -j ACCEPT",
    backends=BOTH,
)
scenario(
    "first-fragment-dropped",
    "The first fragment's port is dropped, the rest may pass: the hole is for the port.",
    [*ROUTED, "h: iptables -A FORWARD -p udp --dport 53 -j DROP"],
    BIG,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1),
    fix="must",
    fixed="h: iptables -F FORWARD",
    backends=BOTH,
)
scenario(
    "nft-compares-data-of-later-fragments",
    "iptables-nft looks for the port in the data of later fragments; what stands there only the sender knows.",
    [*ROUTED, "h: iptables -A FORWARD -p udp --dport 1024:65535 -j DROP"],
    BIG,
    dies("out", "h"),
    undecided("FORWARD"),
)
