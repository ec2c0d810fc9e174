"""Whole hosts: the rule sets that firewalls and orchestrators write, several faults at once, hosts inside of hosts."""

from harness.scenario import RULES, ask, cause, dies, policy, rule, scenario, sysctl, undecided, works
from harness.topology import C2, DOCKERED, HOST, MASQUERADE, NATTED, ONE, PAIR, container
from harness.topology import C1 as CONTAINER

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
OUT = "198.51.100.10"

# ufw.

UFW = """
h: iptables-restore -n <<END
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-forward - [0:0]
:ufw-user-forward - [0:0]
:ufw-reject-forward - [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
-A INPUT -j ufw-before-input
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-reject-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-reject-forward -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
END
"""
scenario(
    "ufw-routed-denied",
    "ufw with 'deny (routed)': the container's TCP ends in FORWARD's policy. (A limited LOG on the way changes nothing.)",
    [NATTED, UFW],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A ufw-user-forward -i br0 -j ACCEPT",
)
scenario("ufw-ping", "The same ufw lets pings through.", [NATTED, UFW], ask("c1", "198.51.100.1", server="o"),
         works(source=OUT))
scenario("ufw-routed-allowed", "ufw route allow in on br0.",
         [NATTED, UFW, "h: iptables -A ufw-user-forward -i br0 -j ACCEPT"], OUTSIDE, works(source=OUT))
scenario(
    "ufw-allow-in-is-not-route-allow",
    "'ufw allow in on br0' opens INPUT, and the packet goes through FORWARD.",
    [NATTED, UFW, "h: iptables -A ufw-user-input -i br0 -j ACCEPT"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
)
scenario(
    "ufw-published-port-gets-past-it",
    "Docker's published port and ufw: the port is not open in ufw, and it is reached all the same.",
    [ONE, UFW, DOCKERED.removeprefix(ONE).replace("iptables-restore <<", "iptables-restore -n <<")],
    FROM_OUTSIDE,
    works(source="198.51.100.1"),
)

# firewalld (iptables backend), libvirt.

scenario(
    "firewalld-zone-rejects",
    "firewalld's last word in FORWARD is a REJECT, and the bridge is in no zone that forwards.",
    [NATTED, """
     h: iptables-restore -n <<END
     *filter
     :FORWARD ACCEPT [0:0]
     :FORWARD_IN_ZONES - [0:0]
     :FWDI_public - [0:0]
     -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
     -A FORWARD -i lo -j ACCEPT
     -A FORWARD -j FORWARD_IN_ZONES
     -A FORWARD -m conntrack --ctstate INVALID -j DROP
     -A FORWARD -j REJECT --reject-with icmp-host-prohibited
     -A FORWARD_IN_ZONES -i eth0 -g FWDI_public
     -A FWDI_public -p icmp -j ACCEPT
     COMMIT
     END
     """],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP", error="EHOSTUNREACH"),
    rule("filter", "FORWARD", 5, "-j REJECT --reject-with icmp-host-prohibited"),
    fix="must",
    fixed="h: iptables -A FORWARD_IN_ZONES -i br0 -j ACCEPT",
)
scenario(
    "libvirt-rejects-what-was-appended",
    "libvirt's chains end in REJECTs for its bridge; the own ACCEPT was appended behind them.",
    [NATTED, """
     h: iptables-restore -n <<END
     *filter
     :FORWARD ACCEPT [0:0]
     :LIBVIRT_FWO - [0:0]
     :LIBVIRT_FWI - [0:0]
     -A FORWARD -j LIBVIRT_FWI
     -A FORWARD -j LIBVIRT_FWO
     -A LIBVIRT_FWO -s 192.168.122.0/24 -i br0 -j ACCEPT
     -A LIBVIRT_FWO -i br0 -j REJECT --reject-with icmp-port-unreachable
     -A LIBVIRT_FWI -d 192.168.122.0/24 -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
     -A LIBVIRT_FWI -o br0 -j REJECT --reject-with icmp-port-unreachable
     -A FORWARD -i br0 -j ACCEPT
     COMMIT
     END
     """],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "LIBVIRT_FWO", 2),
    fix="must",
    fixed="h: iptables -I FORWARD -s 10.1.0.0/24 -j ACCEPT\nh: iptables -I FORWARD -d 10.1.0.0/24 -j ACCEPT",
)

# kube-proxy: a service address that only rules know, and its endpoints chosen by chance.

