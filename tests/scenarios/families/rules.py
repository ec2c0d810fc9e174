"""Rules and policies of iptables on the way of a forwarded packet."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, policy, rule, scenario, undecided, works
from harness.topology import NATTED, TWO_NETWORKS

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
UDP = ask("c1", "198.51.100.1:53", server="o", proto="udp")
PING = ask("c1", "198.51.100.1", server="o")
BOTH = (NFT, LEGACY)
OUT = "198.51.100.10"

scenario(
    "policy-drop",
    "FORWARD has the policy DROP and not a rule: docker's start took the network from everyone else's containers.",
    [NATTED, "h: iptables -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP", error="timeout"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -i br0 -j ACCEPT\nh: iptables -A FORWARD -o br0 -j ACCEPT",
    backends=BOTH,
)
scenario(
    "policy-drop-answer",
    "The way out is accepted, but no rule takes the answer.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 -o eth0 -j ACCEPT"],
    OUTSIDE,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    backends=BOTH,
)
scenario(
    "policy-drop-accepted",
    "The policy is DROP, and both ways are accepted: nothing is wrong.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 -o eth0 -j ACCEPT",
     "h: iptables -A FORWARD -i eth0 -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
    OUTSIDE,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "answer-only-for-another-network",
    "The answer is accepted for 10.2.0.0/24 only.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -s 10.1.0.0/24 -j ACCEPT",
     "h: iptables -A FORWARD -d 10.2.0.0/24 -m state --state ESTABLISHED -j ACCEPT"],
    OUTSIDE,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    policy("filter", "FORWARD"),
    fix="must",
)
scenario(
    "drop-rule",
    "The third rule of FORWARD drops.",
    [NATTED, "h: iptables -A FORWARD -p udp -j ACCEPT", "h: iptables -A FORWARD -s 10.9.0.0/16 -j DROP",
     "h: iptables -A FORWARD -s 10.1.0.0/16 -p tcp --dport 80 -j DROP"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 3, "-s 10.1.0.0/16 -p tcp -m tcp --dport 80 -j DROP"),
    fix="must",
    fixed="h: iptables -D FORWARD 3",
    backends=BOTH,
)
scenario(
    "drop-rule-answer",
    "A rule drops what comes from the server's port: the answer dies.",
    [NATTED, "h: iptables -A FORWARD -p tcp --sport 80 -j DROP"],
    OUTSIDE,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    rule("filter", "FORWARD", 1, "-p tcp -m tcp --sport 80 -j DROP"),
    fix="must",
    fixed="h: iptables -D FORWARD 1",
    backends=BOTH,
)
scenario(
    "drop-in-user-chain",
    "Two jumps deep, the second rule of the chain drops.",
    [NATTED, "h: iptables -N outer", "h: iptables -N inner", "h: iptables -A FORWARD -j outer",
     "h: iptables -A outer -i br0 -j inner", "h: iptables -A inner -d 192.0.2.0/24 -j DROP",
     "h: iptables -A inner -d 198.51.100.0/24 -j DROP"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "inner", 2, "-d 198.51.100.0/24 -j DROP"),
    fix="must",
    backends=BOTH,
)
scenario(
    "return-from-user-chain",
    "The chain returns before its DROP.",
    [NATTED, "h: iptables -N user", "h: iptables -A FORWARD -j user", "h: iptables -A user -s 10.1.0.2 -j RETURN",
     "h: iptables -A user -d 10.1.0.2 -j RETURN", "h: iptables -A user -j DROP"],
    OUTSIDE,
    works(source=OUT),
    backends=BOTH,
)
scenario(
    "goto-ends-in-the-policy",
    "A goto from FORWARD never comes back: the accept behind it is not seen, the policy drops.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -N user", "h: iptables -A FORWARD -i br0 -g user",
     "h: iptables -A FORWARD -j ACCEPT", "h: iptables -A user -p udp -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    backends=BOTH,
)
scenario(
    "accept-behind-reject",
    "The accept was appended behind a REJECT (as libvirt leaves them): it is never reached.",
    [NATTED, "h: iptables -A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
     "h: iptables -A FORWARD -i br0 -j REJECT --reject-with icmp-port-unreachable",
     "h: iptables -A FORWARD -i br0 -o eth0 -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "FORWARD", 2, "-i br0 -j REJECT --reject-with icmp-port-unreachable"),
    fix="must",
    backends=BOTH,
)
for kind, error in (("icmp-net-unreachable", "ENETUNREACH"), ("icmp-host-unreachable", "EHOSTUNREACH"),
                    ("icmp-proto-unreachable", "ENOPROTOOPT"), ("icmp-net-prohibited", "ENETUNREACH"),
                    ("icmp-host-prohibited", "EHOSTUNREACH"), ("icmp-admin-prohibited", "EHOSTUNREACH"),
                    ("tcp-reset", "ECONNREFUSED")):
    scenario(
        f"reject-with-{kind}",
        f"A REJECT rule answers with {kind}, and the container's socket says {error}.",
        [NATTED, f"h: iptables -A FORWARD -i br0 -p tcp -j REJECT --reject-with {kind}"],
        OUTSIDE,
        dies("out", "h", RULES, "NETFILTER_DROP", error=error),
        rule("filter", "FORWARD", 1, f"--reject-with {kind}"),
        fix="must",
    )
scenario(
    "icmp-passes-tcp-does-not",
    "firewalld's last rule rejects with icmp-host-prohibited, an earlier one lets ICMP through: ping works …",
    [NATTED, "h: iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
     "h: iptables -A FORWARD -p icmp -j ACCEPT",
     "h: iptables -A FORWARD -j REJECT --reject-with icmp-host-prohibited"],
    PING,
    works(source=OUT),
)
scenario(
    "icmp-passes-tcp-does-not-2",
    "… and TCP does not, whatever the policy is.",
    [NATTED, "h: iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
     "h: iptables -A FORWARD -p icmp -j ACCEPT",
     "h: iptables -A FORWARD -j REJECT --reject-with icmp-host-prohibited"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP", error="EHOSTUNREACH"),
    rule("filter", "FORWARD", 3),
    fix="must",
)
scenario(
    "accept-names-another-uplink",
    "The accept says -o eth1, the packet leaves by eth0.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 -o eth1 -j ACCEPT",
     "h: iptables -A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
)
scenario(
    "accept-names-another-bridge",
    "The tutorial's rules say cbr0, the bridge is br0.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i cbr0 -j ACCEPT",
     "h: iptables -A FORWARD -o cbr0 -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
)
scenario(
    "accept-names-the-port",
    "The accept says -i vethc1, but a routed packet comes in by the bridge.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i vethc1 -j ACCEPT",
     "h: iptables -A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
)
scenario(
    "wildcard-device",
    "-o eth+ covers eth0, -i br+ covers br0.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br+ -o eth+ -j ACCEPT",
     "h: iptables -A FORWARD -i eth+ -o br+ -m conntrack --ctstate ESTABLISHED -j ACCEPT"],
    OUTSIDE,
    works(source=OUT),
    backends=BOTH,
)
for table, chain in (("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("mangle", "FORWARD"), ("mangle", "POSTROUTING"),
                     ("security", "FORWARD")):
    scenario(
        f"drop-in-{table}-{chain.lower()}",
        f"The filter table accepts, but a rule in {table} {chain} drops.",
        [NATTED, "h: iptables -A FORWARD -j ACCEPT", f"h: iptables -t {table} -A {chain} -s 10.1.0.2 -j DROP"],
        OUTSIDE,
        dies("out", "h", RULES, "NETFILTER_DROP"),
        rule(table, chain, 1, "-s 10.1.0.2/32 -j DROP"),
        fix="must",
        backends=BOTH,
    )
scenario(
    "filter-accepts-security-drops-the-answer",
    "The answer is accepted in filter and dropped in security.",
    [NATTED, "h: iptables -A FORWARD -j ACCEPT", "h: iptables -t security -A FORWARD -i eth0 -j DROP"],
    OUTSIDE,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    rule("security", "FORWARD", 1),
    fix="must",
)
scenario(
    "legacy-drops-what-nft-accepts",
    "iptables-nft accepts everything, an old iptables-legacy rule set still has the policy DROP: both run.",
    [NATTED, "h: iptables-nft -A FORWARD -j ACCEPT", "h: iptables-legacy -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "h", "nf_hook_slow", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables-legacy -A FORWARD -j ACCEPT",
)
scenario(
    "nft-drops-what-legacy-accepts",
    "The other way round: iptables-legacy accepts, a rule of iptables-nft drops.",
    [NATTED, "h: iptables-legacy -A FORWARD -j ACCEPT", "h: iptables-nft -A FORWARD -i br0 -p tcp -j DROP"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    rule("filter", "FORWARD", 1, "-i br0 -p tcp -j DROP"),
    fix="must",
)
scenario(
    "nft-drops-what-legacy-marks",
    "iptables-legacy marks in FORWARD, iptables-nft drops the mark there: the later loaded is asked first, and no listing "
    "shows which that was.",
    [NATTED, "h: iptables-nft -A FORWARD -m mark --mark 0x1 -j DROP",
     "h: iptables-legacy -A FORWARD -i br0 -j MARK --set-mark 0x1"],
    OUTSIDE,
    dies("out", "h", "nft_do_chain", "NETFILTER_DROP"),
    undecided("order in which"),
)
scenario(
    "legacy-drops-what-nft-marks",
    "The other way round, loaded in the same order: the mark comes too late.",
    [NATTED, "h: iptables-nft -A FORWARD -i br0 -j MARK --set-mark 0x1",
     "h: iptables-legacy -A FORWARD -m mark --mark 0x1 -j DROP"],
    OUTSIDE,
    works(source=OUT),
    undecided("order in which"),
)
scenario(
    "legacy-masquerade-nft-filter",
    "NAT is in iptables-legacy, the filter in iptables-nft: that is fine.",
    [NATTED.replace("iptables ", "iptables-legacy "), "h: iptables-nft -P FORWARD DROP",
     "h: iptables-nft -A FORWARD -i br0 -j ACCEPT", "h: iptables-nft -A FORWARD -o br0 -j ACCEPT"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "established-only-after-notrack",
    "The raw table exempts the way out from tracking: the answer is INVALID, and a rule drops INVALID.",
    [TWO_NETWORKS, "h: iptables -t raw -A PREROUTING -s 10.1.0.0/24 -d 10.2.0.0/24 -j NOTRACK",
     "h: iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP"],
    ask("c1", "10.2.0.2:80", server="d1"),
    dies("back", "h", RULES, "NETFILTER_DROP", source="10.1.0.2"),
    rule("filter", "FORWARD", 1, "-m conntrack --ctstate INVALID -j DROP"),
    fix="must",
    backends=BOTH,
)
scenario(
    "untracked-is-not-new",
    "A rule accepts NEW and ESTABLISHED; a packet exempt from tracking is neither.",
    [TWO_NETWORKS, "h: iptables -P FORWARD DROP", "h: iptables -t raw -A PREROUTING -s 10.1.0.0/24 -j CT --notrack",
     "h: iptables -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT"],
    ask("c1", "10.2.0.2:80", server="d1"),
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
)

# Matches, each as the one that decides.

SET = "h: ipset create bad hash:ip\nh: ipset add bad 198.51.100.1"
for name, story, lines, question, number, text in (
    ("set", "A set holds the destination.", [SET, "h: iptables -A FORWARD -m set --match-set bad dst -j DROP"],
     OUTSIDE, 1, "-m set --match-set bad dst -j DROP"),
    ("mac", "A rule names the container's MAC address.",
     ["h: iptables -A FORWARD -m mac --mac-source 02:77:00:00:00:66 -j DROP"], OUTSIDE, 1, "-m mac"),
    ("physdev", "With bridge-nf-call-iptables=1 a routed packet still knows its port.",
     ["h: iptables -A FORWARD -m physdev --physdev-in vethc1 -j DROP"], OUTSIDE, 1, "--physdev-in vethc1"),
    ("iprange", "The container lies in the range.",
     ["h: iptables -A FORWARD -m iprange --src-range 10.1.0.1-10.1.0.9 -j DROP"], OUTSIDE, 1, "-m iprange"),
    ("multiport", "The port is one of the list.",
     ["h: iptables -A FORWARD -p tcp -m multiport --dports 22,80:90,443 -j DROP"], OUTSIDE, 1, "-m multiport"),
    ("addrtype", "The outside is UNICAST: that is all addrtype says of it.",
     ["h: iptables -A FORWARD -i br0 -m addrtype --dst-type UNICAST -j DROP"], OUTSIDE, 1, "-m addrtype"),
    ("mark", "mangle PREROUTING marks, filter FORWARD drops what is marked.",
     ["h: iptables -t mangle -A PREROUTING -i br0 -j MARK --set-xmark 0x10/0xff",
      "h: iptables -A FORWARD -m mark --mark 0x10/0xf0 -j DROP"], OUTSIDE, 1, "-m mark --mark 0x10/0xf0 -j DROP"),
    ("icmp-type", "Echo requests are dropped.",
     ["h: iptables -A FORWARD -p icmp --icmp-type echo-request -j DROP"], PING, 1, "-p icmp"),
    ("tcp-flags", "SYNs are dropped.", ["h: iptables -A FORWARD -p tcp --syn -j DROP"], OUTSIDE, 1,
     "--tcp-flags FIN,SYN,RST,ACK SYN"),
    ("ctstate-new", "New connections are dropped.",
     ["h: iptables -A FORWARD -i br0 -m conntrack --ctstate NEW -j DROP"], OUTSIDE, 1, "--ctstate NEW"),
    ("ctorigdst", "conntrack --ctorigdst names the destination.",
     ["h: iptables -A FORWARD -m conntrack --ctorigdst 198.51.100.1 -j DROP"], OUTSIDE, 1, "--ctorigdst"),
    ("negated-source", "Everything but 10.9.0.0/16 is dropped.",
     ["h: iptables -A FORWARD -i br0 ! -s 10.9.0.0/16 -j DROP"], OUTSIDE, 1, "! -s 10.9.0.0/16"),
    ("range-of-ports", "UDP below 1024 is dropped.", ["h: iptables -A FORWARD -p udp --dport :1023 -j DROP"], UDP, 1,
     "--dport 0:1023"),
):
    scenario(
        f"match-{name}",
        story,
        [NATTED] + lines,
        question,
        dies("out", "h", RULES, "NETFILTER_DROP"),
        rule("filter", "FORWARD", number, text),
        fix="must",
        backends=BOTH,
    )
scenario(
    "match-connmark",
    "The mark is kept with the connection, given back to the answer, and dropped there.",
    [NATTED, "h: iptables -t mangle -A PREROUTING -i br0 -j CONNMARK --set-xmark 0x7/0xffffffff",
     "h: iptables -t mangle -A PREROUTING -i eth0 -j CONNMARK --restore-mark",
     "h: iptables -A FORWARD -m mark --mark 0x7 -j DROP"],
    OUTSIDE,
    dies("back", "h", RULES, "NETFILTER_DROP", source=OUT),
    rule("filter", "FORWARD", 1, "-m mark --mark 0x7 -j DROP"),
    fix="must",
    backends=BOTH,
)
for name, story, line in (
    ("set", "The set holds another address.",
     "h: ipset create bad hash:net\nh: ipset add bad 192.0.2.0/24\nh: iptables -A FORWARD -m set --match-set bad dst -j DROP"),
    ("physdev", "physdev-out is unknown for a packet that is routed.",
     "h: iptables -A FORWARD -m physdev --physdev-out vethc1 -j DROP"),
    ("physdev-bridged", "The packet is routed, not bridged.",
     "h: iptables -A FORWARD -m physdev --physdev-is-bridged -j DROP"),
    ("addrtype", "A LOCAL destination is not forwarded, so this rule never meets one.",
     "h: iptables -A FORWARD -m addrtype --dst-type LOCAL -j DROP"),
    ("mark-in-forward", "The mark is set in mangle FORWARD and asked for in raw: too late.",
     "h: iptables -t mangle -A FORWARD -j MARK --set-mark 1\nh: iptables -t raw -A PREROUTING -m mark --mark 1 -j DROP"),
    ("other-protocol", "Only UDP is dropped.", "h: iptables -A FORWARD -p udp -j DROP"),
    ("snat-state", "SNAT has not happened yet when FORWARD looks at the first packet; the answer is not asked.",
     "h: iptables -A FORWARD -i br0 -m conntrack --ctstate SNAT --ctdir ORIGINAL -m conntrack --ctstate NEW -j DROP"),
    ("log-limit", "A limit in front of a LOG changes nothing for the packet.",
     "h: iptables -A FORWARD -m limit --limit 1/min -j LOG --log-prefix dropped"),
    ("tcpmss", "Clamping the MSS hurts nobody.",
     "h: iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"),
    ("comment", "A comment that speaks of DROP is a comment.",
     "h: iptables -A FORWARD -m comment --comment '-j DROP' -j ACCEPT"),
):
    scenario(f"passes-{name}", story, [NATTED, line], OUTSIDE, works(source=OUT))
scenario(
    "physdev-without-call-iptables",
    "With bridge-nf-call-iptables=0 no routed packet knows its port: the accept does not match.",
    [NATTED, "h: sysctl -qw net.bridge.bridge-nf-call-iptables=0", "h: iptables -P FORWARD DROP",
     "h: iptables -A FORWARD -m physdev --physdev-in vethc1 -j ACCEPT",
     "h: iptables -A FORWARD -o br0 -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
)

# Where the outcome hangs on chance, time, history, or a module that is not modelled.

for name, story, line, names in (
    ("limit", "The accept has a limit: how much of it is used up is not known.",
     "h: iptables -A FORWARD -i br0 -m limit --limit 1/min --limit-burst 50 -j ACCEPT\n"
     "h: iptables -A FORWARD -o br0 -j ACCEPT\nh: iptables -P FORWARD DROP", "limit"),
    ("statistic", "One packet in a thousand is dropped.",
     "h: iptables -A FORWARD -m statistic --mode random --probability 0.00001 -j DROP", "statistic"),
    ("recent", "Whoever came ten times in a minute is dropped.",
     "h: iptables -A FORWARD -m recent --name bad --update --seconds 60 --hitcount 10 -j DROP\n"
     "h: iptables -A FORWARD -m recent --name bad --set -j ACCEPT", "recent"),
    ("hashlimit", "An unmodelled match decides.",
     "h: iptables -A FORWARD -m hashlimit --hashlimit-above 1000/sec --hashlimit-name x -j DROP", "hashlimit"),
    ("string", "Payload is not known before it is sent.",
     "h: iptables -A FORWARD -m string --string secret --algo bm -j DROP", "string"),
):
    scenario(f"unsure-{name}", story, [NATTED, line], OUTSIDE, works(source=OUT), undecided(names))
scenario(
    "sure-behind-unknown",
    "Rules that cannot be modelled, but for UDP: they are not on the way of TCP.",
    [NATTED, "h: iptables -A FORWARD -p udp -m hashlimit --hashlimit-above 1/sec --hashlimit-name x -j DROP",
     "h: iptables -A FORWARD -p udp -j NFQUEUE --queue-num 7"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "sure-whatever-the-limit-says",
    "Both outcomes of the limit end in a DROP.",
    [NATTED, "h: iptables -A FORWARD -i br0 -m limit --limit 1/min -j DROP", "h: iptables -A FORWARD -i br0 -j DROP"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    cause("rule"),
    fix="may",
)

# Chains that call the next one twice, each: the kernel walks a million rules, which nobody follows.

scenario(
    "unsure-doubling-chains",
    "Twenty chains, each of which jumps to the next one twice.",
    [NATTED, "\n".join(f"h: iptables -N D{i}" for i in range(21)),
     "\n".join(f"h: iptables -A D{i} -j D{i + 1}\nh: iptables -A D{i} -j D{i + 1}" for i in range(20)),
     "h: iptables -A FORWARD -p tcp -j D0"],
    OUTSIDE,
    works(source=OUT),
    undecided("chains call each other"),
    backends=(LEGACY,),
)

# What is offered against a wall: narrow holes, not its removal.

NO_WALL = "-D FORWARD"
scenario(
    "default-deny-as-last-rule",
    "Default deny is the last rule and takes both directions: two accepts in front of it, not its removal.",
    [NATTED, "h: iptables -A FORWARD -p icmp -j ACCEPT", "h: iptables -A FORWARD -p tcp --dport 443 -j ACCEPT",
     "h: iptables -A FORWARD -p tcp --sport 443 -j ACCEPT", "h: iptables -A FORWARD -j DROP"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 4),
    fix="must",
    unlike=NO_WALL,
    fixed="h: iptables -I FORWARD 4 -s 10.1.0.2 -d 198.51.100.1 -p tcp --dport 80 -j ACCEPT\n"
          "h: iptables -I FORWARD 5 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
    backends=BOTH,
)
for name, match in (("ports", "-p tcp -m multiport ! --dports 443,8443"), ("sources", "-m iprange ! --src-range 10.1.0.5-10.1.0.9")):
    scenario(
        f"allow-list-of-{name}",
        "An allow-list written as one inverted rule takes the answers, too.",
        [NATTED, f"h: iptables -A FORWARD {match} -j DROP"],
        OUTSIDE,
        dies("out", "h", RULES, "NETFILTER_DROP"),
        rule("filter", "FORWARD", 1),
        fix="must",
        unlike=NO_WALL,
        fixed="h: iptables -F FORWARD",
    )
scenario(
    "policy-behind-a-return",
    "A RETURN in FORWARD itself goes to the policy: what is appended is never reached.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -p tcp -j RETURN", "h: iptables -A FORWARD -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -I FORWARD -i br0 -j ACCEPT\nh: iptables -I FORWARD -o br0 -j ACCEPT",
    backends=BOTH,
)
