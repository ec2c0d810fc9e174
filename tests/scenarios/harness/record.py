"""Writes a scenario and what the kernel did with it as one text file (tests/cases tells what for).

The configuration is taken before the packet is sent, in the words of the tools. Counters, timers and
what the kernel has by default are left out, so that what matters can be read.
"""

import json
import os
import re
import subprocess

from . import compare, lab
from .scenario import Dies, Undecided

SYSCTLS = re.compile(
    r"net\.(ipv4\.(ip_forward|ip_default_ttl|icmp_echo_\w+|icmp_errors_\w+|fib_multipath_\w+|"
    r"conf\.[^.]+\.(forwarding|rp_filter|accept_local|route_localnet|src_valid_mark|arp_\w+|proxy_arp|"
    r"ignore_routes_with_linkdown|promote_secondaries))|"
    r"bridge\.\S+|netfilter\.nf_conntrack_(tcp_loose|tcp_be_liberal|checksum)) = ")
# What `ip -details` says of every link, word and value, and nobody asks for.
NOISE = re.compile(
    r" (?:(?:num[tr]xqueues|[gt]so_max_\w+|gro_max_size|allmulti|m(?:in|ax)mtu|hello_time|max_age|priority|\w+_timer|"
    r"bridge_id|designated_\w+|root_p\w+|topology_\w+|group_\w+|no_linklocal_learn|nf_call_(?:ip6|arp)tables|"
    r"mcast_(?!snooping|flood)\w+|cost|guard|root_block|fastleave|port_id|port_no|config_pending|proxy_arp_wifi|vlan_tunnel)"
    r" +\S+)")
DEFAULT_RULES = [["0:", "local"], ["32766:", "main"], ["32767:", "default"]]
TABLES_OF_IPTABLES = {"raw", "mangle", "nat", "filter", "security"}

_defaults = {}


def name_of(title):
    return re.sub(r"[/@]", "-", title) + ".case"


def take(ns, scenario):
    """{file in the case: text}: the configuration of every namespace of the scenario now."""
    at = scenario.question.get("at", "h")
    files = {}
    for name in ns.names:
        for file, text in _configuration(ns, name).items():
            files[f"{_called(name, at)}/{file}"] = _with_names(ns, at, text)
    return files


def write(directory, scenario, seen, files):
    """The case: story, question, what the kernel did, what is to blame, configuration."""
    at = scenario.question.get("at", "h")
    heading = f"{scenario.title}: {scenario.story}\nRecorded from Linux {os.uname().release.split('-')[0]}.\n"
    sections = {"question": _lines(_question(scenario.question, at)), "kernel": _lines(_truth(scenario, seen, at)),
                "why": _lines(_blame(scenario, at))} | files
    with open(os.path.join(directory, name_of(scenario.title)), "w", encoding="utf-8") as file:
        file.write(heading)
        for name, text in sections.items():
            file.write(f"\n-- {name} --\n{text}")


def _called(name, at):
    return "host" if name == at else name


def _with_names(ns, at, text):
    for name in ns.names:
        text = re.sub(rf"\b{re.escape(ns.real(name))}\b", _called(name, at), text)
    return text


def _lines(pairs):
    return "".join(f"{key} {value}\n" for key, value in pairs.items())


def _question(q, at):
    to = q["to"] if q["proto"] == "icmp" else f"{q['to']}:{q['dport']}"
    pairs = {"from": _called(q["sender"], at), "to": to, "proto": q["proto"]}
    return pairs | {key: q[key] for key in ("sport", "size") if q.get(key)} | ({"df": "yes"} if q.get("df") else {})


def _truth(scenario, seen, at):
    """What the packet really did; `end` is the place, the function and the reason with which it was freed."""
    if seen.works:
        return {"verdict": "delivered"} | ({"source": seen.source} if seen.source else {})
    pairs = {"verdict": "dropped", "direction": seen.direction}
    if isinstance(scenario.truth, Dies):
        freed = {(where, drop.function, drop.reason) for where, drop in seen.drops}
        claimed = compare.ends(scenario.truth, scenario.backend)
        end = next((one for one in claimed if one in freed), (scenario.truth.at,))
        pairs["end"] = " ".join([_called(end[0], at), *end[1:]])
    return pairs | ({"source": seen.source} if seen.arrived else {})


def _blame(scenario, at):
    """What the story says is the cause: the scenario's own remedy is the proof. Namespaces as the case calls them."""
    if isinstance(scenario.why, Undecided):
        return {"verdict": "undecided", "names": scenario.why.names}
    def told(key, value):
        if isinstance(value, tuple):
            return "|".join(told(key, one) for one in value)
        return _called(value, at) if key == "namespace" else value

    return {key: told(key, value) for key, value in (scenario.why or {}).items()}


