"""What goes wrong on container hosts, as data: how it is broken, what a person who knows would do,
and what the program under test has to say.

Commands are (namespace, shell line); namespaces are `host`, a container's name, or the outside's.
Braces name facts of the engine in use ({bridge}, {subnet}, ...), which harness.py fills in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import outside

SERVER = f"{outside.SERVER}:80"
PUBLISHED = f"{outside.UPLINK}:8080"
Command = tuple[str, str]


@dataclass(frozen=True)
class Expected:
    """An answer. Where several kinds are listed, each is a true name for the same cause."""

    verdict: str
    direction: str | None = None
    kinds: tuple[str, ...] = ()
    cause: dict[str, object] = field(default_factory=dict)  # further members of the JSON's cause


def delivered() -> Expected:
    """The page comes."""
    return Expected("delivered")


def dropped(direction: str | None, *kinds: str, **cause: object) -> Expected:
    """The page does not come; without kinds, any cause whose fix works will do. Without a direction
    the request may get out or not: as long as a neighbour is remembered it does."""
    return Expected("dropped", direction, kinds, cause)


@dataclass(frozen=True)
class Fault:
    """One scenario. A broken one that still delivers looks wrong and is not."""

    name: str
    breaks: list[Command]
    expected: Expected
    repair: list[Command] = field(default_factory=list)  # needed when it is dropped
    source: str = "web"
    destination: str = SERVER
    works_before: bool = True
    needs_outside: bool = False  # the answer depends on the outside's own routes

    def __post_init__(self) -> None:
        if self.is_dropped and not self.repair:
            raise ValueError(f"{self.name}: nobody knows how to repair it")

    @property
    def is_dropped(self) -> bool:
        return self.expected.verdict == "dropped"


HEALTHY = Fault("nothing is wrong", [], delivered())

# The outside sends its answers back through the second uplink.
ASYMMETRIC: list[Command] = [
    (outside.NAME, f"ip route add {outside.UPLINK}/32 via 192.0.2.2 dev eth1")]


def common() -> list[Fault]:
    """Faults that any engine with a bridge, iptables and MASQUERADE can have."""
    return [HEALTHY, *_borrowed_networks(), *_sysctl_faults(), *_rule_faults(),
            *_route_faults(), *_link_faults()]


def _borrowed_networks() -> list[Fault]:
    """Containers without a network of their own: `guest` uses the host's, `sidecar` web's."""
    forwarding_off: list[Command] = [("host", "sysctl -w net.ipv4.ip_forward=0")]
    return [
        Fault("ip_forward is off, in the host's network", forwarding_off, delivered(),
              source="guest"),
        Fault("ip_forward is off, in another container's network", forwarding_off,
              dropped("out", "sysctl", key="net.ipv4.ip_forward", value="0"),
              [("host", "sysctl -w net.ipv4.ip_forward=1")], source="sidecar"),
    ]


def _sysctl_faults() -> list[Fault]:
    return [
        Fault("ip_forward is off",
              [("host", "sysctl -w net.ipv4.ip_forward=0")],
              dropped("out", "sysctl", key="net.ipv4.ip_forward", value="0"),
              [("host", "sysctl -w net.ipv4.ip_forward=1")]),
        Fault("the uplink does not forward: the answer dies",
              [("host", "sysctl -w net.ipv4.conf.eth0.forwarding=0")],
              dropped("back", "sysctl", key="net.ipv4.conf.eth0.forwarding", value="0"),
              [("host", "sysctl -w net.ipv4.conf.eth0.forwarding=1")]),
        Fault("the answer comes by the other uplink, rp_filter strict there",
              [*ASYMMETRIC, ("host", "sysctl -w net.ipv4.conf.eth1.rp_filter=1")],
              dropped("back", "sysctl", key="net.ipv4.conf.eth1.rp_filter", value="1"),
              [("host", "sysctl -w net.ipv4.conf.eth1.rp_filter=2")], needs_outside=True),
        Fault("the answer comes by the other uplink, all.rp_filter strict",
              [*ASYMMETRIC, ("host", "sysctl -w net.ipv4.conf.all.rp_filter=1")],
              dropped("back", "sysctl", key="net.ipv4.conf.all.rp_filter", value="1"),
              [("host", "sysctl -w net.ipv4.conf.eth1.rp_filter=2")], needs_outside=True),
        Fault("the answer comes by the other uplink, rp_filter loose",
              [*ASYMMETRIC, ("host", "sysctl -w net.ipv4.conf.all.rp_filter=2")],
              delivered(), needs_outside=True),
    ]


def _rule_faults() -> list[Fault]:
    return [
        Fault("FORWARD drops by policy",
              [("host", "iptables -P FORWARD DROP"), ("host", "iptables -F FORWARD")],
              dropped("out", "policy", table="filter", chain="FORWARD"),
              [("host", "iptables -A FORWARD -i {bridge} -o eth0 -j ACCEPT"),
               ("host", "iptables -A FORWARD -i eth0 -o {bridge}"
                        " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")]),
        Fault("FORWARD lets the request through and drops the answer",
              [("host", "iptables -I FORWARD -i eth0 -m conntrack --ctstate ESTABLISHED -j DROP")],
              dropped("back", "rule", table="filter", chain="FORWARD", number=1),
              [("host", "iptables -D FORWARD 1")]),
        Fault("MASQUERADE is missing",
              [("host", "{remove_masquerade}")],
              dropped("back", "nat"),
              [("host", "iptables -t nat -A POSTROUTING -s {subnet} ! -d {subnet}"
                        " -j MASQUERADE")]),
        Fault("SNAT to an address that nobody owns",
              [("host", "iptables -t nat -I POSTROUTING -o eth0 -s {subnet}"
                        " -j SNAT --to-source 198.51.100.77")],
              dropped("back", "nat", "address"),
              [("host", "iptables -t nat -D POSTROUTING 1")]),
        Fault("the other iptables has a rule, too",
              [("host", "iptables-{other} -I FORWARD -s {subnet} -j DROP")],
              dropped("out", "rule", table="filter", chain="FORWARD", number=1),
              [("host", "iptables-{other} -D FORWARD 1")]),
        Fault("raw PREROUTING drops the container",
              [("host", "iptables -t raw -I PREROUTING -i {bridge} -p tcp --dport 80 -j DROP")],
              dropped("out", "rule", table="raw", chain="PREROUTING", number=1),
              [("host", "iptables -t raw -D PREROUTING 1")]),
    ]


def _route_faults() -> list[Fault]:
    return [
        Fault("the container has no default route",
              [("web", "ip route del default")],
              dropped("out", "route"),
              [("web", "ip route add default via {gateway}")]),
        Fault("the container's default route names a gateway that is not there",
              [("web", "ip route replace default via {nobody}")],
              dropped("out", "route", "neighbour"),
              [("web", "ip route replace default via {gateway}")]),
        Fault("the host has no default route",
              [("host", "ip route del default")],
              dropped("out", "route"),
              [("host", f"ip route add default via {outside.GATEWAY}")]),
        Fault("a blackhole rule for the containers",
              [("host", "ip rule add pref 100 from {subnet} blackhole")],
              dropped("out", "route", "rule"),
              [("host", "ip rule del pref 100")]),
    ]


def _link_faults() -> list[Fault]:
    return [
        Fault("the bridge lost its address",
              [("host", "ip -4 addr flush dev {bridge}")],
              dropped(None),
              [("host", "ip addr add {gateway}/16 dev {bridge}")]),
        Fault("the container's veth is in no bridge",
              [("host", "ip link set {veth} nomaster")],
              dropped(None),
              [("host", "ip link set {veth} master {bridge}")]),
        Fault("the container's veth is down",
              [("host", "ip link set {veth} down")],
              dropped("out"),
              [("host", "ip link set {veth} up")]),
        Fault("the container's own eth0 is down, and its routes are gone",
              [("web", "ip link set eth0 down")],
              dropped("out"),
              [("web", "ip link set eth0 up"), ("web", "ip route add default via {gateway}")]),
    ]
