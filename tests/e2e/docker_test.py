#!/usr/bin/env python3
"""End to end with the real docker engine, in three of its configurations.

    docker_test.py --wayout build/dev/wayout
    docker_test.py --truth-only

Each configuration starts its own dockerd (with its own containerd) in a machine of its own.
"""

from __future__ import annotations

import json
import sys

sys.dont_write_bytecode = True

import outside
from faults import PUBLISHED, Command, Fault, common, delivered, dropped
from harness import Suite, host_end, main, wait_until
from machine import SCRATCH, Machine, MachineError

DEFAULT_ADDRESS = "unix:///run/docker.sock"
LOG = f"{SCRATCH}/dockerd.log"
CLIENT = "/usr/bin/docker"  # Debian's, never another one from the PATH
IMAGE = "we2e"


class Docker:
    """dockerd in a machine, with containers in its default network and others."""

    def __init__(self, name: str, machine: Machine, options: list[str],
                 address: str = DEFAULT_ADDRESS, legacy_iptables: bool = False) -> None:
        self.name = name
        self.machine = machine
        if address != DEFAULT_ADDRESS:
            machine.environment["DOCKER_HOST"] = address
        self._legacy = legacy_iptables
        if legacy_iptables:  # as `update-alternatives` does it; /etc is the machine's own
            machine.run("""for tool in iptables iptables-save iptables-restore; do
                ln -sf /usr/sbin/iptables-legacy${tool#iptables} /etc/alternatives/$tool
            done""")
        # The machine's own /etc, but not the settings of the host that runs the test.
        machine.run("mkdir -p /etc/docker; echo '{}' > /etc/docker/daemon.json")
        machine.start(["dockerd", "--host", address,
                       "--exec-opt", "native.cgroupdriver=cgroupfs",
                       "--cgroup-parent", machine.cgroup_parent, *options], LOG)
        try:
            wait_until("dockerd", lambda: machine.try_run([CLIENT, "version"]).returncode == 0)
        except MachineError as error:
            raise MachineError(f"{error}\n{machine.run(['tail', '-n', '20', LOG])}") from None
        self._make_image()
        self._pids: dict[str, str] = {}
        self._create_containers()
        self.facts = self._find_facts()

    def _make_image(self) -> None:
        self.machine.run(f"""set -e
            mkdir -p {SCRATCH}/image/bin {SCRATCH}/image/www
            cd {SCRATCH}/image
            cp /usr/bin/busybox bin/busybox
            for applet in httpd timeout wget; do ln -s busybox bin/$applet; done
            echo "from a container" > www/index.html
            tar -c . | {CLIENT} import - {IMAGE}""")

    def _create_containers(self) -> None:
        self.docker("network", "create", "--subnet", "172.30.1.0/24",
                    "--opt", "com.docker.network.bridge.name=br-front", "front")
        self.docker("network", "create", "--subnet", "172.30.2.0/24",
                    "--opt", "com.docker.network.bridge.name=br-store", "store")
        self._run_server("web", "--publish", "8080:80")
        self._run_server("peer")
        self._run_server("dual", "--network", "front")
        self.docker("network", "connect", "store", "dual")

        self._run_server("guest", "--network", "host", port="81")
        self._run_server("sidecar", "--network", "container:web", port="82")
        self.docker("create", "--name", "idle", IMAGE, "/bin/httpd")

    def _run_server(self, name: str, *options: str, port: str = "80") -> None:
        self.docker("run", "--detach", "--name", name, *options, IMAGE,
                    "/bin/httpd", "-f", "-p", port, "-h", "/www")

    def docker(self, *arguments: str) -> str:
        """The client's output."""
        return self.machine.run([CLIENT, *arguments])

    def inspect(self, container: str) -> dict:
        return json.loads(self.docker("inspect", container))[0]

    def pid(self, container: str) -> str:
        if container not in self._pids:
            self._pids[container] = str(self.inspect(container)["State"]["Pid"])
        return self._pids[container]

    def execute(self, container: str, argv: list[str]) -> str | None:
        done = self.machine.try_run([CLIENT, "exec", container, *argv])
        return done.stdout if done.returncode == 0 else None

    def _find_facts(self) -> dict[str, str]:
        def address(container: str, network: str) -> str:
            return self.inspect(container)["NetworkSettings"]["Networks"][network]["IPAddress"]

        return {
            "bridge": "docker0", "subnet": "172.17.0.0/16", "gateway": "172.17.0.1",
            "nobody": "172.17.0.254", "veth": host_end(self.machine, self.pid("web")),
            "web": address("web", "bridge"), "peer": address("peer", "bridge"),
            "dual": address("dual", "front"),
            "other": "nft" if self._legacy else "legacy",
            "published": self._rule("nat", "DOCKER", "--dport 8080"),
            "remove_masquerade":
                "iptables -t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        }

    def _rule(self, table: str, chain: str, text: str) -> str:
        """The specification of the rule with that text, without its -A; empty if there is none."""
        listing = self.machine.try_run(["iptables", "-t", table, "-S", chain]).stdout
        return next((line.removeprefix("-A ") for line in listing.splitlines() if text in line), "")

    def names(self) -> dict[str, str]:
        whole = self.inspect("web")["Id"]
        return {"a container's name": "web", "a whole id": whole, "a short id": whole[:12],
                "a process id": self.pid("web")}


# --- Faults that only docker's own rules can have -------------------------------------------------

def user_chain_faults() -> list[Fault]:
    return [
        Fault("DOCKER-USER drops the request",
              [("host", "iptables -I DOCKER-USER -i docker0 -d 203.0.113.0/24 -j DROP")],
              dropped("out", "rule", table="filter", chain="DOCKER-USER", number=1),
              [("host", "iptables -D DOCKER-USER 1")]),
        Fault("DOCKER-USER accepts new connections and drops the rest",
              [("host", "iptables -I DOCKER-USER -j DROP"),
               ("host", "iptables -I DOCKER-USER -i docker0 -j ACCEPT")],
              dropped("back", "rule", table="filter", chain="DOCKER-USER", number=2),
              [("host", "iptables -D DOCKER-USER 2")]),
        Fault("DOCKER-USER rejects what comes from outside",
              [("host", "iptables -I DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j REJECT")],
              dropped("out", "rule", table="filter", chain="DOCKER-USER", number=1),
              [("host", "iptables -D DOCKER-USER 1")],
              source=outside.NAME, destination=PUBLISHED),
    ]


def proxy_faults() -> list[Fault]:
    """Without its DNAT rule a port is served by docker-proxy on the host."""
    return [
        Fault("a published port whose DNAT rule is gone",
              [("host", "iptables -t nat -D {published}")], delivered(),
              source=outside.NAME, destination=PUBLISHED),
    ]


def published_port_faults() -> list[Fault]:
    return [
        Fault("a published port", [], delivered(), source=outside.NAME, destination=PUBLISHED),
        Fault("a published port that the DOCKER chain no longer accepts",
              [("host", "iptables -F DOCKER")],
              dropped("out", "policy", table="filter", chain="FORWARD"),
              [("host", "iptables -A DOCKER -d {web}/32 ! -i docker0 -o docker0 -p tcp"
                        " --dport 80 -j ACCEPT")],
              source=outside.NAME, destination=PUBLISHED),
        Fault("a published port that a stale rule sends to a container that is gone",
              [("host", "iptables -t nat -I DOCKER -p tcp --dport 8080"
                        " -j DNAT --to-destination {nobody}:80"),
               ("host", "iptables -I DOCKER -d {nobody} -p tcp --dport 80 -j ACCEPT")],
              dropped("out", "neighbour", "nat", "rule"),
              [("host", "iptables -t nat -D DOCKER 1")],
              source=outside.NAME, destination=PUBLISHED),
    ]


def network_faults() -> list[Fault]:
    """`dual` is in the networks front (172.30.1.0/24, its default route) and store."""
    return [
        Fault("two networks", [], delivered(), source="dual"),
        Fault("two networks, MASQUERADE missing for the one in use",
              [("host", "iptables -t nat -D POSTROUTING -s 172.30.1.0/24 ! -o br-front"
                        " -j MASQUERADE")],
              dropped("back", "nat"),
              [("host", "iptables -t nat -A POSTROUTING -s 172.30.1.0/24 ! -o br-front"
                        " -j MASQUERADE")], source="dual"),
        Fault("two networks, MASQUERADE missing for the other one",
              [("host", "iptables -t nat -D POSTROUTING -s 172.30.2.0/24 ! -o br-store"
                        " -j MASQUERADE")],
              delivered(), source="dual"),
        Fault("docker isolates its networks from each other", [],
              dropped("out", "rule", table="filter", chain="DOCKER-ISOLATION-STAGE-2"),
              [("host", "iptables -I DOCKER-USER -i docker0 -o br-front -j ACCEPT"),
               ("host", "iptables -I DOCKER-USER -i br-front -o docker0 -j ACCEPT")],
              destination="{dual}:80", works_before=False),
        Fault("a neighbour on the same bridge", [], delivered(), destination="{peer}:80"),
        Fault("the host asks the container", [], delivered(),
              source="host", destination="{web}:80"),
    ]


def isolated_bridge_faults() -> list[Fault]:
    """--icc=false: neighbours on the bridge are kept apart by iptables, if the bridge asks it."""
    return [
        Fault("icc=false keeps neighbours apart", [],
              dropped("out", "rule", table="filter", chain="FORWARD"),
              [("host", "iptables -I DOCKER-USER -i docker0 -o docker0 -j ACCEPT")],
              destination="{peer}:80", works_before=False),
        Fault("icc=false, and bridged packets do not run iptables",
              [("host", "sysctl -w net.bridge.bridge-nf-call-iptables=0")],
              delivered(), destination="{peer}:80", works_before=False),
    ]


def no_iptables_faults() -> list[Fault]:
    """--iptables=false: nobody translates, and ports are served by docker-proxy alone."""
    by_hand: list[Command] = [
        ("host", "iptables -t nat -A POSTROUTING -s {subnet} ! -o {bridge} -j MASQUERADE")]
    return [
        Fault("iptables=false", [], dropped("back", "nat"), by_hand, works_before=False),
        Fault("iptables=false, MASQUERADE set by hand", by_hand, delivered(),
              works_before=False),
        Fault("iptables=false, a published port", [], delivered(),
              source=outside.NAME, destination=PUBLISHED),
    ]


SUITES = [
    Suite("docker", lambda machine: Docker("docker", machine, []),
          common() + user_chain_faults() + published_port_faults() + proxy_faults()
          + network_faults()),
    Suite("docker, no proxy, icc=false, legacy iptables",
          lambda machine: Docker("docker-legacy", machine,
                                 ["--userland-proxy=false", "--icc=false"],
                                 address=f"unix://{SCRATCH}/engine.sock", legacy_iptables=True),
          common() + user_chain_faults() + published_port_faults()
          + isolated_bridge_faults()),
    Suite("docker, iptables=false",
          lambda machine: Docker("docker-no-iptables", machine, ["--iptables=false"],
                                 address="tcp://127.0.0.1:2375"),  # only its client knows it
          no_iptables_faults()),
]

if __name__ == "__main__":
    sys.exit(main("the docker engine", ["dockerd", "docker", "containerd", "runc"], SUITES))
