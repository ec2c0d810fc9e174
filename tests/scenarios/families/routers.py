"""Hosts as routers: VPN clients, policy tables, routed networks, addresses they answer for, nodes of a cluster."""

from harness.scenario import ask, cause, dies, scenario, sysctl, works
from harness.topology import VPN, pod


def ct(name, address, bridge, plen=16, gateway=None):
    gateway = gateway or ".".join(address.split(".")[:2]) + ".0.1"
    return f"""
namespace {name}
cable {name}/eth0 h/veth{name}
h: ip link set veth{name} master {bridge}
{name}: ip addr add {address}/{plen} dev eth0
{name}: ip route add default via {gateway}
"""



def bridge(name, address):
    return f"""
h: ip link add {name} type bridge
h: ip addr add {address} dev {name}
h: ip link set {name} up
"""



# The router `o` knows no private network; 192.0.2.53 is a server on the Internet. `v` is the far end of a VPN.

HOST = """
namespace h o
cable h/eth0 o/eth0
o: ip addr add 203.0.113.1/24 dev eth0
o: ip addr add 192.0.2.53/32 dev lo
h: ip addr add 203.0.113.10/24 dev eth0
h: ip route add default via 203.0.113.1
h: sysctl -qw net.ipv4.ip_forward=1
"""
WEB = HOST + bridge("docker0", "172.17.0.1/16") + ct("web", "172.17.0.2", "docker0")
MASQ = "h: iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
DNAT = "h: iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80"
OUT = ask("web", "203.0.113.1:443", server="o")

# A policy table for the VPN that knows its default only. The fix must not take the VPN away.

DB = bridge("br-app", "172.18.0.1/16") + ct("db", "172.18.0.2", "br-app")
TABLE = "h: ip route add default via 10.8.0.1 table 100"
TO_DB = ask("web", "172.18.0.2:5432", server="db")
INTO_VPN = dies("out", "v", "ip_error", "IP_INADDRERRORS")
MAIN_FIRST = "h: ip rule add to 172.18.0.0/16 lookup main pref 900"
for name, how in (("from", ["h: ip rule add from 172.17.0.2 lookup 100 pref 1000"]),
                  ("iif", ["h: ip rule add iif docker0 lookup 100 pref 1000"]),
                  ("fwmark", ["h: iptables -t mangle -A PREROUTING -i docker0 -s 172.17.0.2 -j MARK --set-mark 0x64",
                              "h: ip rule add fwmark 0x64 lookup 100 pref 1000"])):
    scenario(f"vpn-by-{name}-catches-another-network",
             f"web goes by the VPN ({name}); the table has a default only, and catches what is for a container of the other network.",
             [WEB, MASQ, VPN, DB, TABLE, *how], TO_DB, INTO_VPN, cause("route"), fix="must", unlike="route del default", fixed=MAIN_FIRST)
scenario("vpn-by-fwmark-catches-the-answer", "The mark also meets the answers of web's published port.",
         [WEB, MASQ, DNAT, VPN, TABLE, "h: iptables -t mangle -A PREROUTING -i docker0 -s 172.17.0.2 -j MARK --set-mark 0x64",
          "h: ip rule add fwmark 0x64 lookup 100 pref 1000"],
         ask("o", "203.0.113.10:8080", server="web:80"), dies("back", "v", "ip_error", "IP_INADDRERRORS"), cause("route", "rule"),
         fix="must", unlike="route del default",
         fixed="h: iptables -t mangle -I PREROUTING -i docker0 -m conntrack --ctdir REPLY -j RETURN")

# A gateway that was renumbered. The next hop is wrong here; nobody gives the old address to a machine far away.

scenario("gateway-renumbered-vpn", "The route to the company leads to 10.8.0.5; the far end is 10.8.0.1 now.",
         [WEB, MASQ, VPN, "h: ip route add 10.50.0.0/16 via 10.8.0.5"], ask("web", "10.50.0.53:443", server="v"),
         dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("neighbour", "route"), fix="must", unlike="ip addr add",
         fixed="h: ip route replace 10.50.0.0/16 via 10.8.0.1")
scenario("gateway-renumbered-and-untranslated", "… and MASQUERADE names eth0 only. The host's default route stays where it is.",
         [WEB, "h: iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -o eth0 -j MASQUERADE", VPN, "h: ip route add 10.50.0.0/16 via 10.8.0.5"],
         ask("web", "10.50.0.53:443", server="v"), dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("neighbour", "route"), fix="must",
         unlike="replace default",
         fixed="h: ip route replace 10.50.0.0/16 via 10.8.0.1\nh: iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -o tun0 -j MASQUERADE")
