"""The ends of a bridge: ports that are elsewhere, devices that do not answer, entries of its own MAC that are gone."""

from harness.scenario import RULES, ask, cause, dies, rule, scenario
from harness.topology import DOCKERED, NATTED, NO_CARRIER, PAIR, container

OUTSIDE = ask("c1", "198.51.100.1:80", server="o")
NEIGHBOUR = ask("c1", "10.1.0.3:80", server="c2")
FROM_OUTSIDE = ask("o", "198.51.100.10:8080", server="c1:80")
PUBLISH = "h: iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"
NOBODY = "02:00:00:00:00:99"
MUTE = dies("out", "c1", "neigh_invalidate", "NEIGH_FAILED", error="EHOSTUNREACH")

# The entry of the bridge's own MAC address is deleted, or was replaced.

scenario("entry-of-the-bridges-mac-deleted", "br0 has a port's MAC address, and the port's permanent fdb entry was deleted: "
         "what is for the host is flooded, and there is nowhere to flood to.",
         [NATTED, "h: bridge fdb del 02:77:00:00:00:67 dev vethc1 master"], OUTSIDE,
         dies("out", "h", "br_handle_frame_finish", "NO_TX_TARGET"), cause("bridge"),
         fixed="h: bridge fdb add 02:77:00:00:00:67 dev br0 self local")
scenario("entry-of-the-bridges-set-mac-deleted", "The same with a MAC address that was set on the bridge.",
         [NATTED, "h: ip link set br0 address 02:77:aa:00:00:01",
          "h: bridge fdb del 02:77:aa:00:00:01 dev br0 self || bridge fdb del 02:77:aa:00:00:01 dev br0 master"], OUTSIDE,
         dies("out", "h", "br_handle_frame_finish", "NO_TX_TARGET"), cause("bridge"),
         fixed="h: bridge fdb add 02:77:aa:00:00:01 dev br0 self local")
scenario("entry-of-the-bridges-mac-on-a-port", "A static entry leads the host's own MAC address to another container's port. It took the place of "
         "the bridge's own entry: with it deleted, the frame is flooded there.",
         [PAIR, "h: ip link set br0 address 02:77:aa:00:00:01", "h: bridge fdb replace 02:77:aa:00:00:01 dev vethc2 master static"],
         OUTSIDE, dies("out", "c2", "ip_rcv_core", "OTHERHOST"), cause("bridge"),
         fixed="h: bridge fdb replace 02:77:aa:00:00:01 dev br0 self local")

# The only container of its bridge: the bridge has no port left, and no carrier.

scenario("port-without-master-only-container", "The only container's veth lost its bridge, which now has no port.",
         [NATTED, "h: ip link set vethc1 nomaster", NO_CARRIER.format(device="br0")], OUTSIDE,
         dies("back", "h", "neigh_invalidate", "NEIGH_FAILED", source="198.51.100.10"), cause("bridge", "link", "device"), fix="must",
         unlike="ip route", fixed="h: ip link set vethc1 master br0")
scenario("port-without-master-docker-only-container", "The same with docker's rules, which know br0 only: the policy ends it, and it is not to blame.",
         [DOCKERED, "h: ip link set vethc1 nomaster"], OUTSIDE, dies("out", "h", RULES, "NETFILTER_DROP"),
         cause("bridge", "link", "device"), fix="must", unlike="DOCKER-USER", fixed="h: ip link set vethc1 master br0")
scenario("port-in-another-bridge-docker-only-container", "The only container's veth hangs on another bridge, with docker's rules.",
         [DOCKERED, "h: ip link add br9 type bridge; ip link set br9 up; ip link set vethc1 master br9"], OUTSIDE,
         dies("out", "h", RULES, "NETFILTER_DROP"), fix="must", fixed="h: ip link set vethc1 master br0")

# ARP is switched off.

for name, line in (("container", "c1: ip link set eth0 arp off"), ("bridge", "h: ip link set br0 arp off"), ("uplink", "h: ip link set eth0 arp off")):
    scenario(f"arp-off-{name}", "ARP is off on a device: it is the device that is to blame, and it is switched on again.",
             [NATTED, line], OUTSIDE,
             {"container": dies("out", "h", "br_handle_frame_finish", "NOT_SPECIFIED"), "bridge": MUTE,
              "uplink": dies("out", "o", "ip_rcv_core", "OTHERHOST")}[name],
             cause("device", "link", "neighbour", namespace=line[:line.index(":")]), fix="must", fixed=line.replace("arp off", "arp on"))

# Who hears what is not meant for it.

scenario("flood-off-with-a-third-container", "A bridge that forgets at once (ageing 0), and a port without flooding: a third container gets the frame.",
         [PAIR, container("c3", "10.1.0.4"), "h: bridge link set dev vethc2 flood off; ip link set br0 type bridge ageing_time 0"], NEIGHBOUR,
         dies("out", "c3", "ip_rcv_core", "OTHERHOST"), cause("bridge", namespace="h"), fix="must", fixed="h: bridge link set dev vethc2 flood on")
scenario("host-has-the-containers-address", "The host was given the container's address: it does not answer a question that seems to be its own.",
         [NATTED, "h: ip addr add 10.1.0.2/32 dev lo"], OUTSIDE, MUTE, cause("address", "route"), fix="must", fixed="h: ip addr del 10.1.0.2/32 dev lo")

# Two faults.

scenario("port-without-master-and-policy", "Two faults: no bridge, and a policy without accepts.",
         [NATTED, "h: ip link set vethc1 nomaster", "h: iptables -P FORWARD DROP"], OUTSIDE, dies("out", "h", RULES, "NETFILTER_DROP"), fix="must",
         fixed="h: ip link set vethc1 master br0\nh: iptables -P FORWARD ACCEPT")
scenario("wrong-neighbour-and-notrack", "Two faults: the client has a wrong MAC address of the host, and NOTRACK hides the published port.",
         [NATTED, PUBLISH, "h: iptables -t raw -A PREROUTING -i eth0 -j NOTRACK", f"o: ip neigh replace 198.51.100.10 lladdr {NOBODY} dev eth0 nud permanent"],
         FROM_OUTSIDE, dies("out", "h", "ip_rcv_core", "OTHERHOST"), cause("neighbour"), fix="must",
         fixed="h: iptables -t raw -F\no: ip neigh del 198.51.100.10 dev eth0")
scenario("gateway-mac-wrong-and-policy", "Two faults: the wrong MAC address is flooded to the neighbour's port, where the policy drops it; the policy would drop the way out, too.",
         [PAIR, f"c1: ip neigh replace 10.1.0.1 lladdr {NOBODY} dev eth0 nud permanent", "h: iptables -P FORWARD DROP"], OUTSIDE,
         dies("out", "h", RULES, "NETFILTER_DROP"), fix="must",
         fixed="c1: ip neigh del 10.1.0.1 dev eth0\nh: iptables -P FORWARD ACCEPT")
scenario("mangle-drop-and-accept-in-front-of-dnat", "Two faults: mangle drops, and behind it an ACCEPT stands in front of the published port.",
         [NATTED, "h: iptables -t nat -A PREROUTING -i eth0 -j ACCEPT", PUBLISH, "h: iptables -t mangle -A PREROUTING -i eth0 -p tcp -j DROP"],
         FROM_OUTSIDE, dies("out", "h", RULES, "NETFILTER_DROP"), rule("mangle", "PREROUTING", 1), fix="must",
         fixed="h: iptables -t mangle -F\nh: iptables -t nat -D PREROUTING 1")
