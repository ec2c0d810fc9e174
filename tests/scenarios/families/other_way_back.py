"""The answer leaves the host by another device than the question came in by: the host's route is to blame, whoever ends it."""

from harness.scenario import RULES, ask, cause, dies, rule, scenario, works
from harness.topology import NATTED, VPN

PUBLISH = "h: iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80"
# A client `cl` of the Internet is behind the outside's router.
CLIENT = """
namespace cl
cable cl/eth0 o/cl
o: ip addr add {0}.1/24 dev cl
o: sysctl -qw net.ipv4.ip_forward=1
cl: ip addr add {0}.9/24 dev eth0
cl: ip route add default via {0}.1
"""
FAR = CLIENT.format("203.0.113")
DEF1 = "h: ip route add 0.0.0.0/1 via 10.8.0.1\nh: ip route add 128.0.0.0/1 via 10.8.0.1"
PUBLISHED = ask("cl", "198.51.100.10:8080", server="c1:80")
OWN_TABLE = "h: ip route add default via 198.51.100.1 table 100\nh: ip rule add from {} table 100 pref 100"
IN_THE_TUNNEL = dies("back", "v", "ip_error", "IP_INADDRERRORS")
ROUTE = cause("route", namespace="h")

scenario("def1-published", "OpenVPN's redirect-gateway def1 (0/1 and 128/1): the answer of a published port goes into the tunnel.",
         [NATTED, PUBLISH, VPN, FAR, DEF1], PUBLISHED, IN_THE_TUNNEL, ROUTE, fix="must", unlike="-t nat", fixed=OWN_TABLE.format("10.1.0.2"))
scenario("def1-ssh-of-the-host", "The same of the host's own ssh.", [NATTED, VPN, FAR, DEF1], ask("cl", "198.51.100.10:22", server="h"),
         IN_THE_TUNNEL, ROUTE, fix="must", unlike="-t nat", fixed=OWN_TABLE.format("198.51.100.10"))
scenario("def1-udp-of-the-host", "The same of its DNS server.", [NATTED, VPN, FAR, DEF1],
         ask("cl", "198.51.100.10:53", server="h", proto="udp"), IN_THE_TUNNEL, ROUTE, fix="must", unlike="-t nat",
         fixed=OWN_TABLE.format("198.51.100.10"), may_hesitate=True)
scenario("def1-ping-of-the-host", "The same of a ping.", [NATTED, VPN, FAR, DEF1], ask("cl", "198.51.100.10", server="h", proto="icmp"),
         IN_THE_TUNNEL, ROUTE, fix="must", unlike="-t nat", fixed=OWN_TABLE.format("198.51.100.10"))
scenario("def1-from-a-private-network", "The client is in a private network behind the host's router.",
         [NATTED, PUBLISH, VPN, CLIENT.format("192.168.2"), DEF1], PUBLISHED, dies("back", "v", "ip_error", "IP_INADDRERRORS"), cause("route"),
         unlike="-t nat", fixed=OWN_TABLE.format("10.1.0.2"))
scenario("default-moved-to-the-vpn", "The default route itself was replaced by the VPN's.",
         [NATTED, PUBLISH, VPN, FAR, "h: ip route replace default via 10.8.0.1"], PUBLISHED, IN_THE_TUNNEL, ROUTE, fix="must",
         unlike="-t nat", fixed=OWN_TABLE.format("10.1.0.2"))

# A second uplink with a table of its own: its rule knows the host's address, not the container's.

