"""What rules look at in a packet of Linux: TCP options, length, TTL, DSCP, the way back, its sender."""

from harness.scenario import LEGACY, NFT, RULES, ask, cause, dies, rule, scenario, works
from harness.topology import NATTED, ONE

TCP = ask("c1", "198.51.100.1:80", server="o")
UDP = ask("c1", "198.51.100.1:53", server="o", proto="udp")
PING = ask("c1", "198.51.100.1", server="o")
OUT = "198.51.100.10"
BOTH = (NFT, LEGACY)
DROPPED = dies("out", "h", RULES, "NETFILTER_DROP")
LATE = dies("back", "h", RULES, "NETFILTER_DROP", source=OUT)
FIRST = rule("filter", "FORWARD", 1)


def dropped(name, story, line, question=TCP, truth=DROPPED, **more):
    scenario(name, story, [NATTED, "h: iptables -A FORWARD " + line + " -j DROP"], question, truth, FIRST, fix="must",
             **more)


def passes(name, story, line, question=TCP, setup=()):
    scenario(name, story, [NATTED, *setup, "h: iptables -A FORWARD " + line + " -j DROP"], question, works(source=OUT))


for name, option in (("mss", 2), ("window-scale", 3), ("sack-permitted", 4), ("timestamps", 8)):
    dropped(f"option-{name}", "A Linux SYN has this option.", f"-p tcp --tcp-option {option}", backends=BOTH)
passes("option-timestamps-asked-for", "Drops SYNs without timestamps: there are none.", "-p tcp --syn ! --tcp-option 8")
passes("option-timestamps-off", "tcp_timestamps is 0 in the container.", "-i br0 -p tcp --tcp-option 8",
       setup=["c1: sysctl -qw net.ipv4.tcp_timestamps=0"])
passes("option-timestamps-off-there", "... or where it asks: then the answer has none.", "-i eth0 -p tcp --tcp-option 8",
       setup=["o: sysctl -qw net.ipv4.tcp_timestamps=0"])
passes("option-sack-off", "tcp_sack is 0 in the container.", "-p tcp --tcp-option 4",
       setup=["c1: sysctl -qw net.ipv4.tcp_sack=0"])
passes("option-window-scale-off", "tcp_window_scaling is 0.", "-p tcp --tcp-option 3",
       setup=["c1: sysctl -qw net.ipv4.tcp_window_scaling=0"])
dropped("option-answer", "The SYN-ACK has timestamps.", "-i eth0 -p tcp --tcp-option 8", truth=LATE)
dropped("mss", "Its MSS is the device's MTU less 40.", "-p tcp --syn -m tcpmss --mss 1460", backends=BOTH)
passes("mss-small", "The container's MTU is 1400.", "-p tcp --syn -m tcpmss ! --mss 1360",
       setup=["c1: ip link set eth0 mtu 1400"])
dropped("length-syn", "A SYN of Linux is 60 bytes long.", "-p tcp --syn -m length --length 60", backends=BOTH)
passes("length-syn-short", "... and 52 without timestamps.", "-p tcp --syn -m length ! --length 52",
       setup=["c1: sysctl -qw net.ipv4.tcp_timestamps=0"])
dropped("length-more", "Whatever is longer than 1000 bytes is dropped.", "-m length --length 1001:65535", UDP | {"size": 1200})
dropped("ttl-below", "Behind the host's own hop the TTL is 63.", "-i br0 -m ttl --ttl-lt 64", PING)
passes("ttl-eq", "... and no longer 64.", "-i br0 -m ttl --ttl-eq 64", PING)
dropped("dscp", "Nothing marked it, so its DSCP is 0.", "-i br0 -m dscp --dscp 0", UDP)
passes("tos", "... and none of the TOS bits is set.", "-i br0 -m tos ! --tos 0x00/0xff", UDP)
dropped("pkttype", "A frame to the host itself is unicast.", "-i br0 -m pkttype --pkt-type unicast", PING)

