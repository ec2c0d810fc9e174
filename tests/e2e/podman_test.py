#!/usr/bin/env python3
"""End to end with podman, once for each network stack that is installed: CNI plugins, netavark.

    podman_test.py --wayout build/dev/wayout
    podman_test.py --truth-only
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial

sys.dont_write_bytecode = True

import outside
from faults import PUBLISHED, Fault, common, delivered, dropped
from harness import Suite, host_end, main, wait_until
from machine import SCRATCH, Machine

ROOT_FILESYSTEM = SCRATCH / "rootfs"
SOCKET = "/run/podman/podman.sock"
NETWORK = "10.88.0.0"


class Podman:
    """podman in a machine, its API service if wanted, and containers in its default network and
    others. Without the service only podman itself knows them."""

    def __init__(self, machine: Machine, stack: str, service: bool) -> None:
        self.name = f"podman-{stack}"
        self.machine = machine
        self._stack = stack
        # cgroupfs and files, as there is neither systemd nor a journal in the machine.
        machine.run(f"""cat > /etc/containers/containers.conf <<'END'
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "{stack}"
END""")
        machine.run(f"""set -e
            mkdir -p {ROOT_FILESYSTEM}/bin {ROOT_FILESYSTEM}/www /run/podman
            cd {ROOT_FILESYSTEM}
            cp /usr/bin/busybox bin/busybox
            for applet in httpd timeout wget; do ln -s busybox bin/$applet; done
            echo "from a container" > www/index.html""")
        self._run_server("web", "--publish", "8080:80")
        self._run_server("peer")
        self._run_server("guest", "--network", "host", port="81")
        self._run_server("sidecar", "--network", "container:web", port="82")
        machine.run(["podman", "create", "--name", "idle", "--cgroups", "disabled",
                     "--rootfs", str(ROOT_FILESYSTEM), "/bin/httpd"])
        if service:
            machine.start(["podman", "system", "service", "--time", "0", f"unix://{SOCKET}"],
                          f"{SCRATCH}/podman.log")
            wait_until("podman's service",
                       lambda: machine.try_run(["test", "-S", SOCKET]).returncode == 0)
        self._inspected: dict[str, dict] = {}
        self.facts = self._find_facts()

    def _run_server(self, name: str, *options: str, port: str = "80") -> None:
        # No control group: there would be one to remove, and it changes nothing for a packet.
        self.machine.run(["podman", "run", "--detach", "--name", name, "--cgroups", "disabled",
                          *options, "--rootfs", str(ROOT_FILESYSTEM),
                          "/bin/httpd", "-f", "-p", port, "-h", "/www"])

    def inspect(self, container: str) -> dict:
        if container not in self._inspected:
            output = self.machine.run(["podman", "inspect", container])
            self._inspected[container] = json.loads(output)[0]
        return self._inspected[container]

    def pid(self, container: str) -> str:
        return str(self.inspect(container)["State"]["Pid"])

    def execute(self, container: str, argv: list[str]) -> str | None:
        done = self.machine.try_run(["podman", "exec", container, *argv])
        return done.stdout if done.returncode == 0 else None

    def names(self) -> dict[str, str]:
        web = self.inspect("web")
        return {"a container's name": "web", "a whole id": web["Id"], "a short id": web["Id"][:12],
                "a process id": self.pid("web"),
                "a network namespace's name":
                    os.path.basename(web["NetworkSettings"]["SandboxKey"])}

    def _find_facts(self) -> dict[str, str]:
        veth = host_end(self.machine, self.pid("web"))
        [link] = json.loads(self.machine.run(f"ip -json link show {veth}"))
        rules = self.machine.run("iptables -t nat -S")
        # Both stacks give a network, or a container, a chain with a hash for its name.
        [masquerade] = re.findall(r"-A POSTROUTING -s {}\S+ .*-j (\S+)".format(
            re.escape(NETWORK if self._stack == "netavark" else self._address("web"))), rules)
        [published] = re.findall(r"-A (\S+-DN-\S+) .*-j DNAT", rules)
        return {
            "bridge": link["master"], "subnet": f"{NETWORK}/16", "gateway": "10.88.0.1",
            "nobody": "10.88.0.254", "veth": veth, "other": "legacy",
            "web": self._address("web"), "peer": self._address("peer"), "published": published,
            "remove_masquerade": f"iptables -t nat -F {masquerade}",
        }

    def _address(self, container: str) -> str:
        return self.inspect(container)["NetworkSettings"]["IPAddress"]


def podman_faults() -> list[Fault]:
    """A published port has no DNAT-less variant here: conmon listens on it, and never accepts."""
    return [
        Fault("a published port", [], delivered(), source=outside.NAME, destination=PUBLISHED),
        Fault("a published port whose requests FORWARD drops",
              [("host", "iptables -I FORWARD -i eth0 -o {bridge} -p tcp --dport 80 -j DROP")],
              dropped("out", "rule", table="filter", chain="FORWARD", number=1),
              [("host", "iptables -D FORWARD 1")],
              source=outside.NAME, destination=PUBLISHED),
        Fault("a published port that a stale rule sends to a container that is gone",
              [("host", "iptables -t nat -I {published} -p tcp --dport 8080"
                        " -j DNAT --to-destination {nobody}:80")],
              dropped("out", "neighbour", "nat", "rule"),
              [("host", "iptables -t nat -D {published} 1")],
              source=outside.NAME, destination=PUBLISHED),
        Fault("a neighbour on the same bridge", [], delivered(), destination="{peer}:80"),
        Fault("the host asks the container", [], delivered(),
              source="host", destination="{web}:80"),
    ]


def cni_faults() -> list[Fault]:
    """CNI-ADMIN is the chain that its firewall plugin leaves to the administrator."""
    return [
        Fault("CNI-ADMIN drops the request",
              [("host", "iptables -I CNI-ADMIN -s {web} -j DROP")],
              dropped("out", "rule", table="filter", chain="CNI-ADMIN", number=1),
              [("host", "iptables -D CNI-ADMIN 1")]),
    ]


def suites() -> list[Suite]:
    """One for each network stack that is installed."""
    stacks = {"cni": ("/usr/lib/cni/bridge", common() + podman_faults() + cni_faults()),
              "netavark": ("/usr/lib/podman/netavark", common() + podman_faults())}
    return [Suite(f"podman, {stack}", partial(Podman, stack=stack, service=stack == "cni"), faults)
            for stack, (program, faults) in stacks.items() if os.access(program, os.X_OK)]


if __name__ == "__main__":
    sys.exit(main("podman", ["podman", "conmon", "crun"], suites()))
