"""Published ports: docker's rule set, whole and broken, asked from every side; hairpin."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, policy, rule, scenario, sysctl, works
from harness.topology import BR1, C2, D1, DOCKER, DOCKERED, NATTED, ONE, PAIR, container

BOTH = (NFT, LEGACY)
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
OUT = ask("c1", "198.51.100.1:80", server="o")

scenario("docker-out", "Docker's rule set: the container reaches the outside.", DOCKERED, OUT,
         works(source="198.51.100.10"), backends=BOTH)
scenario("docker-published", "Docker's rule set: the outside reaches the published port, its address untouched.",
         DOCKERED, FROM_OUTSIDE, works(source="198.51.100.1"), backends=BOTH)
scenario("docker-from-host", "The host asks its own published port: translated in OUTPUT, the source chosen before stays.",
         DOCKERED, ask("h", "198.51.100.10:8080", server="c1:80"), works(source="198.51.100.10"))
scenario(
    "docker-from-host-loopback",
    "127.0.0.1:8080 is exempt from docker's DNAT; without docker-proxy nobody listens there.",
    DOCKERED,
    ask("h", "127.0.0.1:8080", server="h", deaf=True),
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "docker-from-the-same-bridge",
    "Another container asks the published port: '-i br0 -j RETURN' leaves it to docker-proxy, which does not run.",
    [DOCKERED, C2],
    ask("c2", "198.51.100.10:8080", server="h", deaf=True),
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "docker-proxy-behind-ufw",
    "The same with docker-proxy listening, but INPUT accepts only ping and SSH: ufw drops the container.",
    [DOCKERED, C2, "h: iptables -P INPUT DROP", "h: iptables -A INPUT -p icmp -j ACCEPT",
     "h: iptables -A INPUT -p tcp --dport 22 -j ACCEPT"],
    ask("c2", "198.51.100.10:8080", server="h"),
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "INPUT"),
    fix="must",
    fixed="h: iptables -A INPUT -i br0 -p tcp --dport 8080 -j ACCEPT",
)
scenario(
    "input-policy-does-not-matter",
    "INPUT drops everything; a published port is forwarded and never sees INPUT.",
    [DOCKERED, "h: iptables -P INPUT DROP"],
    FROM_OUTSIDE,
    works(source="198.51.100.1"),
)
scenario(
    "docker-user-drop",
    "A rule in DOCKER-USER drops what is not from 203.0.113.0/24.",
    [DOCKERED, "h: iptables -I DOCKER-USER -i eth0 ! -s 203.0.113.0/24 -j DROP"],
    FROM_OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "DOCKER-USER", 1, "! -s 203.0.113.0/24 -i eth0 -j DROP"),
    fix="must",
    fixed="h: iptables -I DOCKER-USER -s 198.51.100.1 -j RETURN",
    backends=BOTH,
)
scenario(
    "docker-user-drops-the-answer",
    "The same rule without a state also drops the answers of what containers ask the outside.",
    [DOCKERED, "h: iptables -I DOCKER-USER -i eth0 ! -s 203.0.113.0/24 -j DROP"],
    OUT,
    dies("back", "h", RULES, "NETFILTER_DROP", source="198.51.100.10"),
    rule("filter", "DOCKER-USER", 1),
    fix="must",
    fixed="h: iptables -I DOCKER-USER -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
)
scenario(
    "docker-user-wants-the-container-port",
    "DOCKER-USER opens 8080, but it comes after the translation: the port is 80 there.",
    [DOCKERED, "h: iptables -I DOCKER-USER -i eth0 -j DROP",
     "h: iptables -I DOCKER-USER -i eth0 -p tcp --dport 8080 -j RETURN"],
    FROM_OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "DOCKER-USER", 2),
    fix="must",
    fixed="h: iptables -I DOCKER-USER -i eth0 -p tcp --dport 80 -j RETURN",
)
scenario(
    "docker-user-ctorigdstport",
    "The right way to say it: --ctorigdstport 8080.",
    [DOCKERED, "h: iptables -I DOCKER-USER -i eth0 -j DROP",
     "h: iptables -I DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j RETURN"],
    FROM_OUTSIDE,
    works(source="198.51.100.1"),
)
scenario(
    "docker-accept-missing",
    "The DNAT is there, the accept in the chain DOCKER is gone: the policy drops.",
    [DOCKERED, "h: iptables -F DOCKER"],
    FROM_OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A DOCKER -d 10.1.0.2 ! -i br0 -o br0 -p tcp --dport 80 -j ACCEPT",
)
scenario(
    "docker-established-missing",
    "The accept of the answers is gone: what the container asks dies on the way back.",
    [DOCKERED, "h: iptables -D FORWARD 3"],
    OUT,
    dies("back", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)
scenario(
    "dnat-flushed",
    "A firewall reload took the nat table: the host itself is asked, and nobody listens there.",
    [DOCKERED, "h: iptables -t nat -F"],
    FROM_OUTSIDE | {"server": "h", "server_port": 8080, "deaf": True},
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "dnat-flushed-input-drop",
    "The same with an INPUT that drops.",
    [DOCKERED, "h: iptables -t nat -F", "h: iptables -P INPUT DROP"],
    FROM_OUTSIDE | {"server": "h", "server_port": 8080, "deaf": True},
    dies("out", "h", RULES, "NETFILTER_DROP", error="timeout"),
    policy("filter", "INPUT"),
)
scenario(
    "dnat-to-a-container-that-is-gone",
    "A stale DNAT rule of a removed container stands first: nobody answers the host's ARP for 10.1.0.9.",
    [DOCKERED, "h: iptables -t nat -I DOCKER -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.9:80",
     "h: iptables -I FORWARD -d 10.1.0.9 -j ACCEPT"],
    FROM_OUTSIDE,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"),
    cause("neighbour", "nat", "rule", "address"),
    fixed="h: iptables -t nat -D DOCKER 1",
)
scenario(
    "dnat-to-a-closed-port",
    "The DNAT leads to port 81, where nobody listens: the container itself refuses.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:81"],
    ask("o", "198.51.100.10:8080", server="c1:81", deaf=True),
    dies("out", "c1", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "listens-on-loopback-only",
    "The program in the container is bound to 127.0.0.1: its stack refuses what comes from outside.",
    DOCKERED,
    FROM_OUTSIDE | {"bind": "127.0.0.1"},
    dies("out", "c1", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "dnat-wrong-device",
    "The DNAT says -i eth1, the request comes in by eth0 and finds nobody.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth1 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"],
    FROM_OUTSIDE | {"server": "h", "server_port": 8080, "deaf": True},
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "dnat-other-address",
    "The port is published on 198.51.100.20 only; 198.51.100.10 is the host itself.",
    [NATTED, "h: ip addr add 198.51.100.20/24 dev eth0",
     "h: iptables -t nat -A PREROUTING -d 198.51.100.20 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"],
    FROM_OUTSIDE | {"server": "h", "server_port": 8080, "deaf": True},
    dies("out", "h", "tcp_v4_rcv", "NO_SOCKET", error="ECONNREFUSED"),
)
scenario(
    "dnat-right-address",
    "The same, asked at the right address.",
    [NATTED, "h: ip addr add 198.51.100.20/24 dev eth0",
     "h: iptables -t nat -A PREROUTING -d 198.51.100.20 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"],
    ask("o", "198.51.100.20:8080", server="c1:80"),
    works(source="198.51.100.1"),
)
scenario(
    "dnat-without-forward-accept",
    "Port forwarding by hand: DNAT, but FORWARD takes only what containers start.",
    [NATTED, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 -j ACCEPT",
     "h: iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
     "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"],
    FROM_OUTSIDE,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT",
)
scenario(
    "udp-published",
    "A published UDP port.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p udp --dport 5353 -j DNAT --to-destination 10.1.0.2:53"],
    ask("o", "198.51.100.10:5353", server="c1:53", proto="udp"),
    works(source="198.51.100.1"),
)
scenario(
    "dnat-range",
    "DNAT to a range of ports takes the lowest free one.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80-89"],
    FROM_OUTSIDE,
    works(source="198.51.100.1"),
)
scenario(
    "published-behind-masquerade",
    "MASQUERADE towards the bridge (some do it for hairpin): the container sees the bridge's address.",
    [DOCKERED, "h: iptables -t nat -A POSTROUTING -o br0 -j MASQUERADE"],
    FROM_OUTSIDE,
    works(source="10.1.0.1"),
)
scenario(
    "container-input-drops",
    "The container has rules of its own: INPUT drops port 80.",
    [DOCKERED, "c1: iptables -A INPUT -p tcp --dport 80 -j DROP"],
    FROM_OUTSIDE,
    dies("out", "c1", RULES, "NETFILTER_DROP"),
    rule("filter", "INPUT", 1, "-p tcp -m tcp --dport 80 -j DROP"),
    fix="must",
    backends=BOTH,
)
scenario(
    "answer-leaves-by-the-other-network",
    "The container hangs on two networks, its default route on the second: the answer goes out there and is taken "
    "back to its connection all the same.",
    [DOCKERED, BR1, "cable c1/eth1 h/vethc1b\nh: ip link set vethc1b master br1\nc1: ip addr add 10.2.0.2/24 dev eth1\n"
     "c1: ip route replace default via 10.2.0.1", "h: iptables -A FORWARD -i br1 ! -o br1 -j ACCEPT"],
    FROM_OUTSIDE,
    works(source="198.51.100.1"),
)
scenario(
    "answer-leaves-by-the-other-network-rp-filter",
    "The same with rp_filter=1: the second bridge does not believe the source, and does not even answer its ARP.",
    [DOCKERED, BR1, "cable c1/eth1 h/vethc1b\nh: ip link set vethc1b master br1\nc1: ip addr add 10.2.0.2/24 dev eth1\n"
     "c1: ip route replace default via 10.2.0.1", "h: iptables -A FORWARD -i br1 ! -o br1 -j ACCEPT",
     "h: sysctl -qw net.ipv4.conf.all.rp_filter=1"],
    FROM_OUTSIDE,
    dies("back", "c1", "neigh_invalidate", "NEIGH_FAILED", also=("h", "ip_rcv_finish_core", "IP_RPFILTER")),
    sysctl("net.ipv4.conf.all.rp_filter", 1),
    fixed="h: sysctl -qw net.ipv4.conf.all.rp_filter=0",
)
scenario(
    "answer-leaves-by-an-internal-network",
    "The second network is internal: its bridge accepts nothing for elsewhere.",
    [DOCKERED, BR1, "cable c1/eth1 h/vethc1b\nh: ip link set vethc1b master br1\nc1: ip addr add 10.2.0.2/24 dev eth1\n"
     "c1: ip route replace default via 10.2.0.1",
     "h: iptables -I DOCKER-ISOLATION-STAGE-1 -i br1 ! -d 10.2.0.0/24 -j DROP"],
    FROM_OUTSIDE,
    dies("back", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "DOCKER-ISOLATION-STAGE-1", 1),
    fixed="c1: ip route replace default via 10.1.0.1",
)

# Two docker networks, userland-proxy=false: the published port is asked from the other network.

ISOLATED = [DOCKERED, BR1, D1, "h: iptables -t nat -A POSTROUTING -s 10.2.0.0/24 ! -o br1 -j MASQUERADE",
            "h: iptables -A FORWARD -o br1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "h: iptables -A FORWARD -i br1 ! -o br1 -j ACCEPT",
            "h: iptables -I DOCKER-ISOLATION-STAGE-1 2 -i br1 ! -o br1 -j DOCKER-ISOLATION-STAGE-2",
            "h: iptables -I DOCKER-ISOLATION-STAGE-2 2 -o br1 -j DROP"]
scenario(
    "isolation",
    "One docker network asks the other: DOCKER-ISOLATION-STAGE-2 drops.",
    ISOLATED,
    ask("d1", "10.1.0.2:80", server="c1"),
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "DOCKER-ISOLATION-STAGE-2", 1, "-o br0 -j DROP"),
    fix="must",
    fixed="h: iptables -I DOCKER-USER -i br1 -o br0 -j ACCEPT\nh: iptables -I DOCKER-USER -i br0 -o br1 -j ACCEPT",
    backends=BOTH,
)
scenario(
    "isolation-published-port",
    "Asked by the host's address and published port it is the same drop: the translation comes first.",
    ISOLATED,
    ask("d1", "198.51.100.10:8080", server="c1:80"),
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("filter", "DOCKER-ISOLATION-STAGE-2", 1, "-o br0 -j DROP"),
    fix="must",
)
scenario("isolation-outside", "Isolation does not stand in the way to the outside.", ISOLATED,
         ask("d1", "198.51.100.1:80", server="o"), works(source="198.51.100.10"))

# Hairpin: a container asks a published port of its own bridge, and there is no '-i br0 -j RETURN' (userland-proxy=false).

PUBLISH = "h: iptables -t nat -A PREROUTING -p tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.1.0.2:80"
HAIRPIN_MASQUERADE = "h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 -d 10.1.0.2 -p tcp --dport 80 -j MASQUERADE"
FROM_C2 = ask("c2", "198.51.100.10:8080", server="c1:80")
FROM_ITSELF = ask("c1", "198.51.100.10:8080", server="c1:80")
NO_CALL = "h: sysctl -qw net.bridge.bridge-nf-call-iptables=0"

scenario("hairpin-bridged", "With bridge-nf-call-iptables=1 the DNAT back to the bridge is bridged, and the direct answer "
         "is translated back on the bridge: it works without MASQUERADE.", [PAIR, PUBLISH], FROM_C2, works(source="10.1.0.3"))
scenario(
    "hairpin-routed",
    "With bridge-nf-call-iptables=0 it is routed, and the direct answer comes from an address that was never asked.",
    [PAIR, PUBLISH, NO_CALL],
    FROM_C2,
    dies("back", "c2", "tcp_v4_rcv", "NO_SOCKET", source="10.1.0.3"),
    cause("nat", "bridge", "sysctl"),
    fix="must",
    like="-s 10.1.0.0/24 -d 10.1.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",  # nobody else's source is hidden
    fixed=HAIRPIN_MASQUERADE,
)
scenario(
    "hairpin-routed-behind-an-accept",
    "The same, and the chain of POSTROUTING accepts what goes to the bridge, as netavark's: what is appended is never met.",
    [PAIR, PUBLISH, NO_CALL, "h: iptables -t nat -I POSTROUTING -d 10.1.0.0/24 -j ACCEPT"],
    FROM_C2,
    dies("back", "c2", "tcp_v4_rcv", "NO_SOCKET", source="10.1.0.3"),
    cause("nat", "bridge", "sysctl"),
    fix="must",
    unlike="bridge-nf-call-iptables",
    like="-I POSTROUTING -s 10.1.0.0/24 -d 10.1.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
    fixed=HAIRPIN_MASQUERADE.replace("-A", "-I"),
)
scenario("hairpin-routed-masqueraded", "MASQUERADE for it brings the answer back to the host.",
         [PAIR, PUBLISH, NO_CALL, HAIRPIN_MASQUERADE], FROM_C2, works(source="10.1.0.1"))
scenario(
    "hairpin-itself",
    "A container asks its own published port: the bridge does not send a frame back to the port it came from.",
    [PAIR, PUBLISH, HAIRPIN_MASQUERADE],
    FROM_ITSELF,
    dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
    cause("bridge"),
    fix="must",
    fixed="h: bridge link set dev vethc1 hairpin on",
)
scenario("hairpin-itself-hairpin-on", "With hairpin on the port and MASQUERADE it works.",
         [PAIR, PUBLISH, HAIRPIN_MASQUERADE, "h: bridge link set dev vethc1 hairpin on"], FROM_ITSELF,
         works(source="10.1.0.1"))
scenario(
    "hairpin-itself-without-masquerade",
    "Hairpin is on, MASQUERADE is missing: the container gets a packet from its own address and drops it.",
    [PAIR, PUBLISH, "h: bridge link set dev vethc1 hairpin on"],
    FROM_ITSELF,
    dies("out", "c1", "ip_rcv_finish_core", "IP_LOCAL_SOURCE"),
    cause("nat", "address"),
    fix="must",
    like="-s 10.1.0.2/32 -d 10.1.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
    fixed=HAIRPIN_MASQUERADE,
)

# A service address that exists nowhere else, as kube-proxy's: there is nobody whose questions the rule takes.

SERVICE = """h: iptables -t nat -N SEP
h: iptables -t nat -A PREROUTING -d 10.96.0.20 -p tcp --dport 80 -j SEP
h: iptables -t nat -A SEP -p tcp -j DNAT --to-destination 10.1.0.2:80"""
ITS_SERVICE = ask("c1", "10.96.0.20:80", server="c1")
scenario("service-itself-hairpin-off", "A pod asks the service that it serves itself: the bridge does not send its frame back.",
         [NATTED, SERVICE, HAIRPIN_MASQUERADE], ITS_SERVICE, dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
         cause("bridge", namespace="h"), fix="must", unlike="! -s", fixed="h: bridge link set dev vethc1 hairpin on")
scenario("service-itself-without-masquerade", "Hairpin is on, and nothing gives its question another source.",
         [NATTED, SERVICE, "h: bridge link set dev vethc1 hairpin on"], ITS_SERVICE,
         dies("out", "c1", "ip_rcv_finish_core", "IP_LOCAL_SOURCE"), cause("nat", namespace="h"), fix="must", unlike="! -s",
         like="-s 10.1.0.2/32 -d 10.1.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE", fixed=HAIRPIN_MASQUERADE)
scenario("service-address-of-somebody",
         "A rule leads the questions for a server of the outside to a container, and takes the container's own along.",
         [NATTED, "o: ip addr add 203.0.113.5/32 dev lo", SERVICE.replace("10.96.0.20", "203.0.113.5")],
         ask("c1", "203.0.113.5:80", server="o"), dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"),
         cause("rule", namespace="h"), fix="must", unlike="hairpin", fixed="h: iptables -t nat -I PREROUTING -s 10.1.0.2 -j ACCEPT")
scenario("hairpin-itself-routed", "With bridge-nf-call-iptables=0 it is routed, which needs no hairpin, only MASQUERADE.",
         [PAIR, PUBLISH, NO_CALL, HAIRPIN_MASQUERADE], FROM_ITSELF, works(source="10.1.0.1"))
scenario(
    "hairpin-needs-forwarding",
    "A bridged DNAT asks the routing decision all the same: with ip_forward=0 it dies there.",
    [PAIR, PUBLISH, "h: sysctl -qw net.ipv4.ip_forward=0"],
    FROM_C2,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.ip_forward=1",
)
scenario(
    "hairpin-forward-drop",
    "The hairpin packet passes FORWARD with br0 on both sides, and the policy drops it.",
    [PAIR, PUBLISH, "h: iptables -P FORWARD DROP", "h: iptables -A FORWARD -i br0 ! -o br0 -j ACCEPT",
     "h: iptables -A FORWARD -i eth0 -o br0 -j ACCEPT"],
    FROM_C2,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    policy("filter", "FORWARD"),
    fix="must",
    fixed="h: iptables -A FORWARD -i br0 -o br0 -j ACCEPT",
)

# DNAT and REDIRECT to the host itself.

scenario(
    "dnat-to-loopback",
    "A container's DNS is translated to 127.0.0.1 on the host, without route_localnet: dropped on the bridge.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i br0 -p udp --dport 53 -j DNAT --to-destination 127.0.0.1:53"],
    ask("c1", "10.1.0.1:53", server="h", proto="udp", bind="127.0.0.1"),
    dies("out", "h", "br_nf_pre_routing_finish", "IP_LOCALNET"),
    cause("sysctl", "nat", "route", key=("net.ipv4.conf.br0.route_localnet", "net.ipv4.conf.all.route_localnet", None)),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.br0.route_localnet=1",
)
scenario(
    "dnat-to-loopback-from-outside",
    "The same from the uplink, where no bridge is involved.",
    [ONE, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 127.0.0.1:80"],
    ask("o", "198.51.100.10:8080", server="h:80"),
    dies("out", "h", "ip_rcv_finish_core", "IP_LOCALNET"),
    cause("sysctl", "nat", "route", key=("net.ipv4.conf.eth0.route_localnet", "net.ipv4.conf.all.route_localnet", None)),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.eth0.route_localnet=1",
)
scenario("dnat-to-loopback-allowed", "With route_localnet=1 on the device it is delivered.",
         [ONE, "h: sysctl -qw net.ipv4.conf.eth0.route_localnet=1",
          "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 127.0.0.1:80"],
         ask("o", "198.51.100.10:8080", server="h:80", bind="127.0.0.1"), works(source="198.51.100.1"))
LOOPBACK_PORT = [ONE, "h: iptables -t nat -A OUTPUT -d 127.0.0.1 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"]
FROM_LOOPBACK = ask("h", "127.0.0.1:8080", server="c1:80")
scenario(
    "loopback-port",
    "OUTPUT translates 127.0.0.1:8080 to the container, but the packet keeps its source 127.0.0.1, which may not leave "
    "by the bridge: the host itself finds no route for it.",
    LOOPBACK_PORT,
    FROM_LOOPBACK,
    dies("out", "h", "nf_hook_slow", "NETFILTER_DROP"),
    cause("sysctl", "nat", "route", "address"),
    fixed="h: sysctl -qw net.ipv4.conf.br0.route_localnet=1\nh: iptables -t nat -A POSTROUTING -s 127.0.0.0/8 -o br0 -j MASQUERADE",
)
scenario(
    "loopback-port-route-localnet",
    "With route_localnet it may leave; but the host asks for the container by ARP in the name of 127.0.0.1, and gets no "
    "answer. (With a warm neighbour entry the container drops the packet as a martian.)",
    LOOPBACK_PORT + ["h: sysctl -qw net.ipv4.conf.br0.route_localnet=1"],
    FROM_LOOPBACK,
    dies("out", "h", "neigh_invalidate", "NEIGH_FAILED", also=("c1", "ip_rcv_finish_core", "IP_LOCALNET")),
    cause("nat", "address", "sysctl"),
    fixed="h: iptables -t nat -A POSTROUTING -s 127.0.0.0/8 -o br0 -j MASQUERADE",
)
scenario("loopback-port-masqueraded", "With MASQUERADE for it the container sees the bridge's address.",
         LOOPBACK_PORT + ["h: sysctl -qw net.ipv4.conf.br0.route_localnet=1",
                          "h: iptables -t nat -A POSTROUTING -s 127.0.0.0/8 -o br0 -j MASQUERADE"],
         FROM_LOOPBACK, works(source="10.1.0.1"))
scenario("redirect", "A transparent proxy: REDIRECT takes the container's web traffic to the host's port 3128.",
         [NATTED, "h: iptables -t nat -A PREROUTING -i br0 -p tcp --dport 80 -j REDIRECT --to-ports 3128"],
         ask("c1", "198.51.100.1:80", server="h:3128"), works(source="10.1.0.2"), backends=BOTH)
scenario(
    "redirect-input-reject",
    "The same, but INPUT rejects port 3128. The reset for a packet that came through br_netfilter is sent past the "
    "OUTPUT hooks, so it carries port 3128, and the container's socket does not know it: a time-out, no refusal.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i br0 -p tcp --dport 80 -j REDIRECT --to-ports 3128",
     "h: iptables -A INPUT -i br0 -p tcp --dport 3128 -j REJECT --reject-with tcp-reset"],
    ask("c1", "198.51.100.1:80", server="h:3128"),
    dies("out", "h", RULES, "NETFILTER_DROP", error="timeout"),
    rule("filter", "INPUT", 1),
    fix="must",
    backends=BOTH,
)
scenario(
    "redirect-input-reject-without-call-iptables",
    "With bridge-nf-call-iptables=0 the reset goes through the hooks, is translated back, and refuses.",
    [NATTED, NO_CALL, "h: iptables -t nat -A PREROUTING -i br0 -p tcp --dport 80 -j REDIRECT --to-ports 3128",
     "h: iptables -A INPUT -i br0 -p tcp --dport 3128 -j REJECT --reject-with tcp-reset"],
    ask("c1", "198.51.100.1:80", server="h:3128"),
    dies("out", "h", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "INPUT", 1),
    fix="must",
)
scenario("netmap-in", "NETMAP maps 198.51.100.128/28 to the containers.",
         [ONE, "h: ip addr add 198.51.100.130/24 dev eth0",
          "h: iptables -t nat -A PREROUTING -d 198.51.100.128/28 -j NETMAP --to 10.1.0.0/28"],
         ask("o", "198.51.100.130:80", server="c1"), works(source="198.51.100.1"))
scenario(
    "dnat-back-to-the-outside",
    "The host forwards a port to a server outside, without translating the source: the server answers directly.",
    [ONE, container("c2", "10.1.0.3"),
     "h: iptables -t nat -A PREROUTING -i br0 -d 10.1.0.1 -p tcp --dport 80 -j DNAT --to-destination 198.51.100.1:80"],
    ask("c1", "10.1.0.1:80", server="o"),
    dies("back", "o", source="10.1.0.2"),
    cause("nat"),
    fix="must",
    fixed="h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE",
)
scenario(
    "container-rejects-with-a-reset",
    "The container's own INPUT answers everybody but its network with a reset: the fix belongs into INPUT, whatever the "
    "reset passes.",
    [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80",
     "c1: iptables -A INPUT ! -s 10.1.0.0/24 -p tcp -j REJECT --reject-with tcp-reset"],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    dies("out", "c1", RULES, "NETFILTER_DROP", error="ECONNREFUSED"),
    rule("filter", "INPUT", 1),
    fix="must",
    fixed="c1: iptables -F INPUT",
)

# A node's port is answered by a pod of another node, past the node that was asked.

NODE_PORT = """
namespace h o n sw
cable h/eth0 sw/p1
cable n/eth0 sw/p2
cable o/eth0 sw/p3
sw: ip link add name br0 type bridge
sw: ip link set br0 up
sw: ip link set p1 master br0; ip link set p2 master br0; ip link set p3 master br0
o: ip addr add 198.51.100.1/24 dev eth0
h: ip addr add 198.51.100.10/24 dev eth0
n: ip addr add 198.51.100.12/24 dev eth0
namespace q
cable q/eth0 n/vq
n: ip addr add 10.2.0.1/24 dev vq
q: ip addr add 10.2.0.5/24 dev eth0
q: ip route add default via 10.2.0.1
h: sysctl -qw net.ipv4.ip_forward=1
n: sysctl -qw net.ipv4.ip_forward=1
h: ip route add 10.2.0.0/24 via 198.51.100.12
h: iptables -t nat -A PREROUTING -d 198.51.100.10 -p tcp --dport 30080 -j DNAT --to-destination 10.2.0.5:8080
"""
TO_NODE_PORT = ask("o", "198.51.100.10:30080", server="q:8080")
scenario("node-port-without-masquerade", "The pod's node sends the answer straight to who asked, from an address that was never asked.",
         [NODE_PORT, "h: sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0"], TO_NODE_PORT,
         dies("back", "o", "tcp_v4_rcv", "NO_SOCKET", source="198.51.100.1"), cause("nat"), fix="must",
         like="-d 10.2.0.5/32 -p tcp -m tcp --dport 8080 -j MASQUERADE",
         fixed="h: iptables -t nat -A POSTROUTING -d 10.2.0.5 -p tcp --dport 8080 -j MASQUERADE")