SERVICE = """
h: iptables-restore -n <<END
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-WEB
-A KUBE-SVC-WEB ! -s 10.1.0.0/24 -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-WEB -m statistic --mode random --probability {p} -j KUBE-SEP-A
-A KUBE-SVC-WEB -j KUBE-SEP-B
-A KUBE-SEP-A -s 10.1.0.3/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.1.0.3:8080
-A KUBE-SEP-B -s {b}/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination {b}:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
END
"""
scenario(
    "service-one-endpoint",
    "A service whose two chains lead to the same pod: chance does not matter.",
    [PAIR, SERVICE.format(p="0.50000000000", b="10.1.0.3")],
    ask("c1", "10.96.0.10:80", server="c2:8080"),
    works(source="10.1.0.2"),
)
scenario(
    "service-one-endpoint-dead",
    "One of two endpoints is gone: it works by chance (here: practically always).",
    [PAIR, SERVICE.format(p="0.99999999900", b="10.1.0.77")],
    ask("c1", "10.96.0.10:80", server="c2:8080"),
    works(source="10.1.0.2"),
    undecided("statistic"),
)
scenario(
    "service-from-the-host",
    "The host itself asks the service: marked for MASQUERADE, so the pod sees the bridge's address.",
    [PAIR, SERVICE.format(p="0.50000000000", b="10.1.0.3")],
    ask("h", "10.96.0.10:80", server="c2:8080"),
    works(source="10.1.0.1"),
)
scenario(
    "service-without-endpoints",
    "A service without endpoints: its rule rejects.",
    [PAIR, "h: iptables -N KUBE-SERVICES", "h: iptables -A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES",
     "h: iptables -A KUBE-SERVICES -d 10.96.0.10 -p tcp --dport 80 -m comment --comment \"default/web has no endpoints\" "
     "-j REJECT --reject-with icmp-port-unreachable"],
    ask("c1", "10.96.0.10:80", server="c2"),
    dies("out", "h", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "KUBE-SERVICES", 1),
)

# Several faults at once: the answer names the first, its fixes lead all the way.

