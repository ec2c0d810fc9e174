#!/usr/bin/env python3
"""What people paste into tickets: every form of a listing is read, or refused with its place.

    tests/host/pasted_test.py build/dev/wayout
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

WAYOUT = ""

ADDR = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    inet 127.0.0.1/8 scope host lo
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
    inet 192.168.1.10/24 brd 192.168.1.255 scope global eth0
3: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0
5: veth12@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master docker0 state UP
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0
"""
ROUTE = """\
default via 192.168.1.1 dev eth0
172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1
192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.10
"""
BRIEF = """\
lo               UNKNOWN        127.0.0.1/8 ::1/128
eth0             UP             192.168.1.10/24 metric 100 fe80::1/64
docker0          DOWN           172.17.0.1/16
"""
HOST = {"ip-addr.txt": ADDR, "ip-route.txt": ROUTE}
FORWARDS = HOST | {"sysctl.txt": "net.ipv4.ip_forward = 1\n"}
NAT = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
"""
CHAINS = """\
{0} INPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination

{0} FORWARD (policy DROP 12 packets, 720 bytes)
 pkts bytes target     prot opt in     out     source               destination
    0     0 ACCEPT     all  --  docker0 !docker0  0.0.0.0/0            0.0.0.0/0
    0     0 ACCEPT     all  --  *      docker0  0.0.0.0/0            0.0.0.0/0

{0} OUTPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
""".format("Chain")
NAT_CHAINS = """\
Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination

Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination

Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination

Chain POSTROUTING (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
    0     0 MASQUERADE  all  --  *      !docker0  172.17.0.0/16        0.0.0.0/0
"""
LISTED = """\
-P INPUT ACCEPT
-P FORWARD {}
-P OUTPUT ACCEPT
"""
NAT_LISTED = """\
-P PREROUTING ACCEPT
-P INPUT ACCEPT
-P OUTPUT ACCEPT
-P POSTROUTING ACCEPT
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
"""
DENIED = "iptables v1.8.9 (legacy): can't initialize iptables table `nat': Permission denied (you must be root)\n"
NFT_DROPS = """\
table inet filter {
	chain output {
		type filter hook output priority filter; policy drop;
	}
}
"""
NFT_ACCEPTS = """\
table inet filter { # handle 4
	comment "drop { all"
	set dns {
		type ipv4_addr
		elements = { 9.9.9.9,
			     8.8.4.4 }
	}
	map ports {
		type inet_service : verdict
		elements = { 22 : accept, 80 : jump web }
	}
	chain web {
		tcp dport { 80, 443, 8080,
			    8443 } counter packets 0 bytes 0 accept comment "drop; {"
	}
	chain output {
		type filter hook output priority filter - 10; policy accept;
		ct state vmap { established : accept, related : accept }
		tcp dport vmap @ports
		ip daddr @dns limit rate 5/second log prefix "reject " accept # handle 7
	}
}
"""
NFT_MANAGED = """\
# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter {
	chain OUTPUT {
		type filter hook output priority filter; policy accept;
		 counter packets 0 bytes 0 drop
	}
}
"""
BLOCKS = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m set --match-set bad dst -j DROP
COMMIT
"""
ENTRY = ("ipv4     2 tcp      6 431999 ESTABLISHED src=172.17.0.2 dst=8.8.8.8 sport=5000 dport=443 "
         "src=8.8.8.8 dst=172.17.0.2 sport=443 dport=5000 [ASSURED] mark=0 use=1\n")
SAVE = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
PROMPT = "root@web1:~# "


def coloured(text: str) -> str:
    return text.replace("eth0", "\x1b[36meth0\x1b[0m").replace("192.", "\x1b[1;35m192.")