# --- One namespace --------------------------------------------------------------------------------

def _configuration(ns, name):
    def output(command):
        result = ns.run(name, command)
        return result.stdout if result.returncode == 0 else ""

    links = output("ip -details addr show")
    files = {
        "ip-addr.txt": re.sub(r"\n *valid_lft forever.*", "", NOISE.sub("", links)),
        "ip-route.txt": _without_own_routes(output("ip -4 route show table all")),
        "ip-rule.txt": _without_default_rules(output("ip rule show")),
        "ip-nexthop.json": _unless_empty(output("ip -json nexthop show")),
        "ip-neigh.txt": output("ip -4 neigh show nud all | grep -v NOARP"),
        "bridge-fdb.txt": _without_own(output("bridge fdb show"), links),
        "bridge-vlan.txt": output("bridge vlan show") if "vlan_filtering 1" in links else "",
        "sysctl.txt": _changed_sysctls(output("sysctl -a 2>/dev/null"), "bridge_slave" in links),
        "iptables-legacy-save.txt": _without_remarks(output(
            "test -z \"$(cat /proc/thread-self/net/ip_tables_names)\" || iptables-legacy-save")),
        "iptables-save.txt": _without_remarks(output("iptables-nft-save")),
        "nft.json": _native_nft(output("nft -j list ruleset")),
        "ipset.txt": output("ipset save"),
        "conntrack.txt": output("conntrack -L -o extended 2>/dev/null | grep -v dst=224."),
        "ip-xfrm-policy.txt": output("ip xfrm policy"),
        "ss.txt": output("ss -Hlntu"),
    }
    rules = files["iptables-save.txt"] + files["iptables-legacy-save.txt"]
    if "QUEUE" in rules:
        files["nfqueue.txt"] = output("find /proc/net/netfilter/ -name nfnetlink_queue -exec cat {} +")
    if "TPROXY" in rules:
        files["ss-options.txt"] = output("ss -Hlntu --inet-sockopt")
    say_something_empty = ("ss.txt", "nfqueue.txt")
    return {file: _trimmed(text) for file, text in files.items() if text.strip() or file in say_something_empty}


def _trimmed(text):
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


def _without_own_routes(text):
    """Without the table local, if it is what the addresses make of it."""
    lines = text.splitlines()
    own = [line for line in lines if " table local" in line]
    if all("proto kernel" in line for line in own):
        lines = [line for line in lines if line not in own]
    return "".join(f"{line}\n" for line in lines)


def _unless_empty(text):
    return "" if text.strip() in ("[]", "[ ]") else text


def _without_default_rules(text):
    rules = [[line.split()[0], line.split()[-1]] for line in text.splitlines()]
    return "" if rules == DEFAULT_RULES else text


def _without_remarks(text):
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))


def _without_own(text, links):
    """The forwarding database without multicast and the ports' own addresses."""
    own = set(re.findall(r"link/ether (\S+)", links))
    return "".join(f"{line}\n" for line in text.splitlines()
                   if not line.startswith(("33:33:", "01:00:5e:")) and
                   not ("permanent" in line and line.split()[0] in own))


def _native_nft(text):
    """Nothing when every table is one of iptables'; else an object a line."""
    objects = json.loads(text or "{}").get("nftables", [])
    tables = [one["table"] for one in objects if "table" in one]
    if all(table["family"] == "ip" and table["name"] in TABLES_OF_IPTABLES for table in tables):
        return ""
    return '{"nftables": [\n' + ",\n".join(json.dumps(one) for one in objects) + "\n]}\n"


def _changed_sysctls(text, has_bridge):
    """What differs from a namespace that was only just made, devices from `default` in this one."""
    values = dict(line.split(" = ", 1) for line in text.splitlines() if SYSCTLS.match(line))
    if not _defaults:
        _defaults.update(_of_a_new_namespace())

    def matters(key, value):
        parts = key.split(".")
        if key in ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables"):
            return parts[1] == "ipv4" or has_bridge
        if key.endswith(".forwarding"):
            return value != values["net.ipv4.ip_forward"]
        if parts[2] == "conf" and parts[3] not in ("all", "default"):
            return value != values.get(f"net.ipv4.conf.default.{parts[-1]}")
        return value != _defaults.get(key)

    return "".join(f"{key} = {value}\n" for key, value in values.items() if matters(key, value))


def _of_a_new_namespace():
    result = subprocess.run(["unshare", "-n", "sh"], input=lab.BASE + "\nsysctl -a 2>/dev/null", text=True,
                            capture_output=True, check=True)
    return dict(line.split(" = ", 1) for line in result.stdout.splitlines() if " = " in line)