TWO = "the first fault is named, the fix lifts both"
scenario(
    "forwarding-and-policy",
    f"Forwarding is off and FORWARD's policy is DROP: {TWO}.",
    [NATTED, "h: sysctl -qw net.ipv4.ip_forward=0", "h: iptables -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.ip_forward=1\nh: iptables -A FORWARD -i br0 -j ACCEPT\nh: iptables -A FORWARD -o br0 -j ACCEPT",
)
scenario(
    "policy-and-masquerade",
    f"FORWARD's policy is DROP and nothing translates: {TWO}.",
    [ONE, "h: iptables -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -i br0 -j ACCEPT\nh: iptables -A FORWARD -o br0 -j ACCEPT" + MASQUERADE,
)
scenario(
    "masquerade-and-uplink-flag",
    "Nothing translates, and the uplink's forwarding flag is 0, which would stop the answer.",
    [ONE, "h: sysctl -qw net.ipv4.conf.eth0.forwarding=0"],
    OUTSIDE,
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed=MASQUERADE + "h: sysctl -qw net.ipv4.conf.eth0.forwarding=1",
)
scenario(
    "gateway-and-policy",
    "The container's gateway is wrong, and FORWARD drops as well.",
    [NATTED, "c1: ip route replace default via 10.1.0.254", "h: iptables -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED"),
    cause("neighbour", "route"),
    fixed="c1: ip route replace default via 10.1.0.1\nh: iptables -P FORWARD ACCEPT",
)
scenario(
    "both-policies-of-two-backends",
    "FORWARD has the policy DROP in both backends. Legacy's hook was registered last, so it is asked first.",
    [NATTED, "h: iptables-nft -P FORWARD DROP", "h: iptables-legacy -P FORWARD DROP"],
    OUTSIDE,
    dies("out", "h", "nf_hook_slow", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables-nft -P FORWARD ACCEPT\nh: iptables-legacy -P FORWARD ACCEPT",
)

# Looks broken, is not.

scenario(
    "all-sorts-of-drops-beside-the-way",
    "DROPs for other networks, devices and protocols, a blackhole in an unused table, a dead second bridge, rp_filter, "
    "a neighbour that failed: none of them is met.",
    [NATTED, "h: iptables -A FORWARD -s 10.10.0.0/24 -j DROP", "h: iptables -A FORWARD -o docker0 -j DROP",
     "h: iptables -A FORWARD -p tcp --dport 8080 -j REJECT", "h: iptables -P INPUT DROP",
     "h: ip route add blackhole default table 99", "h: ip link add docker0 type bridge", "h: ip addr add 172.17.0.1/16 dev docker0",
     "h: ip link set docker0 up", "h: sysctl -qw net.ipv4.conf.all.rp_filter=1", "h: ip neigh add 198.51.100.200 dev eth0 nud failed",
     "h: iptables -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "masquerade-twice",
    "MASQUERADE stands there twice, and an SNAT behind it.",
    [NATTED, MASQUERADE, "h: iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 203.0.113.1"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "drop-after-accept",
    "The last rule drops everything; both ways were accepted before.",
    [NATTED, "h: iptables -A FORWARD -i br0 -j ACCEPT", "h: iptables -A FORWARD -d 10.1.0.0/24 -m state --state RELATED,ESTABLISHED "
     "-j ACCEPT", "h: iptables -A FORWARD -j DROP"],
    OUTSIDE,
    works(source=OUT),
)
scenario(
    "stale-docker-rules",
    "Rules of networks that are gone (br-dead) stand in every chain: isolation, DNAT, MASQUERADE.",
    [DOCKERED, "h: iptables -I DOCKER-ISOLATION-STAGE-1 -i br-dead ! -o br-dead -j DOCKER-ISOLATION-STAGE-2",
     "h: iptables -I DOCKER-ISOLATION-STAGE-2 -o br-dead -j DROP", "h: iptables -t nat -I POSTROUTING -s 10.77.0.0/24 ! -o br-dead -j MASQUERADE",
     "h: iptables -t nat -I DOCKER ! -i br-dead -p tcp --dport 9999 -j DNAT --to-destination 10.77.0.2:80"],
    FROM_OUTSIDE,
    works(source="198.51.100.1"),
)
scenario(
    "stale-dnat-eats-the-answer-port",
    "… but one of those stale DNAT rules has no device and this very port.",
    [DOCKERED, "h: iptables -t nat -I DOCKER -p tcp --dport 8080 -j DNAT --to-destination 10.77.0.2:80"],
    FROM_OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    cause("policy", "rule", "nat"),
    fixed="h: iptables -t nat -D DOCKER 1",
)

# A host inside of a host.

NESTED = """
namespace leaf
cable leaf/eth0 c1/vethleaf
c1: ip link add inner type bridge
c1: ip addr add 10.8.0.1/24 dev inner
c1: ip link set inner up
c1: ip link set vethleaf master inner
leaf: ip addr add 10.8.0.2/24 dev eth0
leaf: ip route add default via 10.8.0.1
"""
LEAF = ask("leaf", "198.51.100.1:80", server="o")
INNER_MASQUERADE = "c1: iptables -t nat -A POSTROUTING -s 10.8.0.0/24 ! -o inner -j MASQUERADE"
scenario("nested", "A container inside of a container: translated twice.",
         [NATTED, NESTED, INNER_MASQUERADE, "c1: sysctl -qw net.ipv4.ip_forward=1"], LEAF, works(source=OUT))
scenario(
    "nested-forwarding-off",
    "The outer container, which is the inner one's host, does not forward.",
    [NATTED, NESTED, INNER_MASQUERADE],
    LEAF,
    dies("out", "c1", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed="c1: sysctl -qw net.ipv4.ip_forward=1",
)
scenario(
    "nested-masquerade-missing-inside",
    "The outer container does not translate; the host's MASQUERADE is not for 10.8.0.0/24, and it has no way back to it.",
    [NATTED, NESTED, "c1: sysctl -qw net.ipv4.ip_forward=1"],
    LEAF,
    dies("back", "o", source="10.8.0.2"),
    cause("nat"),
    fixed=INNER_MASQUERADE,
)
scenario(
    "nested-legacy-drops",
    "Docker in docker: inside, iptables-nft accepts, and the image's iptables-legacy has the policy DROP.",
    [NATTED, NESTED, INNER_MASQUERADE.replace("iptables ", "iptables-nft "), "c1: sysctl -qw net.ipv4.ip_forward=1",
     "c1: iptables-legacy -P FORWARD DROP"],
    LEAF,
    dies("out", "c1", "nf_hook_slow", "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
)
scenario(
    "namespace-cloud",
    "Two containers of one host, each behind its own router namespace.",
    [HOST, CONTAINER, C2, MASQUERADE, NESTED, INNER_MASQUERADE, "c1: sysctl -qw net.ipv4.ip_forward=1"],
    ask("leaf", "10.1.0.3:80", server="c2"),
    works(source="10.1.0.2"),
)
scenario(
    "hundred-containers-of-rules",
    "Three thousand rules in front of the one that decides.",
    [NATTED, "h: (echo '*filter'; for i in $(seq 1 3000); do echo \"-A FORWARD -s 10.200.$((i / 250)).$((i % 250)) -p tcp "
     "--dport $i -j DROP\"; done; echo '-A FORWARD -s 10.1.0.2 -j DROP'; echo COMMIT) | iptables-restore -n"],
    OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "FORWARD", 3001, "-s 10.1.0.2/32 -j DROP"),
    fix="must",
)
scenario(
    "third-container",
    "One of three containers has an address outside the bridge's subnet.",
    [PAIR, container("c3", "10.5.0.2", gateway="10.1.0.1").replace("default via 10.1.0.1", "default via 10.1.0.1 dev eth0 onlink")],
    ask("c3", "198.51.100.1:80", server="o"),
    dies("back", "o", source="10.5.0.2"),
    cause("nat", "address", "route"),
    fixed="c3: ip addr add 10.1.0.4/24 dev eth0\nc3: ip route replace default via 10.1.0.1 src 10.1.0.4",
)