RPF = "h: iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP"
scenario("rpfilter", "Everything comes from where an answer would go to.", [NATTED, RPF], TCP, works(source=OUT), backends=BOTH)
scenario(
    "rpfilter-drops",
    "The container has an address of another network, which the host does not know behind this bridge.",
    [ONE, "c1: ip addr add 10.9.0.2/32 dev lo", "c1: ip route replace default via 10.1.0.1 src 10.9.0.2",
     "h: sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.br0.rp_filter=0", RPF],
    TCP,
    dies("out", "h", RULES, "NETFILTER_DROP"),
    rule("raw", "PREROUTING", 1),
    fix="may",
    backends=BOTH,
)
scenario(
    "rpfilter-loose",
    "With --loose any route back will do, here the default route.",
    [ONE, "c1: ip addr add 10.9.0.2/32 dev lo", "c1: ip route replace default via 10.1.0.1 src 10.9.0.2",
     "o: ip route add 10.9.0.0/24 via 198.51.100.10", "h: ip route add 10.9.0.0/24 via 10.1.0.2",
     RPF.replace("--invert", "--loose --invert")],
    TCP,
    works(source="10.9.0.2"),
)

OWNER = "o: iptables -A OUTPUT -p icmp -m owner"
scenario("owner-echo-reply", "The kernel's own ICMP socket sends the echo reply.",
         [NATTED, OWNER + " --socket-exists -j DROP"], PING,
         dies("back", "o", RULES, "NETFILTER_DROP", source=OUT), rule("filter", "OUTPUT", 1), fix="must")
scenario("owner-echo-reply-has-one", "... so that it is not without one.", [NATTED, OWNER + " ! --socket-exists -j DROP"],
         PING, works(source=OUT))
scenario("owner-echo-reply-no-user", "But it is no user's.", [NATTED, OWNER + " --uid-owner 0 -j DROP"], PING,
         works(source=OUT))
scenario("owner-answer", "A SYN-ACK is sent by the listening socket.",
         [NATTED, "o: iptables -A OUTPUT -p tcp -m owner ! --socket-exists -j DROP"], TCP, works(source=OUT))

MANGLE = "h: iptables -t mangle -A PREROUTING -i br0 -j "
passes("stripped-option", "What TCPOPTSTRIP takes out is not there for the rules behind it.", "-i br0 -p tcp --tcp-option 8",
       setup=["h: iptables -t mangle -A PREROUTING -p tcp -j TCPOPTSTRIP --strip-options timestamp"])
passes("stripped-option-answer", "... nor does the answer have it then.", "-i eth0 -p tcp --tcp-option 4",
       setup=["h: iptables -t mangle -A PREROUTING -i br0 -p tcp -j TCPOPTSTRIP --strip-options sack-permitted"])
scenario("set-tos", "A TOS that was set is seen by the rules behind it.",
         [NATTED, MANGLE + "TOS --set-tos 0x10/0xf0", "h: iptables -A FORWARD -i br0 -m tos --tos 0x10/0xff -j DROP"], UDP,
         DROPPED, FIRST, fix="must", backends=BOTH)
scenario("set-dscp", "The same with a DSCP.",
         [NATTED, MANGLE + "DSCP --set-dscp 46", "h: iptables -A FORWARD -i br0 -m dscp --dscp 46 -j DROP"], UDP,
         DROPPED, FIRST, fix="must", backends=BOTH)
scenario("ttl-set-higher", "A TTL that was raised; the host takes one of it.",
         [NATTED, MANGLE + "TTL --ttl-inc 10", "h: iptables -A FORWARD -i br0 -m ttl --ttl-eq 73 -j DROP"], PING,
         DROPPED, FIRST, fix="must", backends=BOTH)
scenario("ttl-set-to-one", "Set to 1 it ends at the host: against tethering, this is done on purpose.",
         [NATTED, MANGLE + "TTL --ttl-set 1"], PING, dies("out", "h", "ip_forward", "IP_INHDR"), cause("ttl"), fix="may")
