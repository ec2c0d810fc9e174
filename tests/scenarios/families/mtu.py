"""Packets that are too big for a device on the way."""

from harness.scenario import ask, cause, dies, scenario, works
from harness.topology import NATTED, PAIR


def big(size, df=False, sender="c1", to="198.51.100.1:53", server="o"):
    return ask(sender, to, server=server, proto="udp", size=size, df=df)


SMALL_UPLINK = [NATTED, "h: ip link set eth0 mtu 1400", "o: ip link set eth0 mtu 1400"]

scenario(
    "uplink-df",
    "The uplink has MTU 1400; a packet of 1450 bytes with DF dies in ip_forward, and the sender is told the size.",
    SMALL_UPLINK,
    big(1450, df=True),
    dies("out", "h", "ip_forward", "PKT_TOO_BIG", error="EMSGSIZE"),
    cause("mtu"),
    fixed="h: ip link set eth0 mtu 1500\no: ip link set eth0 mtu 1500",
)
scenario("uplink-no-df", "Without DF the host cuts it in two.", SMALL_UPLINK, big(1450), works(source="198.51.100.10"))
scenario("uplink-df-fits", "1400 bytes fit exactly.", SMALL_UPLINK, big(1400, df=True), works(source="198.51.100.10"))
scenario("uplink-small-tcp", "A SYN is small: the MTU does not show before there is data.", SMALL_UPLINK,
         ask("c1", "198.51.100.1:80", server="o"), works(source="198.51.100.10"))
scenario(
    "uplink-ping-df",
    "ping -M do -s 1422.",
    SMALL_UPLINK,
    ask("c1", "198.51.100.1", server="o", size=1450, df=True),
    dies("out", "h", "ip_forward", "PKT_TOO_BIG", error="EMSGSIZE"),
    cause("mtu"),
)
scenario(
    "route-mtu",
    "The device has 1500, the route has mtu 1300.",
    [NATTED, "h: ip route add 198.51.100.1/32 dev eth0 mtu 1300"],
    big(1450, df=True),
    dies("out", "h", "ip_forward", "PKT_TOO_BIG", error="EMSGSIZE"),
    cause("mtu"),
    fixed="h: ip route del 198.51.100.1/32 dev eth0",
)
scenario(
    "container-device",
    "The container's own device is too small: its stack refuses to send.",
    [NATTED, "c1: ip link set eth0 mtu 1400", "h: ip link set vethc1 mtu 1400"],
    big(1450, df=True),
    dies("out", "c1", error="EMSGSIZE"),
    cause("mtu"),
    fixed="c1: ip link set eth0 mtu 1500\nh: ip link set vethc1 mtu 1500",
)
scenario("container-device-no-df", "Without DF the container cuts it itself.",
         [NATTED, "c1: ip link set eth0 mtu 1400", "h: ip link set vethc1 mtu 1400"], big(1450),
         works(source="198.51.100.10"))
scenario(
    "peer-smaller",
    "The two ends of the container's veth differ: the host's end (1400) does not take what the container's (1500) sends. "
    "No message, DF or not.",
    [NATTED, "h: ip link set vethc1 mtu 1400"],
    big(1450),
    dies("out", "c1", "__dev_forward_skb2", "NOT_SPECIFIED", error="timeout"),
    cause("mtu"),
    fix="must",
    fixed="h: ip link set vethc1 mtu 1500",
)
scenario("peer-smaller-by-four", "Four bytes of difference are forgiven.",
         [NATTED, "h: ip link set vethc1 mtu 1446"], big(1450), works(source="198.51.100.10"))
