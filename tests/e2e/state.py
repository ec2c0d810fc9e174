"""What a fault or a fix may change in a namespace, read before and put back after.

Sysctls, links (up, mtu, master), IPv4 addresses, rules and routes, and iptables rules. Restoring
compares and repairs, it does not know which fault was there: so it also takes back a fix that the
program under test invented. Order matters: writing ip_forward resets every device's forwarding,
and a link that goes down loses its routes.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

from machine import Machine, MachineError

# One shell script reads everything; NUL cannot occur in any of the outputs.
_READ = r"""
sysctl -a -r '^net\.(ipv4\.(ip_forward$|conf\.)|bridge\.)' 2>/dev/null; printf '\0'
ip -json link show; printf '\0'
ip -json -4 addr show; printf '\0'
ip -4 rule show; printf '\0'
ip -4 route show table all; printf '\0'
iptables-nft-save; printf '\0'
iptables-legacy-save
"""


@dataclass
class State:
    """One namespace's configuration; two of them compare equal when nothing changed."""

    sysctls: dict[str, str]
    links: dict[str, tuple[bool, int, str | None]]  # up, mtu, master
    addresses: set[tuple[str, str, str | None]]  # device, address/prefix, broadcast
    rules: set[str]
    routes: set[str]
    nft: dict[str, str]  # table -> its part of iptables-nft-save, without counters
    legacy: dict[str, str]  # the same of iptables-legacy-save


def read(machine: Machine, netns: str | None) -> State:
    """The namespace's configuration now."""
    sysctls, links, addresses, rules, routes, nft, legacy = \
        machine.run(_READ, netns).split("\0")
    return State(
        sysctls=dict(line.split(" = ", 1) for line in sysctls.splitlines()),
        links={link["ifname"]: ("UP" in link["flags"], link["mtu"], link.get("master"))
               for link in json.loads(links or "[]")},
        addresses={(link["ifname"], f"{one['local']}/{one['prefixlen']}", one.get("broadcast"))
                   for link in json.loads(addresses or "[]") for one in link["addr_info"]},
        rules=set(rules.splitlines()),
        # The local table follows the addresses; "linkdown" is a state, not a configuration.
        routes={re.sub(r" (linkdown|dead)\b", "", line).strip() for line in routes.splitlines()
                if "table local" not in line},
        nft=_tables(nft),
        legacy=_tables(legacy),
    )


def _tables(saved: str) -> dict[str, str]:
    """The tables that say something: one that was only looked at is no change."""
    text = re.sub(r" \[\d+:\d+\]$", "", saved, flags=re.MULTILINE)
    tables = dict(re.findall(r"^\*(\w+)\n(.*?)^COMMIT$", text, flags=re.MULTILINE | re.DOTALL))
    return {name: body for name, body in tables.items()
            if not all(re.fullmatch(r":[A-Z]+ ACCEPT", line) for line in body.splitlines())}


def restore(machine: Machine, netns: str | None, wanted: State) -> None:
    """Put the namespace back; raises MachineError when it does not become what it was."""
    def step(lines: list[str]) -> State:
        machine.try_run("\n".join(lines), netns)
        return read(machine, netns)

    now = read(machine, netns)
    if now == wanted:
        return
    now = step(_links(now, wanted))
    now = step(_addresses(now, wanted))
    now = step(_lines("rule", now.rules, wanted.rules) + _lines("route", now.routes, wanted.routes))
    now = step(_sysctls(now, wanted))
    now = step(_iptables("iptables-nft", now.nft, wanted.nft)
               + _iptables("iptables-legacy", now.legacy, wanted.legacy))
    if now != wanted:
        raise _difference(now, wanted)


def _links(now: State, wanted: State) -> list[str]:
    commands = []
    for device, (up, mtu, master) in wanted.links.items():
        if now.links.get(device) == (up, mtu, master):
            continue
        master_part = f"master {master}" if master else "nomaster"
        commands.append(f"ip link set dev {device} mtu {mtu} {master_part}")
        commands.append(f"ip link set dev {device} {'up' if up else 'down'}")
    return commands


def _addresses(now: State, wanted: State) -> list[str]:
    commands = [f"ip addr del {address} dev {device}"
                for device, address, _ in now.addresses - wanted.addresses]
    for device, address, broadcast in wanted.addresses - now.addresses:
        broadcast_part = f"broadcast {broadcast}" if broadcast else ""
        commands.append(f"ip addr add {address} {broadcast_part} dev {device}")
    return commands


def _lines(what: str, now: set[str], wanted: set[str]) -> list[str]:
    """Rules and routes are taken back, and given again, as the lines that ip prints."""
    def words(line: str) -> str:
        return shlex.join(re.sub(r"^(\d+):", r"pref \1", line).split())

    # A route on a link before one through a gateway, which needs the former.
    missing = sorted(wanted - now, key=lambda line: " via " in line)
    return [f"ip {what} del {words(line)}" for line in now - wanted] + \
           [f"ip {what} add {words(line)}" for line in missing]


def _sysctls(now: State, wanted: State) -> list[str]:
    changed = [key for key, value in wanted.sysctls.items() if now.sysctls.get(key) != value]
    if any(key.endswith("forward") or key.endswith(".forwarding") for key in changed):
        # ip_forward first: it overwrites the devices' forwarding, all of which then follow.
        changed = ["net.ipv4.ip_forward"] + changed + [
            key for key in wanted.sysctls
            if key.endswith(".forwarding") and key != "net.ipv4.conf.all.forwarding"]
    return [f"sysctl -qw {key}={shlex.quote(wanted.sysctls[key])}" for key in changed]


def _iptables(tool: str, now: dict[str, str], wanted: dict[str, str]) -> list[str]:
    commands = [f"{tool} -t {table} -F; {tool} -t {table} -X"
                for table in now.keys() - wanted.keys()]
    for table, body in wanted.items():
        if now.get(table) != body:
            commands.append(f"{tool}-restore <<'END'\n*{table}\n{body}COMMIT\nEND")
    return commands


def _difference(now: State, wanted: State) -> MachineError:
    parts = [f"{name}: is {getattr(now, name)!r}, was {value!r}"
             for name, value in vars(wanted).items() if getattr(now, name) != value]
    return MachineError("not restored: " + "; ".join(parts))
