"""The forwarding gate: net.ipv4.ip_forward, and the flag of each device that it is made of."""

from harness.scenario import ask, cause, dies, scenario, sysctl, works
from harness.topology import D1, BR1, DOCKERED, NATTED, ONE, PAIR, TWO_NETWORKS

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
OFF = "h: sysctl -qw net.ipv4.ip_forward=0"
ON = "h: sysctl -qw net.ipv4.ip_forward=1"

scenario(
    "on",
    "A host as it should be: the answer comes back, and the outside saw the host's address.",
    NATTED,
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "on-udp",
    "The same with a UDP question.",
    NATTED,
    ask("c1", "198.51.100.1:53", server="o", proto="udp"),
    works(source="198.51.100.10"),
)
scenario(
    "on-ping",
    "The same with a ping.",
    NATTED,
    ask("c1", "198.51.100.1", server="o"),
    works(source="198.51.100.10"),
)
scenario(
    "off",
    "A sysctl.d file sets net.ipv4.ip_forward = 0: the packet dies at the routing decision, without a word.",
    [NATTED, OFF],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS", error="timeout"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed=ON,
)
scenario(
    "off-ping",
    "The same for a ping.",
    [NATTED, OFF],
    ask("c1", "198.51.100.1", server="o"),
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed=ON,
)
scenario(
    "off-published-port",
    "Forwarding is off and somebody outside asks for a published port: translated, then dropped.",
    [DOCKERED, OFF],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed=ON,
)
scenario(
    "off-between-networks",
    "Forwarding is off: a container does not reach one on another bridge of the same host.",
    [TWO_NETWORKS, OFF],
    ask("c1", "10.2.0.2:80", server="d1"),
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed=ON,
)
scenario(
    "off-same-bridge",
    "Forwarding is off, but two containers on one bridge need none.",
    [PAIR, OFF],
    ask("c1", "10.1.0.3:80", server="c2"),
    works(source="10.1.0.2"),
)
scenario(
    "off-to-host",
    "Forwarding is off, but a container that asks its host needs none.",
    [NATTED, OFF],
    ask("c1", "198.51.100.10:22", server="h"),
    works(source="10.1.0.2"),
)
scenario(
    "off-from-host",
    "Forwarding is off, but what the host itself sends needs none.",
    [NATTED, OFF],
    ask("h", "198.51.100.1:80", server="o"),
    works(source="198.51.100.10"),
)
scenario(
    "bridge-off",
    "ip_forward reads 1, but the bridge's own flag is 0 (a network manager wrote it): the way out is closed.",
    [NATTED, "h: sysctl -qw net.ipv4.conf.br0.forwarding=0"],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.conf.br0.forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.br0.forwarding=1",
)
scenario(
    "uplink-off",
    "ip_forward reads 1, but the uplink's own flag is 0: the request leaves, the answer dies on arrival.",
    [NATTED, "h: sysctl -qw net.ipv4.conf.eth0.forwarding=0"],
    OUTSIDE,
    dies("back", "h", "ip_error", "IP_INADDRERRORS", source="198.51.100.10"),
    sysctl("net.ipv4.conf.eth0.forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.eth0.forwarding=1",
)
scenario(
    "uplink-off-published-port",
    "The uplink's flag is 0: a request for a published port is not forwarded.",
    [DOCKERED, "h: sysctl -qw net.ipv4.conf.eth0.forwarding=0"],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.conf.eth0.forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.eth0.forwarding=1",
)
scenario(
    "bridge-off-published-port",
    "The bridge's flag is 0: the request for a published port comes in, the answer is not forwarded.",
    [DOCKERED, "h: sysctl -qw net.ipv4.conf.br0.forwarding=0"],
    ask("o", "198.51.100.10:8080", server="c1:80"),
    dies("back", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.conf.br0.forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.br0.forwarding=1",
)
scenario(
    "port-off",
    "The flag of the bridge port is 0: nobody reads it, packets are received by the bridge.",
    [NATTED, "h: sysctl -qw net.ipv4.conf.vethc1.forwarding=0"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "all-off-devices-on",
    "ip_forward reads 0, but both devices on the way were set to 1 afterwards: it works.",
    [NATTED, OFF, "h: sysctl -qw net.ipv4.conf.br0.forwarding=1 net.ipv4.conf.eth0.forwarding=1"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "default-off",
    "conf.default.forwarding = 0 says something about devices to come, not about these.",
    [NATTED, "h: sysctl -qw net.ipv4.conf.default.forwarding=0"],
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "network-made-later",
    "A network made while conf.default.forwarding was 0 is not forwarded for, the older one is.",
    [NATTED, "h: sysctl -qw net.ipv4.conf.default.forwarding=0", BR1, D1,
     "h: iptables -t nat -A POSTROUTING -s 10.2.0.0/24 ! -o br1 -j MASQUERADE"],
    ask("d1", "198.51.100.1:80", server="o"),
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.conf.br1.forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.br1.forwarding=1",
)
LAN_10 = NATTED.replace("br0", "lan.10")
scenario(
    "dotted-name-off",
    "The bridge is called lan.10, and its flag is 0: sysctl writes the dot of the name as a slash.",
    [LAN_10, "h: echo 0 > /proc/sys/net/ipv4/conf/lan.10/forwarding"],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    cause("sysctl", key=("net.ipv4.conf.lan/10.forwarding", "net/ipv4/conf/lan.10/forwarding"), value=0),
    fix="must",
    fixed="h: sysctl -qw net.ipv4.conf.lan/10.forwarding=1",
)
scenario(
    "docker-names",
    "Names as docker makes them.",
    NATTED.replace("br0", "br-5f3c9d2e1a7b").replace("vethc1", "veth9f8e7d6"),
    OUTSIDE,
    works(source="198.51.100.10"),
)
scenario(
    "asked-from-elsewhere",
    "The same question, asked in a namespace that has nothing to do with it.",
    [NATTED, OFF, "namespace z"],
    OUTSIDE | {"at": "z"},
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed=ON,
)
scenario(
    "off-and-more",
    "Forwarding is off and nothing translates: after the first remedy the second fault shows.",
    [ONE, OFF],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.ip_forward", 0),
    fix="must",
    fixed=ON + "\nh: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE",
)
scenario(
    "ttl-out",
    "The container's own packets start with TTL 1: they reach the host and no further.",
    [NATTED, "c1: sysctl -qw net.ipv4.ip_default_ttl=1"],
    OUTSIDE,
    dies("out", "h", "ip_forward", "IP_INHDR", error="EHOSTUNREACH"),
    cause("ttl", "sysctl"),
    fixed="c1: sysctl -qw net.ipv4.ip_default_ttl=64",
)
scenario(
    "ttl-back",
    "The server answers with TTL 1: the host is the last to see the answer.",
    [NATTED, "o: sysctl -qw net.ipv4.ip_default_ttl=1"],
    OUTSIDE,
    dies("back", "h", "ip_forward", "IP_INHDR"),
    cause("ttl", "sysctl"),
    fixed="o: sysctl -qw net.ipv4.ip_default_ttl=64",
)
scenario(
    "ttl-to-host",
    "TTL 1 is enough from a container to its host.",
    [NATTED, "c1: sysctl -qw net.ipv4.ip_default_ttl=1"],
    ask("c1", "10.1.0.1:22", server="h"),
    works(source="10.1.0.2"),
)

# A device may be called almost anything: what is offered must be one word to a shell.
ODD_BRIDGE = NATTED + "h: ip link set br0 name 'b;$(id)'"
scenario(
    "odd-name-of-the-bridge",
    "The bridge is called b;$(id), and its forwarding is off: the remedy is quoted.",
    [ODD_BRIDGE, "h: sysctl -qw 'net.ipv4.conf.b;$(id).forwarding=0'"],
    OUTSIDE,
    dies("out", "h", "ip_error", "IP_INADDRERRORS"),
    sysctl("net.ipv4.conf.b;$(id).forwarding", 0),
    fix="must",
    fixed="h: sysctl -qw 'net.ipv4.conf.b;$(id).forwarding=1'",
)
