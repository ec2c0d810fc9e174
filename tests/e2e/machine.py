"""A throwaway machine: one process that holds a network, a mount and a pid namespace.

Inside, a container engine finds an ordinary host - its own /run, /proc, /sys, empty data roots, a
writable /etc and /var - and works with its default paths, so that a program under test looks for
sockets and namespaces where it would look on a real host. Outside, nothing changes: every mount,
device, rule, sysctl and file lives in those namespaces and ends with the process that holds them.
That process ends when its standard input closes, so even a test that is killed leaves no more
behind than an empty control group.

Not here: the network beyond the machine (outside.py), the engines (docker_test.py, podman_test.py).
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SCRATCH = Path("/run/we2e")  # inside the machine
DATA_ROOTS = ["/var/lib/docker", "/var/lib/containers", "/dev/shm"]
CGROUP_ROOT = Path("/sys/fs/cgroup")
COMMAND_TIMEOUT_S = 30


class MachineError(Exception):
    """A command inside the machine failed, or the machine could not be made."""


class Machine:
    """The namespaces and the commands that run in them. Use it as a context manager."""

    def __init__(self) -> None:
        self.environment = {"PATH": PATH, "LANG": "C", "HOME": "/root", "NO_COLOR": "1"}
        self.cgroup_parent = f"/we2e-{os.getpid()}"  # one group for all machines of a test
        self._services: list[subprocess.Popen[bytes]] = []
        # A session of its own: Ctrl-C belongs to the test, which then closes the machine in order.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
             sys.executable, "-B", __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        first_line = self._holder.stdout.readline().split()
        if not first_line:
            self.close()
            raise MachineError("the namespaces could not be set up (see the message above)")
        self._init_pid = first_line[0]

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _enter(self, command: str | list[str], netns: str | None) -> list[str]:
        argv = ["sh", "-c", command] if isinstance(command, str) else command
        if netns:
            argv = ["nsenter", f"--net={netns}", "--"] + argv
        return ["nsenter", "--target", self._init_pid, "--net", "--mount", "--pid", "--"] + argv

    def try_run(self, command: str | list[str], netns: str | None = None,
                timeout_s: float = COMMAND_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run a shell line or an argument list and wait; netns is a path as the machine sees it."""
        try:
            return subprocess.run(self._enter(command, netns), env=self.environment, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise MachineError(f"`{_shown(command)}` does not end in {timeout_s:g} s") from None

    def run(self, command: str | list[str], netns: str | None = None) -> str:
        """The same, for commands that must succeed: their standard output."""
        done = self.try_run(command, netns)
        if done.returncode != 0:
            error = done.stderr.strip()
            raise MachineError(f"`{_shown(command)}` exits {done.returncode}: {error}")
        return done.stdout

    def start(self, argv: list[str], log: str, netns: str | None = None) -> None:
        """Start a service that lives as long as the machine; log is a path inside it."""
        to_log = ["sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "start", log]
        self._services.append(subprocess.Popen(
            self._enter(to_log + argv, netns), env=self.environment, stdin=subprocess.DEVNULL,
            start_new_session=True))

    def close(self) -> None:
        """End every process in the machine; its mounts, devices and files go with them."""
        if self._holder.stdin and not self._holder.stdin.closed:
            self._holder.stdin.close()
        try:
            self._holder.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._holder.kill()  # --kill-child: the machine's first process dies with it
            self._holder.wait()
        self._holder.stdout.close()
        for service in self._services:
            service.wait(timeout=10)
        remove_cgroups()


def remove_cgroups() -> None:
    """Remove what dockerd made of control groups, also for earlier tests that were killed."""
    for top in [*CGROUP_ROOT.glob("we2e-*"), *CGROUP_ROOT.glob("*/we2e-*")]:
        owner = top.name.removeprefix("we2e-")
        if owner != str(os.getpid()) and Path("/proc", owner).exists():
            continue  # another test that runs now
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as error:
                print(f"left behind: {folder}: {error.strerror}", file=sys.stderr)


def _shown(command: str | list[str]) -> str:
    return command if isinstance(command, str) else shlex.join(command)


# --- The machine's first process ------------------------------------------------------------------

def _do(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _overlay(folder: str) -> None:
    """Let writes to a folder go to memory."""
    upper, work = SCRATCH / f"upper{folder}", SCRATCH / f"work{folder}"
    upper.mkdir(parents=True)
    work.mkdir(parents=True)
    _do("mount", "-t", "overlay", "overlay",
        "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", folder)


def _mount_everything() -> None:
    _do("mount", "-t", "proc", "proc", "/proc")
    _do("mount", "-t", "tmpfs", "tmpfs", "/run")
    for folder in [SCRATCH, Path("/run/lock"), Path("/run/netns")]:
        folder.mkdir(parents=True)

    # A new sysfs shows this network namespace's devices, but comes without control groups.
    kept_cgroups = SCRATCH / "cgroup"
    kept_cgroups.mkdir()
    _do("mount", "--rbind", str(CGROUP_ROOT), str(kept_cgroups))
    _do("mount", "-t", "sysfs", "sysfs", "/sys")
    _do("mount", "--move", str(kept_cgroups), str(CGROUP_ROOT))
    if os.path.ismount(CGROUP_ROOT / "unified"):
        _do("umount", str(CGROUP_ROOT / "unified"))  # crun refuses hybrid control groups

    for folder in ["/etc", "/var"]:
        _overlay(folder)
    for folder in DATA_ROOTS:  # on tmpfs: neither engine stacks its layers on an overlay
        os.makedirs(folder, exist_ok=True)
        _do("mount", "-t", "tmpfs", "tmpfs", folder)
    resolver = Path("/etc/resolv.conf")  # often a link into the /run that is hidden now
    resolver.unlink(missing_ok=True)
    resolver.write_text("nameserver 198.51.100.1\n")


def _configure_network() -> None:
    _do("ip", "link", "set", "lo", "up")
    ipv4 = Path("/proc/sys/net/ipv4")
    # A new network namespace inherits these from the machine that runs the test.
    for key in ["ip_forward", "conf/all/rp_filter", "conf/default/rp_filter"]:
        (ipv4 / key).write_text("0\n")


def _main() -> None:
    outer_pid = os.readlink("/proc/self")  # before /proc is the new pid namespace's
    _mount_everything()
    _configure_network()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # orphans of the engines are reaped by the kernel
    print(outer_pid, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _main()