def block(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def cited(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.splitlines())


# What is asked, of which files, the exit status, and what the answer or the complaint contains.
HOST_ASKS = ("host", "8.8.8.8")
BOX_ASKS = ("172.17.0.2", "8.8.8.8")
SELF = ("host", "192.168.1.10:80")
LISTENS = "tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      1/web\n"
CASES = {
    # nft without its JSON
    "nft: a policy that drops": (HOST_ASKS, HOST | {"nft.txt": NFT_DROPS}, 3,
                                 "nft chain inet filter output (hook output, priority 0, policy drop)"),
    "nft: nothing but accept": (HOST_ASKS, HOST | {"nft.txt": NFT_ACCEPTS}, 0, "delivered"),
    "nft: a verdict of a map": (
        HOST_ASKS, HOST | {"nft.txt": NFT_ACCEPTS.replace("22 : accept", "22 : drop")}, 3,
        "nft chain inet filter output (hook output, priority -10)"),
    "nft: in a chain that is jumped to": (
        HOST_ASKS, HOST | {"nft.txt": NFT_ACCEPTS.replace("0 bytes 0 accept", "0 bytes 0 reject")},
        3, "priority -10"),
    "nft: a priority by number": (
        HOST_ASKS, HOST | {"nft.txt": NFT_DROPS.replace("priority filter", "priority -150")}, 3,
        "priority -150"),
    "nft: dormant": (HOST_ASKS,
                     HOST | {"nft.txt": NFT_DROPS.replace("{\n\tchain", "{\n\tflags dormant\n\tchain")},
                     0, "delivered"),
    "nft: of IPv6": (HOST_ASKS, HOST | {"nft.txt": NFT_DROPS.replace("inet", "ip6")}, 0, "delivered"),
    "nft: on a device": (
        HOST_ASKS, HOST | {"nft.txt": 'table netdev t {\n chain e {\n type filter hook egress '
                           'devices = { "eth0", lo } priority 0; policy drop;\n }\n}\n'}, 3,
        "nft chain netdev t e (hook egress, device eth0 lo, priority 0, policy drop)"),
    "nft: iptables' own, which were read": (
        HOST_ASKS, HOST | {"nft.txt": NFT_MANAGED, "iptables-save.txt": SAVE}, 0, "delivered"),
    "nft: iptables' own, which were not read": (HOST_ASKS, HOST | {"nft.txt": NFT_MANAGED}, 3,
                                                "nft chain ip filter OUTPUT"),
    "nft: with a prompt": (HOST_ASKS, HOST | {"nft.txt": f"{PROMPT}nft list ruleset\n" + NFT_DROPS}, 3,
                           "nft chain inet filter output"),
    "nft: no such command": (HOST_ASKS, HOST | {"nft.txt": "bash: nft: command not found\n"}, 2,
                             "nft.txt:1:1: expected a line like"),
    "nft: cut short": (HOST_ASKS, HOST | {"nft.txt": NFT_DROPS[:60]}, 2, "nft.txt:"),
    # sockets
    "ss -tlnp": (SELF, HOST | {"ss.txt": "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
                               "LISTEN 0      128          0.0.0.0:80        0.0.0.0:*\n"}, 0, "delivered"),
    "ss -tln, nothing there": (SELF, HOST | {"ss.txt": "State Recv-Q Send-Q Local Address:Port Peer\n"
                                             "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"}, 1,
                               "nothing listens there"),
    "ss -tln says nothing of udp": (
        (*SELF, "--proto", "udp"), HOST | {"ss.txt": "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"}, 0,
        "any UDP port may be listened on"),
    "ss -t shows connections": (SELF, HOST | {"ss.txt": "State Recv-Q Send-Q Local Address:Port Peer\n"
                                              "ESTAB 0 0 192.168.1.10:22 192.168.1.9:5022\n"}, 0,
                                "any port may be listened on"),
    "netstat -tlnp": (SELF, HOST | {"ss.txt": "Active Internet connections (only servers)\nProto Recv-Q "
                                    "Send-Q Local Address Foreign Address State PID/Program name\n"
                                    + LISTENS}, 0, "delivered"),
    "netstat -tlnp, IPv6": (SELF, HOST | {"ss.txt": "tcp6 0 0 :::80 :::* LISTEN -\n"}, 0,
                            "netstat does not say it"),
    "netstat -tlnp, nothing there": (SELF, HOST | {"ss.txt": LISTENS.replace(":80", ":81")}, 1,
                                     "nothing listens there"),
    "ss: no such command": (SELF, HOST | {"ss.txt": "bash: ss: command not found\n"}, 2,
                            "ss.txt:1:1: expected a line of `ss -lntu`"),
    "ss -s": (SELF, HOST | {"ss.txt": "Total: 27\nTCP: 5\n"}, 2, "ss.txt:1:1"),
    # addresses
    "ip -br addr": (HOST_ASKS, HOST | {"ip-addr.txt": BRIEF}, 0, "delivered"),
    "ip -br addr, ports unknown": (("host", "172.17.0.2"),
                                   HOST | {"ip-addr.txt": BRIEF.replace("DOWN", "UP  ")}, 3,
                                   "the ports of docker0"),
    "ip -br link and addr": (
        HOST_ASKS, HOST | {"ip-addr.txt": BRIEF, "ip-link.txt":
                           "lo UNKNOWN 00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>\n"
                           "eth0 UP 02:fc:00:00:00:01 <BROADCAST,MULTICAST,UP,LOWER_UP>\n"
                           "docker0 DOWN 02:fc:00:00:00:02 <NO-CARRIER,BROADCAST,MULTICAST,UP>\n"},
        0, "delivered"),
    "ip addr with prompts": (HOST_ASKS, HOST | {"ip-addr.txt": f"{PROMPT}ip a\n{ADDR}{PROMPT}\n"}, 0,
                             "delivered"),
    "ip addr without indentation": (
        HOST_ASKS, HOST | {"ip-addr.txt": "".join(f"{l.strip()}\n" for l in ADDR.splitlines())}, 0,
        "delivered"),
    "ip -c addr": (HOST_ASKS, {name: coloured(text) for name, text in HOST.items()}, 0, "delivered"),
    "cited": (HOST_ASKS, {name: cited(text) for name, text in FORWARDS.items()}, 0, "delivered"),
    "ip: no such command": (HOST_ASKS, HOST | {"ip-addr.txt": "bash: ip: command not found\n"}, 2,
                            "ip-addr.txt:1:1: expected a line like"),
    "ip addr behind the devices": (
        HOST_ASKS, HOST | {"ip-link.txt": ADDR, "ip-addr.txt": "bash: ip: command not found\n"}, 2,
        "ip-addr.txt:1:1: expected a line like"),
    "ip addr in UTF-16": (HOST_ASKS, HOST | {"ip-addr.txt": ADDR.encode("utf-16")}, 2,
                          "ip-addr.txt:1:1: is UTF-16"),
    "ip addr, bytes": (HOST_ASKS, HOST | {"ip-addr.txt": bytes(range(200, 256)) * 4 + b"\n"}, 2,
                       "ip-addr.txt:1:1"),
    "ip addr, empty": (HOST_ASKS, HOST | {"ip-addr.txt": ""}, 2, "ip-addr.txt:1:1: shows no device"),
    "ip addr, null": (HOST_ASKS, {"ip-addr.json": "null"}, 2, "ip-addr.json:1:1"),
    "bridge vlan, bytes": (HOST_ASKS, HOST | {"bridge-vlan.json": b"\x00\xff\x01"}, 2,
                           "bridge-vlan.json:1:1: is no text"),
    "bridge vlan, another text": (HOST_ASKS, HOST | {"bridge-vlan.json": "bash: bridge: not found\n"},
                                  2, "bridge-vlan.json:1:7"),
    "ip neigh, another text": (HOST_ASKS, HOST | {"ip-neigh.txt": "10.0.0.1 at somewhere\n"}, 2,
                               "ip-neigh.txt:1:13: expected a line like"),
    "sysctl, partly cited": (HOST_ASKS, HOST | {"sysctl.txt": "net.ipv4.ip_forward = 1\n"
                                                "> net.ipv4.ip_default_ttl = 3\n"}, 2, "sysctl.txt:2:1"),
    "ip xfrm policy, another text": (HOST_ASKS, HOST | {"ip-xfrm-policy.txt": "oops\n"}, 2,
                                     "ip-xfrm-policy.txt:1:1"),
    "ip_vs, another text": (HOST_ASKS, HOST | {"ip-vs.txt": "cat: no such file\n"}, 2, "ip-vs.txt:1:1"),
    # rules
    "iptables -nvL, twice": (
        BOX_ASKS, FORWARDS | {"iptables-nvL.txt": f"{PROMPT}iptables -nvL\n{CHAINS}{PROMPT}iptables -t "
                              f"nat -nvL\n{NAT_CHAINS}{PROMPT}\n"}, 0, "delivered"),
    "iptables -nvL with a heading": (
        BOX_ASKS, FORWARDS | {"iptables-nvL.txt": f"# iptables -t filter -nvL\n{CHAINS}# iptables -t nat "
                              f"-nvL\n{NAT_CHAINS}"}, 0, "delivered"),
    "iptables -S, twice": (
        HOST_ASKS, HOST | {"iptables-S.txt": f"[root@nat ~]# iptables -S\n{LISTED.format('DROP')}"
                           "[root@nat ~]# \n"}, 0, "delivered"),
    "iptables-save with a prompt": (HOST_ASKS, HOST | {"iptables-save.txt":
                                                       f"{PROMPT}iptables-save\n{SAVE}{PROMPT}\n"},
                                    0, "delivered"),
    "iptables -S beside a legacy save": (
        BOX_ASKS, FORWARDS | {"iptables-legacy-save.txt": SAVE + NAT,
                              "iptables-S.txt": LISTED.format("DROP")}, 1, "-P FORWARD DROP"),
    "iptables -S beside a save": (
        HOST_ASKS, HOST | {"iptables-save.txt": SAVE, "iptables-S.txt": LISTED.format("DROP")}, 0,
        "iptables-S.txt says nothing that is not in the other listings"),
    "a comment over two lines": (
        BOX_ASKS, FORWARDS | {"iptables-save.txt": SAVE.replace(
            "COMMIT", '-A FORWARD -m comment --comment "one\ntwo" -j DROP\nCOMMIT')}, 1, "-j DROP"),
    # tables that a listing does not show
    "iptables -S without nat": (BOX_ASKS, FORWARDS | {"iptables-S.txt": LISTED.format("ACCEPT")}, 3,
                                "the table nat of iptables, which is not shown"),
    "iptables -nvL without nat": (BOX_ASKS, FORWARDS | {"iptables-nvL.txt": CHAINS}, 3,
                                  "the table nat of iptables, which is not shown"),
    "iptables -S without nat, and dropped before": (
        BOX_ASKS, FORWARDS | {"iptables-S.txt": LISTED.format("DROP")}, 1, "-P FORWARD DROP"),
    "iptables -S without nat, to a published port": (
        ("172.17.0.2", "192.168.1.10:80"), FORWARDS | {"iptables-S.txt": LISTED.format("ACCEPT")}, 3,
        "the table nat of iptables, which is not shown"),
    "iptables -t nat -S alone": (
        BOX_ASKS, FORWARDS | {"iptables-S.txt": NAT_LISTED}, 3,
        "the table filter of iptables, which is not shown"),
    "iptables -S, and nat by -L": (
        BOX_ASKS, FORWARDS | {"iptables-S.txt": LISTED.format("ACCEPT"), "iptables-nvL.txt": NAT_CHAINS},
        0, "not shown, and taken as empty: the tables raw, mangle, security"),
    "iptables -S beside a save without nat": (
        BOX_ASKS, FORWARDS | {"iptables-save.txt": SAVE, "iptables-S.txt": LISTED.format("ACCEPT")}, 1,
        "nothing translates the source"),
    "iptables -S is empty": (BOX_ASKS, FORWARDS | {"iptables-S.txt": ""}, 2,
                             "iptables-S.txt:1:1: is empty"),
    "iptables -nvL is empty": (BOX_ASKS, FORWARDS | {"iptables-nvL.txt": "\n"}, 2,
                               "iptables-nvL.txt:1:1: is empty"),
    "iptables-save is empty": (BOX_ASKS, FORWARDS | {"iptables-save.txt": ""}, 1,
                               "no iptables rules: iptables-save.txt is empty"),
    "iptables-save is empty, -S is not": (
        BOX_ASKS, FORWARDS | {"iptables-save.txt": "", "iptables-S.txt": LISTED.format("DROP")}, 1,
        "-P FORWARD DROP"),
    "iptables -S, then an error": (
        BOX_ASKS, FORWARDS | {"iptables-S.txt": f"{LISTED.format('ACCEPT')}# iptables -t nat -S\n{DENIED}"}, 2,
        "iptables-S.txt:5:1: neither a rule nor a heading"),
    "iptables -nvL, then an error": (
        BOX_ASKS, FORWARDS | {"iptables-nvL.txt": f"{CHAINS}\n{DENIED}"}, 2,
        "iptables-nvL.txt:12:1: neither a chain nor a heading"),
    "iptables -nvL behind other words": (
        BOX_ASKS, FORWARDS | {"iptables-nvL.txt": f"hello\n{CHAINS}{NAT_CHAINS}"}, 2,
        "iptables-nvL.txt:1:1: neither a chain nor a heading"),
    "iptables -nvL with a warning": (
        BOX_ASKS, FORWARDS | {"iptables-nvL.txt": "# Warning: iptables-legacy tables present, use "
                              f"iptables-legacy to see them\n{NAT_CHAINS}\n{CHAINS}"}, 0, "delivered"),
    "iptables: no such command": (BOX_ASKS, FORWARDS | {"iptables-nvL.txt":
                                                        f"bash: iptables: command not found\n{CHAINS}"}, 2,
                                  "iptables-nvL.txt:1:1: neither a chain nor a heading"),
    # prompts and indentation
    "iptables-save as a block of code": (
        BOX_ASKS, FORWARDS | {"iptables-save.txt": block(SAVE + NAT)}, 0, "delivered"),
    "everything as a block of code": (
        BOX_ASKS, {name: block(text) for name, text in FORWARDS.items()} |
        {"iptables-save.txt": "".join(f"\t{line}\n" for line in (SAVE + NAT).splitlines())}, 0, "delivered"),
    "ipset with prompts": (
        BOX_ASKS, FORWARDS | {"iptables-save.txt": NAT + BLOCKS, "ipset.txt":
                              f"{PROMPT}ipset save\ncreate bad hash:ip family inet hashsize 1024 "
                              f"maxelem 65536\nadd bad 8.8.8.8\n{PROMPT}\n"}, 1, "--match-set bad dst -j DROP"),
    "conntrack with prompts": (
        (*BOX_ASKS, "--sport", "5000"), FORWARDS | {"iptables-save.txt": NAT, "conntrack.txt":
                                                    f"{PROMPT}conntrack -L -o extended\n{ENTRY}{PROMPT}\n"},
        1, "conntrack"),
    "conntrack, another text": (BOX_ASKS, FORWARDS | {"conntrack.txt": "bash: conntrack: not found\n"}, 2,
                                "conntrack.txt:1:"),
    # files that are not read
    "a misspelt name": (BOX_ASKS, FORWARDS | {"iptables.txt": SAVE + NAT}, 1,
                        "iptables.txt is not read: no file of a snapshot has this name"),
    "two forms of one": (HOST_ASKS, HOST | {"ip-addr.json": "[]", "ip-link.txt": ADDR}, 1,
                         "ip-addr.txt is not read beside ip-addr.json"),
    # a container of which nothing was pasted
    "the container is behind the bridge": (
        BOX_ASKS, FORWARDS | {"iptables-save.txt": SAVE + NAT}, 0,
        "172.17.0.2 is a namespace of its own behind veth12"),
    "its host does not forward": (BOX_ASKS, HOST | {"sysctl.txt": "net.ipv4.ip_forward = 0\n"}, 1,
                                  "net.ipv4.ip_forward = 0"),
    "its host may not forward": (BOX_ASKS, HOST, 1, "(assumed: no sysctl.txt shows it)"),
    "the bridge's network is nobody": (("172.17.0.0", "8.8.8.8"), FORWARDS, 2,
                                       "172.17.0.0 is the network address of 172.17.0.0/16"),
    "its broadcast is nobody": (("172.17.255.255", "8.8.8.8"), FORWARDS, 2,
                                "172.17.255.255 is the broadcast address of 172.17.0.0/16"),
    "no route that was read": (HOST_ASKS, {"ip-addr.txt": ADDR}, 1,
                               "(assumed: there is no ip-route.json)"),
    "nothing has the address": (("10.9.9.9", "8.8.8.8"), HOST, 2, "add a folder with what `ip addr`"),
    "many of a kind are one line": (
        HOST_ASKS, HOST | {"ip-addr.txt": ADDR + "".join(
            f"{n}: v{n}@if{n + 500}: <BROADCAST,UP> mtu 1500\n" for n in range(100, 120))}, 0,
        "veth12, v100, v101, v102, v103, v104, v105, v106 and 13 more are each a veth"),
    # the command line
    "an empty name": (("host", "8.8.8.8", "--snapshot", ""), None, 2, "--snapshot"),
    "too small for tcp": (("host", "8.8.8.8", "--size", "30"), HOST, 2, "40 bytes at least"),
    "a port of icmp": (("host", "8.8.8.8", "--proto", "icmp", "--sport", "7"), HOST, 2,
                       "icmp has no ports"),
}


class Pasted(unittest.TestCase):
    def test_every_form(self) -> None:
        for name, (asked, files, status, what) in CASES.items():
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="wayout-test-") as folder:
                for file, content in (files or {}).items():
                    data = content if isinstance(content, bytes) else content.encode()
                    (Path(folder) / file).write_bytes(data)
                snapshot = [] if files is None else ["--snapshot", folder]
                done = subprocess.run([WAYOUT, "why", *asked, *snapshot], capture_output=True,
                                      text=True, timeout=60)
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, status, said)
                self.assertIn(what, said)

    def test_what_cannot_be_written(self) -> None:
        with tempfile.TemporaryDirectory(prefix="wayout-test-") as folder:
            for file, content in HOST.items():
                (Path(folder) / file).write_text(content)
            for arguments in (["why", *HOST_ASKS, "--snapshot", folder], ["--version"], ["--help"],
                              ["snapshot", "--script"]):
                with self.subTest(arguments=arguments), open("/dev/full", "w") as full:
                    done = subprocess.run([WAYOUT, *arguments], stdout=full, stderr=subprocess.PIPE,
                                          text=True, timeout=60)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn("No space left on device", done.stderr)
                    done = subprocess.run([WAYOUT, *arguments], stderr=subprocess.PIPE, text=True,
                                          timeout=60, preexec_fn=lambda: os.close(1))
                    self.assertEqual(done.returncode, 2, done.stderr)

    def test_a_complaint_that_cannot_be_written(self) -> None:
        for arguments in (["why", "nosuch", "1.2.3.4"], ["why"], ["bogus"], ["--bogus"],
                          ["snapshot", "-o", ""], ["why", "a", "1.2.3.4", "--snapshot", "/no/such"]):
            with self.subTest(arguments=arguments), open("/dev/full", "w") as full:
                for stderr, prepare in ((full, None), (None, lambda: os.close(2))):
                    done = subprocess.run([WAYOUT, *arguments], stdout=subprocess.PIPE, stderr=stderr,
                                          timeout=60, preexec_fn=prepare)
                    self.assertEqual((done.returncode, done.stdout), (2, b""))

    def test_an_unknown_command_is_named(self) -> None:
        done = subprocess.run([WAYOUT, "bogus"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn('"bogus"', done.stderr)


if __name__ == "__main__":
    WAYOUT = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