scenario("gateway-of-another-site-gone", "A static route to another site leads to a router of the LAN that is gone.",
         [WEB, MASQ, "o: ip addr add 10.60.0.5/32 dev lo", "h: ip route add 10.60.0.0/16 via 203.0.113.254"],
         ask("web", "10.60.0.5:443", server="o"), dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("neighbour", "route"),
         unlike="ip addr add", fixed="h: ip route del 10.60.0.0/16")
scenario("cloud-32-default-lost", "A cloud host: its address is a /32, the gateway is on-link by a route of its own; the default is gone.",
         [HOST, "h: ip addr flush dev eth0", "h: ip addr add 203.0.113.10/32 dev eth0", "h: ip route add 203.0.113.1 dev eth0 scope link",
          bridge("docker0", "172.17.0.1/16"), ct("web", "172.17.0.2", "docker0"), MASQ],
         ask("web", "192.0.2.53:443", server="o"), dies("out", "h", "ip_error", "IP_INNOROUTES"), cause("route"), fix="must",
         fixed="h: ip route add default via 203.0.113.1 dev eth0")
scenario("router-lost-the-routed-network", "docker's gateway mode routed: the router lost its route to 172.17.0.0/16. Its default does not go to the docker host.",
         [WEB], ask("o", "172.17.0.2:80", server="web"), dies("out", "o", error="ENETUNREACH"), cause("route"), unlike="replace default", fix="must",
         fixed="o: ip route add 172.17.0.0/16 via 203.0.113.10")

# Addresses that the host should answer for.

ROUTED_NIC = """
namespace c
cable c/eth0 h/vethc
c: ip addr add 203.0.113.77/32 dev eth0
c: ip route add 169.254.0.1 dev eth0
c: ip route add default via 169.254.0.1
h: ip addr add 169.254.0.1/32 dev vethc
h: ip route add 203.0.113.77/32 dev vethc
h: sysctl -qw net.ipv4.neigh.eth0.proxy_delay=0
"""
PROXY = "h: ip neigh add proxy 203.0.113.77 dev eth0"
scenario("public-address-without-its-proxy-in", "LXD's routed NIC: the container has a public address of the LAN, and the host's neighbour proxy for it is missing.",
         [HOST, ROUTED_NIC], ask("o", "203.0.113.77:80", server="c"), dies("out", "o", "neigh_invalidate", "NEIGH_FAILED"), unlike="via 203.0.113.10",
         fixed=PROXY)
scenario("public-address-without-its-proxy-out", "… it asks outwards. The remedy is the proxy, not to hide the container's own public address.",
         [HOST, ROUTED_NIC], ask("c", "192.0.2.53:443", server="o"), dies("back", "o", "neigh_invalidate", "NEIGH_FAILED", source="203.0.113.77"),
         unlike="MASQUERADE", fixed=PROXY)
scenario("public-address-with-its-proxy", "… with the proxy nothing is wrong.", [HOST, ROUTED_NIC, PROXY],
         ask("c", "192.0.2.53:443", server="o"), works(source="203.0.113.77"))
scenario("published-on-an-address-that-is-gone", "A port is published on 203.0.113.20, which the host lost at its reboot.",
         [WEB, MASQ, "h: iptables -t nat -A PREROUTING -d 203.0.113.20 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80"],
         ask("o", "203.0.113.20:8080", server="web:80"), dies("out", "o", "neigh_invalidate", "NEIGH_FAILED"), cause("neighbour", "address"),
         unlike="ip route replace", fixed="h: ip addr add 203.0.113.20/24 dev eth0")

# The MTU is the route's.

scenario("route-with-a-small-mtu", "The route says mtu 1300, the device 1500: the cause is not 'tun0 mtu 1300'.",
         [WEB, MASQ, VPN, "h: ip route add 10.50.0.0/16 via 10.8.0.1 mtu 1300"], ask("web", "10.50.0.53", server="v", size=1400, df=True),
         dies("out", "h", "ip_forward", "PKT_TOO_BIG"), cause("mtu", text="10.50.0.0/16"), fix="must", fixed="h: ip route change 10.50.0.0/16 via 10.8.0.1")

# Bridges made by hand.

BY_HAND = [HOST, "h: ip link add br0 type bridge", "h: ip link set br0 up", "h: ip link set eth0 master br0",
           ct("c", "203.0.113.60", "br0", plen=24, gateway="203.0.113.1")]
