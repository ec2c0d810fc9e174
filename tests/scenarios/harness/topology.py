"""The networks that the scenarios start from, as lines of set-up.

                      h (the host)                       o (the outside)
    c1 10.1.0.2 ──┐
                  br0 10.1.0.1/24     eth0 198.51.100.10/24 ──── eth0 198.51.100.1/24
    c2 10.1.0.3 ──┘                   default via 198.51.100.1

The outside knows nothing of 10.0.0.0/8: an answer to an untranslated source is lost there.
"""

HOST = """
namespace h o
cable h/eth0 o/eth0
o: ip addr add 198.51.100.1/24 dev eth0
h: ip link add br0 type bridge
h: ip addr add 10.1.0.1/24 dev br0
h: ip link set br0 up
h: ip addr add 198.51.100.10/24 dev eth0
h: ip route add default via 198.51.100.1
h: sysctl -qw net.ipv4.ip_forward=1
"""


def container(name, address, bridge="br0", gateway=None):
    """A namespace with eth0, whose other end `veth<name>` is a port of the bridge."""
    gateway = gateway or ".".join(address.split(".")[:3]) + ".1"
    return f"""
namespace {name}
cable {name}/eth0 h/veth{name}
h: ip link set veth{name} master {bridge}
{name}: ip addr add {address}/24 dev eth0
{name}: ip route add default via {gateway}
"""


def pod(name, address, device):
    """A namespace with a /32 on a cable of its own, as calico and a cloud's plugins make it: the host answers ARP for everybody."""
    return f"""
namespace {name}
cable {name}/eth0 h/{device}
h: sysctl -qw net.ipv4.conf.{device}.proxy_arp=1 net.ipv4.conf.{device}.rp_filter=1 net.ipv4.neigh.{device}.proxy_delay=0
h: ip route add {address}/32 dev {device} scope link
{name}: ip addr add {address}/32 dev eth0
{name}: ip route add 169.254.1.1 dev eth0 scope link
{name}: ip route add default via 169.254.1.1 dev eth0
"""


C1 = container("c1", "10.1.0.2")
C2 = container("c2", "10.1.0.3")

MASQUERADE = """
h: iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE
"""

ONE = HOST + C1  # one container, no rules
NATTED = ONE + MASQUERADE  # one container that reaches the outside
PAIR = NATTED + C2  # two containers on one bridge

# A second container network behind the same host.
BR1 = """
h: ip link add br1 type bridge
h: ip addr add 10.2.0.1/24 dev br1
h: ip link set br1 up
"""
D1 = container("d1", "10.2.0.2", bridge="br1")
MASQUERADE_BR1 = """
h: iptables -t nat -A POSTROUTING -s 10.2.0.0/24 ! -o br1 -j MASQUERADE
"""
TWO_NETWORKS = PAIR + BR1 + D1 + MASQUERADE_BR1

# A second uplink to the same outside. The outside's addresses on it are 192.0.2.1 and, behind it, 203.0.113.80.
UPLINK2 = """
cable h/eth1 o/eth1
o: ip addr add 192.0.2.1/24 dev eth1
h: ip addr add 192.0.2.10/24 dev eth1
"""

# A web server behind the outside's router, as on the Internet: it has a default route, the router drops private answers.
WEB = """
namespace w
cable o/web w/eth0
o: ip addr add 203.0.113.1/24 dev web
o: sysctl -qw net.ipv4.ip_forward=1
w: ip addr add 203.0.113.80/24 dev eth0
w: ip route add default via 203.0.113.1
"""

# What dockerd (28) writes for one network 10.1.0.0/24 on br0, with the ports 8080 -> 10.1.0.2:80 published.
DOCKER = """
h: iptables-restore <<END
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE
-A POSTROUTING -s 10.1.0.2/32 -d 10.1.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i br0 -j RETURN
-A DOCKER ! -i br0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br0 -j DOCKER
-A FORWARD -i br0 ! -o br0 -j ACCEPT
-A FORWARD -i br0 -o br0 -j ACCEPT
-A DOCKER -d 10.1.0.2/32 ! -i br0 -o br0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i br0 ! -o br0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o br0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
END
"""
DOCKERED = ONE + DOCKER

# The kernel takes up to a second to act on a lost carrier; a neighbour that is asked for meanwhile is forgotten.
NO_CARRIER = """
h: for i in $(seq 20); do if ip -br link show {device} | grep -q DOWN; then break; fi; sleep 0.1; done
"""

# A VPN: tun0 leads to its far end `v`, where 10.50.0.53 is a server.
VPN = """
namespace v
cable h/tun0 v/tun0
h: ip addr add 10.8.0.6/24 dev tun0
v: ip addr add 10.8.0.1/24 dev tun0
v: ip addr add 10.50.0.53/32 dev lo
"""