TWO_NICS = """
cable h/eth1 o/eth1
o: ip addr add 192.0.2.1/24 dev eth1
h: ip addr add 192.0.2.10/24 dev eth1
h: ip rule add from 192.0.2.10 lookup 200 pref 200
h: ip route add default via 192.0.2.1 dev eth1 table 200
h: ip route add 192.0.2.0/24 dev eth1 table 200
"""
BY_MARK = """h: iptables -t mangle -A PREROUTING -i eth1 -m conntrack --ctstate NEW -j CONNMARK --set-mark 2
h: iptables -t mangle -A PREROUTING -i br0 -m connmark --mark 2 -j CONNMARK --restore-mark
h: ip rule add fwmark 2 lookup 200 pref 199"""
SECOND = ask("cl", "192.0.2.10:8080", server="c1:80")
scenario("second-uplink-source-check", "A port asked at the second uplink's address: the container's answer leaves by the first, and the network there "
         "checks sources. Nobody changes a provider's router.",
         [NATTED, PUBLISH, TWO_NICS, FAR, "o: sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth1.rp_filter=1"], SECOND,
         dies("back", "h", "neigh_invalidate", "NEIGH_FAILED"), ROUTE, fix="must", unlike="rp_filter", fixed=BY_MARK)
scenario("second-uplink-source-check-by-rules", "The same, and a rule drops foreign sources there.",
         [NATTED, PUBLISH, TWO_NICS, FAR, "o: iptables -A FORWARD -i eth0 ! -s 198.51.100.0/24 -j DROP"], SECOND,
         dies("back", "o", RULES, "NETFILTER_DROP"), ROUTE, fix="must", unlike="FORWARD", fixed=BY_MARK)
scenario("second-uplink-no-source-check", "Without a check it works.", [NATTED, PUBLISH, TWO_NICS, FAR], SECOND, works(source="203.0.113.9"))

# Marks of connections lead the answers out as the questions came; one line of them is wrong.

OTHERS_CHECK = "o: iptables -A FORWARD -i eth0 ! -s 198.51.100.0/24 -j DROP\no: iptables -A FORWARD -i eth1 ! -s 192.0.2.0/24 -j DROP"
SET, RESTORE, BY_THE_MARK = BY_MARK.split("\n")
RESTORE = RESTORE.replace("-m connmark --mark 2 ", "")
MARKED = [NATTED, PUBLISH, TWO_NICS, FAR, OTHERS_CHECK]
scenario("marks-whole", "All three lines: the answer leaves by the second uplink.", [*MARKED, SET, RESTORE, BY_THE_MARK], SECOND,
         works(source="203.0.113.9"))
scenario("marks-whole-first-uplink", "And by the first who asks there.", [*MARKED, SET, RESTORE, BY_THE_MARK], PUBLISHED,
         works(source="203.0.113.9"))
LOST_MARK = dies("back", "o", RULES, "NETFILTER_DROP")
for name, lines, why, like, fixed in (
        ("not-restored", [SET, BY_THE_MARK], ROUTE, "-t mangle -A PREROUTING -i br0 -j CONNMARK --restore-mark", RESTORE),
        ("restored-for-another-bridge", [SET, RESTORE.replace("br0", "docker0"), BY_THE_MARK], rule("mangle", "PREROUTING", 2),
         "-t mangle -A PREROUTING -i br0 -j CONNMARK --restore-mark", RESTORE),
        ("of-another-value", [SET.replace("set-mark 2", "set-mark 0x200"), RESTORE, BY_THE_MARK], ROUTE,
         "ip rule add fwmark 0x200 lookup 200", "h: ip rule add fwmark 0x200 lookup 200 pref 198"),
        ("asked-behind-main", [SET, RESTORE, BY_THE_MARK.replace("pref 199", "pref 40000")], ROUTE,
         "ip rule add fwmark 0x2 lookup 200", BY_THE_MARK),
        ("not-set", [RESTORE, BY_THE_MARK], ROUTE, "-j CONNMARK --set-xmark 0x2", SET)):
    scenario(f"marks-{name}", "One of the lines is wrong. A rule for the container's answers would take those of the first uplink along.",
             [*MARKED, *lines], SECOND, LOST_MARK, why, fix="must", unlike="sport", like=like, fixed=fixed)