TO_BRIDGE = "h: ip addr del 203.0.113.10/24 dev eth0\nh: ip addr add 203.0.113.10/24 dev br0"
scenario("bridged-by-hand-container-asks-host", "eth0 was put into br0 and kept the host's address; a container of the bridge asks the host.", BY_HAND,
         ask("c", "203.0.113.10:22", server="h"), dies("back", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("bridge"), fix="must", fixed=TO_BRIDGE)
scenario("bridged-by-hand-host-asks-container", "… the host asks the container.", BY_HAND,
         ask("h", "203.0.113.60:22", server="c"), dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("bridge"), fix="must", fixed=TO_BRIDGE)
scenario("bridged-by-hand-container-out", "… the container's way out is bridged: nothing is wrong.", BY_HAND,
         ask("c", "203.0.113.1:443", server="o"), works(source="203.0.113.60"))
scenario("tap-on-the-other-bridge", "Proxmox: the VM's tap hangs on vmbr0 (the LAN) instead of vmbr1, which is empty now: "
         "the host answers the VM's ARP, the answer is sent into the empty bridge.",
         ["""
namespace h o
cable h/nic o/eth0
o: ip addr add 203.0.113.1/24 dev eth0
h: ip link add vmbr0 type bridge
h: ip link set vmbr0 up
h: ip link set nic master vmbr0
h: ip addr add 203.0.113.10/24 dev vmbr0
h: ip route add default via 203.0.113.1
h: sysctl -qw net.ipv4.ip_forward=1
""", bridge("vmbr1", "10.10.10.1/24"), ct("vm", "10.10.10.5", "vmbr1", plen=24, gateway="10.10.10.1"),
          "h: iptables -t nat -A POSTROUTING -s 10.10.10.0/24 -o vmbr0 -j MASQUERADE", "h: ip link set vethvm master vmbr0",
          "h: for i in $(seq 20); do if ip -br link show vmbr1 | grep -q DOWN; then break; fi; sleep 0.1; done"],
         ask("vm", "203.0.113.1:443", server="o"), dies("back", "h", source="203.0.113.10"), cause("device", "bridge", "neighbour", "route"),
         fixed="h: ip link set vethvm master vmbr1\nvm: ip neigh flush dev eth0")

# Other ways out.

scenario("container-as-gateway", "web's default leads over another container that forwards (a VPN sidecar). The packet crosses the bridge first, is confirmed "
         "untranslated, and the host's MASQUERADE is not asked again.",
         [WEB, MASQ, ct("gw", "172.17.0.4", "docker0"), "gw: sysctl -qw net.ipv4.ip_forward=1", "web: ip route replace default via 172.17.0.4"],
         OUT, dies("back", "o", source="172.17.0.2"), cause("nat"), fix="must", fixed="gw: iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE")
scenario("dhcpcd-on-a-veth", "dhcpcd gave a veth's host end 169.254.7.7 and a better default route. Behind 'ip addr del' the masqueraded entry "
         "is gone by itself: nothing is left for conntrack -D.",
         [WEB, MASQ, "h: ip route del default", "h: ip route add default via 203.0.113.1 metric 100", "h: ip addr add 169.254.7.7/16 dev vethweb",
          "h: ip route add default dev vethweb src 169.254.7.7 metric 50"],
         ask("web", "192.0.2.53:443", server="o"), dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"), cause("bridge", "route"), fix="must",
         fixed="h: ip route del default metric 50")

# Kubernetes: nodes as neighbours, the VPC's plugin.

NODES = """
namespace h n2 o p q
cable h/eth0 o/p1
cable n2/eth0 o/p2
o: ip link add lan type bridge
o: ip link set lan up
o: ip link set p1 master lan
o: ip link set p2 master lan
o: ip addr add 192.168.50.1/24 dev lan
o: sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=0
h: ip addr add 192.168.50.11/24 dev eth0
n2: ip addr add 192.168.50.12/24 dev eth0
h: ip route add default via 192.168.50.1
n2: ip route add default via 192.168.50.1
h: sysctl -qw net.ipv4.ip_forward=1
n2: sysctl -qw net.ipv4.ip_forward=1
h: ip link add cni0 type bridge
h: ip addr add 10.244.1.1/24 dev cni0
h: ip link set cni0 up
n2: ip link add cni0 type bridge
n2: ip addr add 10.244.2.1/24 dev cni0
n2: ip link set cni0 up
h: ip route add 10.244.2.0/24 via 192.168.50.12
n2: ip route add 10.244.1.0/24 via 192.168.50.11
cable p/eth0 h/vethp
cable q/eth0 n2/vethq
h: ip link set vethp master cni0
n2: ip link set vethq master cni0
p: ip addr add 10.244.1.11/24 dev eth0
q: ip addr add 10.244.2.11/24 dev eth0
p: ip route add default via 10.244.1.1
q: ip route add default via 10.244.2.1
h: iptables -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
n2: iptables -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
"""
TO_POD = ask("p", "10.244.2.11:80", server="q")
scenario("host-gw", "flannel host-gw: pods of two nodes, untranslated.", NODES, TO_POD, works(source="10.244.1.11"))
scenario("host-gw-route-back-lost", "The other node lost its route to our pods: its answer goes to the router. The route is missing there; pods are not hidden from each other.",
         [NODES, "n2: ip route del 10.244.1.0/24"], TO_POD, dies("back", "o", "ip_error", "IP_INNOROUTES", source="10.244.1.11"),
         cause("route", "nat"), fix="must", unlike="MASQUERADE", fixed="n2: ip route add 10.244.1.0/24 via 192.168.50.11")
# As kube-proxy and flannel write it: pods are hidden from nobody in the cluster, for rules in front return.
KUBE_MASQ = """h: iptables -t nat -F POSTROUTING
h: iptables -t nat -N KUBE-POSTROUTING
h: iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING
h: iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
h: iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE"""
BACK_LOST = "n2: ip route del 10.244.1.0/24"
scenario("host-gw-route-back-lost-and-forwarding-off", "Two faults of the other node: it does not forward, and has lost the way back.",
         [NODES, KUBE_MASQ, BACK_LOST, "n2: sysctl -qw net.ipv4.ip_forward=0", "o: sysctl -qw net.ipv4.ip_forward=0"], TO_POD,
         dies("out", "n2", "ip_error", "IP_INADDRERRORS"), sysctl("net.ipv4.ip_forward", 0), fix="must", unlike="MASQUERADE",
         fixed="n2: sysctl -qw net.ipv4.ip_forward=1\nn2: ip route add 10.244.1.0/24 via 192.168.50.11")
scenario("host-gw-node-renumbered", "Our route names an address that the other node does not have any more.",
         [NODES, "h: ip route replace 10.244.2.0/24 via 192.168.50.99"], TO_POD, dies("out", "h", "neigh_invalidate", "NEIGH_FAILED"),
         cause("neighbour", "route"), fix="must", fixed="h: ip route replace 10.244.2.0/24 via 192.168.50.12")

VPC = """
namespace h o
cable h/eth0 o/e0
cable h/eth1 o/e1
o: ip link add br0 type bridge
o: ip link set br0 up
o: ip link set e0 master br0
o: ip link set e1 master br0
o: ip addr add 10.0.0.1/24 dev br0
o: sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=0
h: ip addr add 10.0.0.10/24 dev eth0
h: ip route add default via 10.0.0.1
h: ip addr add 10.0.0.20/24 dev eth1 noprefixroute
h: ip route add 10.0.0.1 dev eth1 scope link table 2
h: ip route add default via 10.0.0.1 dev eth1 table 2
h: sysctl -qw net.ipv4.ip_forward=1
h: ip rule add from all to 10.0.0.21 lookup main pref 512
h: ip rule add from all to 10.0.0.22 lookup main pref 512
h: ip rule add from 10.0.0.21 lookup 2 pref 1536
""" + pod("a", "10.0.0.21", "eni1") + pod("b", "10.0.0.22", "eni2") + "h: sysctl -qw net.ipv4.conf.eni1.rp_filter=0 net.ipv4.conf.eni2.rp_filter=0\n"
BETWEEN = ask("a", "10.0.0.22:80", server="b")
scenario("vpc-pods-of-one-node", "AWS' plugin: a pod of the second interface asks a pod of the first on the same node.", VPC, BETWEEN, works(source="10.0.0.21"))
scenario("vpc-rule-to-the-pod-lost", "… the asked pod's own rule (512) is gone: the asker's table sends it out.",
         [VPC, "h: ip rule del to 10.0.0.22 pref 512"], BETWEEN, dies("out", "o", "neigh_invalidate", "NEIGH_FAILED"), fix="must",
         fixed="h: ip rule add to 10.0.0.22 lookup main pref 512")
