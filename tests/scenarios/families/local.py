"""Packets to the host and from it: INPUT and OUTPUT, on the host and in the container; sockets that listen or not."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, policy, rule, scenario, works
from harness.topology import NATTED, ONE, PAIR, UPLINK2

BOTH = (NFT, LEGACY)
TO_HOST = ask("c1", "10.1.0.1:9900", server="h")
OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FROM_HOST = ask("h", "198.51.100.1:80", server="o")

scenario("to-host", "A container asks a service of its host.", NATTED, TO_HOST, works(source="10.1.0.2"))
scenario("to-host-uplink-address", "By the host's uplink address it is the same: any address of the host will do.", NATTED,
         ask("c1", "198.51.100.10:9900", server="h"), works(source="10.1.0.2"))
scenario("to-host-ping", "The host answers a ping.", NATTED, ask("c1", "10.1.0.1", server="h"), works())
scenario(
    "nothing-listens",
    "Nobody listens on the host's port: a reset.",
    NATTED,
    TO_HOST | {"deaf": True},
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "nothing-listens-udp",
    "The same with UDP: port unreachable.",
    NATTED,
    ask("c1", "10.1.0.1:53", server="h", proto="udp", deaf=True),
    dies("out", "h", "__udp4_lib_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "nothing-listens-outside",
    "Nobody listens on the outside's port.",
    NATTED,
    OUTSIDE | {"deaf": True},
    dies("out", "o", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED", source="198.51.100.10"),
)
scenario(
    "input-policy",
    "INPUT drops by policy: DOCKER-USER and FORWARD look right, but the packet is for the host itself.",
    [NATTED, "h: iptables -P INPUT DROP", "h: iptables -A FORWARD -i br0 -j ACCEPT",
     "h: iptables -A INPUT -i lo -j ACCEPT"],
    TO_HOST,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "INPUT"),
    fix="must",
    fixed="h: iptables -A INPUT -s 10.1.0.0/24 -p tcp --dport 9900 -j ACCEPT",
    backends=BOTH,
)
scenario(
    "input-rule-ping-works",
    "ufw takes ping and drops the port …",
    [NATTED, "h: iptables -N ufw-user-input", "h: iptables -A INPUT -p icmp -j ACCEPT",
     "h: iptables -A INPUT -j ufw-user-input", "h: iptables -A INPUT -j DROP"],
    ask("c1", "10.1.0.1", server="h"),
    works(),
)
scenario(
    "input-rule-tcp-does-not",
    "… so TCP does not get in.",
    [NATTED, "h: iptables -N ufw-user-input", "h: iptables -A INPUT -p icmp -j ACCEPT",
     "h: iptables -A INPUT -j ufw-user-input", "h: iptables -A INPUT -j DROP"],
    TO_HOST,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "INPUT", 3, "-j DROP"),
    fix="must",
    fixed="h: iptables -A ufw-user-input -p tcp --dport 9900 -j ACCEPT",
)
scenario(
    "input-does-not-matter-for-forwarded",
    "INPUT drops everything, which is nothing to a packet that is forwarded, nor to its answer.",
    [NATTED, "h: iptables -P INPUT DROP", "h: iptables -P OUTPUT DROP"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "host-output-drops-the-answer",
    "The host's OUTPUT drops: the container's request arrives, the answer does not leave.",
    [NATTED, "h: iptables -P OUTPUT DROP"],
    TO_HOST,
    dies("back", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "OUTPUT"),
    fix="must",
    fixed="h: iptables -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
    backends=BOTH,
)
scenario(
    "host-output-drops",
    "A process of the host is stopped by OUTPUT.",
    [NATTED, "h: iptables -A OUTPUT -p tcp --dport 80 -j DROP"],
    FROM_HOST,
    dies("out", "h", RULES, "NETFILTER_DROP", error="timeout"),
    rule("filter", "OUTPUT", 1),
    fix="must",
    backends=BOTH,
)
scenario(
    "host-output-rejects",
    "OUTPUT rejects with a reset.",
    [NATTED, "h: iptables -A OUTPUT -o eth0 -p tcp -j REJECT --reject-with tcp-reset"],
    FROM_HOST,
    dies("out", "h", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "OUTPUT", 1),
    fix="must",
)
scenario(
    "host-output-rejects-the-owner",
    "OUTPUT rejects what belongs to user 0; who asks is known to the one who asks.",
    [NATTED, "h: iptables -A OUTPUT -m owner --uid-owner 0 -p tcp --dport 80 -j REJECT"],
    FROM_HOST,
    dies("out", "h", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "OUTPUT", 1, "--uid-owner 0"),
    may_hesitate=True,
)
scenario(
    "owner-does-not-match-forwarded",
    "A container's packet belongs to no user of the host.",
    [NATTED, "h: iptables -t mangle -A POSTROUTING -m owner --uid-owner 0-4294967294 -j DROP"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario("from-host", "The host asks the outside.", NATTED, FROM_HOST, works(source="198.51.100.10"))
scenario("from-host-to-container", "The host asks its container, from the bridge's address.", NATTED,
         ask("h", "10.1.0.2:80", server="c1"), works(source="10.1.0.1"))
scenario(
    "from-host-input-drops-the-answer",
    "INPUT drops the answer to what the host asked: an ESTABLISHED rule is missing.",
    [NATTED, "h: iptables -P INPUT DROP", "h: iptables -A INPUT -p tcp --dport 22 -j ACCEPT"],
    FROM_HOST,
    dies("back", "h", RULES, "NETFILTER_DROP", source="198.51.100.10"),
    policy("filter", "INPUT"),
    fix="must",
    fixed="h: iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
)
scenario(
    "container-output-drops",
    "The container has rules of its own: OUTPUT drops.",
    [NATTED, "c1: iptables -A OUTPUT -d 198.51.100.0/24 -j DROP"],
    OUTSIDE,
    dies("out", "c1", RULES, "NETFILTER_DROP"),
    rule("filter", "OUTPUT", 1, "-d 198.51.100.0/24 -j DROP"),
    fix="must",
    backends=BOTH,
)
scenario(
    "container-kill-switch",
    "A VPN's kill switch in the container: OUTPUT rejects what is not marked and does not go by wg0.",
    [NATTED, "c1: iptables -A OUTPUT ! -o wg0 -m mark ! --mark 0xca6c -m addrtype ! --dst-type LOCAL -j REJECT"],
    OUTSIDE,
    dies("out", "c1", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "OUTPUT", 1, "! -o wg0"),
    fix="must",
)
scenario(
    "container-kill-switch-published-port",
    "The same kill switch rejects the answers of a published port.",
    [NATTED, "c1: iptables -A OUTPUT ! -o wg0 -m mark ! --mark 0xca6c -m addrtype ! --dst-type LOCAL -j REJECT",
     "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    dies("back", "c1", RULES, "NETFILTER_DROP"),
    rule("filter", "OUTPUT", 1),
    fix="must",
    fixed="c1: iptables -I OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
)
scenario(
    "container-input-drops-the-answer",
    "The container's INPUT drops the answer.",
    [NATTED, "c1: iptables -P INPUT DROP"],
    OUTSIDE,
    dies("back", "c1", RULES, "NETFILTER_DROP", source="198.51.100.10"),
    policy("filter", "INPUT"),
    fix="must",
    fixed="c1: iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
)
scenario("container-to-itself", "A container asks itself over loopback.", ONE,
         ask("c1", "127.0.0.1:80", server="c1"), works(source="127.0.0.1"))
scenario("container-to-its-own-address", "… or by its own address.", ONE,
         ask("c1", "10.1.0.2:80", server="c1"), works(source="10.1.0.2"))
scenario(
    "loopback-down",
    "lo is down in the container: not even its own address answers.",
    [ONE, "c1: ip link set lo down"],
    ask("c1", "10.1.0.2:80", server="c1"),
    dies("out", "c1"),
    cause("link", "device", "route"),
    fixed="c1: ip link set lo up",
)
scenario(
    "embedded-dns",
    "Docker's embedded DNS: 127.0.0.11:53 is translated in the container's OUTPUT to a port on its loopback.",
    [ONE, "c1: iptables -t nat -A OUTPUT -d 127.0.0.11 -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:43458"],
    ask("c1", "127.0.0.11:53", server="c1:43458", proto="udp", bind="127.0.0.11"),
    works(),
)
scenario(
    "embedded-dns-flushed",
    "The same after a firewall in the container flushed the nat table: nobody listens on port 53.",
    ONE,
    ask("c1", "127.0.0.11:53", server="c1:43458", proto="udp", bind="127.0.0.11"),
    dies("out", "c1", "__udp4_lib_rcv", "NO_SOCKET", error="ECONNREFUSED"),
    fixed="c1: iptables -t nat -A OUTPUT -d 127.0.0.11 -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:43458",
)
scenario(
    "output-dnat",
    "OUTPUT DNAT on the host: a service address that only rules know leads to the container.",
    [NATTED, "h: iptables -t nat -A OUTPUT -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to-destination 10.1.0.2:80"],
    ask("h", "10.96.0.1:443", server="c1:80"),
    works(source="198.51.100.10"),
    backends=BOTH,
)
scenario(
    "output-dnat-without-route",
    "The same on a host without a default route: there is no route to 10.96.0.1, so the rule is never asked.",
    [ONE, "h: ip route del default",
     "h: iptables -t nat -A OUTPUT -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to-destination 10.1.0.2:80"],
    ask("h", "10.96.0.1:443", server="c1:80"),
    dies("out", "h", error="ENETUNREACH"),
    cause("route"),
    fixed="h: ip route add 10.96.0.0/12 dev br0",
)
scenario(
    "output-mark-reroutes",
    "mangle OUTPUT marks, and the mark leads over the second uplink: re-routed, with the source chosen before.",
    [NATTED, UPLINK2, "h: iptables -t mangle -A OUTPUT -p tcp --dport 80 -j MARK --set-mark 7",
     "h: ip rule add fwmark 7 table 77", "h: ip route add default via 192.0.2.1 table 77"],
    FROM_HOST,
    works(source="198.51.100.10"),
    backends=BOTH,
)
scenario(
    "snat-in-input",
    "nat INPUT rewrites the source of what is delivered to the host.",
    [NATTED, "h: iptables -t nat -A INPUT -i br0 -p tcp --dport 9900 -j SNAT --to-source 10.1.0.99"],
    TO_HOST,
    works(),
)
scenario(
    "between-containers-on-a-host-with-input-drop",
    "Two containers of one bridge do not pass INPUT.",
    [PAIR, "h: iptables -P INPUT DROP"],
    ask("c1", "10.1.0.3:80", server="c2"),
    works(source="10.1.0.2"),
)
scenario(
    "container-address-is-the-hosts-broadcast",
    "The broadcast address that the bridge was given is the container's: the host takes the answer for its own.",
    [NATTED, "h: ip addr del 10.1.0.1/24 dev br0", "h: ip addr add 10.1.0.1/24 brd 10.1.0.2 dev br0"],
    ask("c1", "198.51.100.1:80", server="o"),
    dies("back", "h", "tcp_v4_rcv", "NO_SOCKET", source="198.51.100.10"),
    cause("route", text="broadcast 10.1.0.2"),
    fix="afterwards",
)