scenario(
    "far-end-of-the-uplink-smaller",
    "The outside's end of the cable takes 1400 only.",
    [NATTED, "o: ip link set eth0 mtu 1400"],
    big(1450),
    dies("out", "h", "__dev_forward_skb2", "NOT_SPECIFIED"),
    cause("mtu"),
    fixed="o: ip link set eth0 mtu 1500",
)
scenario(
    "answer-too-big-for-the-bridge",
    "A ping comes in from a wide uplink; the answer fits, since it is the request that was too big for the container's "
    "side: the host says so to the outside.",
    [NATTED, "h: ip link set vethc1 mtu 1300", "c1: ip link set eth0 mtu 1300", "h: ip link set br0 mtu 1300",
     "o: ip route add 10.1.0.0/24 via 198.51.100.10"],
    ask("o", "10.1.0.2", server="c1", size=1450, df=True),
    dies("out", "h", "ip_forward", "PKT_TOO_BIG", error="EMSGSIZE"),
    cause("mtu"),
)
scenario(
    "bridged-df",
    "Bridged to a port with a smaller MTU, DF set: dropped by the bridge without a word.",
    [PAIR, "h: ip link set vethc2 mtu 1400", "c2: ip link set eth0 mtu 1400"],
    big(1450, df=True, to="10.1.0.3:53", server="c2"),
    dies("out", "h", "br_nf_dev_queue_xmit", "NOT_SPECIFIED", error="timeout"),
    cause("mtu"),
    fixed="h: ip link set vethc2 mtu 1500\nc2: ip link set eth0 mtu 1500",
)
scenario("bridged-no-df", "Without DF a bridge with bridge-nf-call-iptables=1 cuts it up, unlikely as it sounds.",
         [PAIR, "h: ip link set vethc2 mtu 1400", "c2: ip link set eth0 mtu 1400"],
         big(1450, to="10.1.0.3:53", server="c2"), works(source="10.1.0.2"))
scenario(
    "bridged-no-df-not-called",
    "With bridge-nf-call-iptables=0 a bridge is a bridge: too big is too big.",
    [PAIR, "h: ip link set vethc2 mtu 1400", "c2: ip link set eth0 mtu 1400",
     "h: sysctl -qw net.bridge.bridge-nf-call-iptables=0"],
    big(1450, to="10.1.0.3:53", server="c2"),
    dies("out", "h", "br_dev_queue_push_xmit", "NOT_SPECIFIED"),
    cause("mtu"),
    fixed="h: ip link set vethc2 mtu 1500\nc2: ip link set eth0 mtu 1500",
)
scenario(
    "frag-needed-is-dropped",
    "An over-careful host drops ICMP: the sender never learns the size, it just waits.",
    SMALL_UPLINK + ["h: iptables -A OUTPUT -p icmp -j DROP"],
    big(1450, df=True),
    dies("out", "h", "ip_forward", "PKT_TOO_BIG", error="timeout"),
    cause("mtu"),
)
scenario(
    "mss-clamp-does-not-help-udp",
    "TCPMSS --clamp-mss-to-pmtu is there, and UDP does not care.",
    SMALL_UPLINK + ["h: iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"],
    big(1450, df=True),
    dies("out", "h", "ip_forward", "PKT_TOO_BIG", error="EMSGSIZE"),
    cause("mtu"),
)
scenario(
    "uplink-no-df-small-answer",
    "The host's uplink is narrow and the other end's is not: the question is cut up, and a short answer fits.",
    [NATTED, "h: ip link set eth0 mtu 1000"],
    ask("c1", "198.51.100.1:53", server="o", proto="udp", size=1400),
    works(source="198.51.100.10"),
)
scenario(
    "other-end-narrower",
    "The host's uplink has 1500, the outside's end of it 1200: it is the other end that does not take it.",
    [NATTED, "o: ip link set eth0 mtu 1200"],
    big(1450),
    dies("out", "h", "__dev_forward_skb2", "NOT_SPECIFIED"),
    cause("mtu", namespace="o"),
    fix="must",
    fixed="o: ip link set eth0 mtu 1500",
)
scenario(
    "bridged-pieces-too-big",
    "A fragmented datagram without DF to a bridge port that is narrower than its pieces: br_netfilter does not cut them.",
    [PAIR, "h: ip link set vethc2 mtu 1000", "c2: ip link set eth0 mtu 1000"],
    big(3000, to="10.1.0.3:53", server="c2"),
    dies("out", "h"),
    cause("mtu"),
    fixed="h: ip link set vethc2 mtu 1500\nc2: ip link set eth0 mtu 1500",
)
for name, story, lines in (
    ("by-hand", "The bridge's MTU was set by hand: what is too big for the port is cut to the bridge's size, and still is.",
     "h: ip link set vethc2 mtu 1300\nh: ip link set br0 mtu 1500"),
    ("by-hand-between", "It was set to something between: the first piece is too big.",
     "h: ip link set vethc2 mtu 1300\nh: ip link set br0 mtu 1380"),
):
    scenario(f"bridged-no-df-{name}", story, [PAIR, lines], big(1390, to="10.1.0.3:53", server="c2"),
             dies("out", "h", "br_dev_queue_push_xmit", "NOT_SPECIFIED"), cause("mtu"), fixed="h: ip link set br0 mtu 1300")
