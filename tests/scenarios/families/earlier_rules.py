"""Rules and entries that spoil a packet which dies later."""

from harness.scenario import RULES, ask, cause, dies, policy, rule, scenario
from harness.topology import MASQUERADE, NATTED, ONE

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
DNS = ask("c1", "198.51.100.1:53", server="o", proto="udp", sport=5000)

# A rule sets the TTL to 1.

for name, where, chain in (("h-pre", "h", "PREROUTING -i br0"), ("c1-post", "c1", "POSTROUTING")):
    scenario(f"ttl-by-a-rule-{name}", "A rule sets the TTL to 1: the rule is named, and removed.",
             [NATTED, f"{where}: iptables -t mangle -A {chain} -j TTL --ttl-set 1"], OUTSIDE,
             dies("out", "h", "ip_forward", "IP_INHDR", error="EHOSTUNREACH"), cause("ttl", "rule"), fix="must",
             fixed=f"{where}: iptables -t mangle -F")
scenario("ttl-by-a-rule-back", "The same for the answers.",
         [NATTED, "h: iptables -t mangle -A PREROUTING -i eth0 -j TTL --ttl-set 1"], OUTSIDE,
         dies("back", "h", "ip_forward", "IP_INHDR", source="198.51.100.10"), cause("ttl", "rule"), fix="must", fixed="h: iptables -t mangle -F")

# An entry that outlives the remedy.

SEND = ("c1: python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 5000)); "
        "s.sendto(b'x', ('198.51.100.1', 53))\"")
scenario("missing-and-asked-before", "MASQUERADE is missing, and the program asked before from its port: the entry outlives the remedy.",
         [ONE, "h: iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP", SEND], DNS, dies("back", "o", source="10.1.0.2"),
         cause("nat"), fix="must", fixed="h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE\nh: conntrack -D -p udp", cold=True)
scenario("exempted-and-older", "An ACCEPT in front of MASQUERADE, and an entry from that time.",
         [ONE, "h: iptables -t nat -A POSTROUTING -d 198.51.100.0/24 -j ACCEPT", MASQUERADE, SEND], DNS, dies("back", "o", source="10.1.0.2"),
         cause("nat"), fix="must", fixed="h: iptables -t nat -D POSTROUTING 1\nh: conntrack -D -p udp", cold=True)
scenario("snat-to-nobody-and-older", "SNAT to an address that nobody owns, and an entry with another one that nobody owns.",
         [ONE, "h: iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.99", SEND], DNS,
         dies("back", "o", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.99"), cause("nat", "address", "conntrack"), fix="must",
         fixed="h: iptables -t nat -I POSTROUTING -o eth0 -j MASQUERADE\nh: conntrack -D -p udp", cold=True)

# A set decides: an element in or out is less than a rule.

SET = "h: ipset create {0} {1}; ipset add {0} {2}\nh: iptables -A FORWARD -m set --match-set {0} {3} -j DROP"
BANNED = dies("out", "h", RULES, "NETFILTER_DROP")
scenario("banned-by-a-set", "fail2ban's set holds the container.", [NATTED, SET.format("f2b-web", "hash:ip", "10.1.0.2", "src")], OUTSIDE,
         BANNED, rule("filter", "FORWARD", 1), fix="must", unlike="iptables -D", fixed="h: ipset del f2b-web 10.1.0.2")
scenario("banned-by-a-network-of-a-set", "A list of networks holds the server's: it is taken out alone, not the network.",
         [NATTED, SET.format("geo", "hash:net", "198.51.100.0/24", "dst")], OUTSIDE, BANNED, rule("filter", "FORWARD", 1), fix="must",
         unlike="ipset del", fixed="h: ipset add geo 198.51.100.1 nomatch")
scenario("not-in-the-set-that-may", "Only a set's members may pass, and the container is none.",
         [NATTED, "h: ipset create may hash:ip", "h: iptables -A FORWARD -i br0 -m set ! --match-set may src -j DROP"], OUTSIDE,
         BANNED, rule("filter", "FORWARD", 1), fix="must", unlike="iptables -D", fixed="h: ipset add may 10.1.0.2")
scenario("not-in-the-set-and-a-policy", "The same by an ACCEPT for the set's members in front of a policy.",
         [NATTED, "h: ipset create may hash:ip", "h: iptables -A FORWARD -m set --match-set may src -j ACCEPT",
          "h: iptables -A FORWARD -i eth0 -j ACCEPT", "h: iptables -P FORWARD DROP"], OUTSIDE,
         BANNED, policy("filter", "FORWARD"), fix="must", fixed="h: ipset add may 10.1.0.2")
