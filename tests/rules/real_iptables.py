"""The installed iptables, asked in a network namespace of our own."""

import os
import subprocess
import uuid

BACKENDS = ("legacy", "nft")
TIMEOUT_S = 60


def command(family, backend, action):
    """`ip6tables-legacy-save` and its like; action may be empty."""
    program = ("ip6tables" if family == 6 else "iptables") + "-" + backend
    return program + ("-" + action if action else "")


class Namespace:
    """A network namespace that goes away at the end of a `with`."""

    def __init__(self):
        self.name = f"wayout-rules-{os.getpid()}-{uuid.uuid4().hex[:6]}"

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True, capture_output=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def run(self, *words, text=b""):
        """(exit code, standard output, standard error), all bytes."""
        done = subprocess.run(["ip", "netns", "exec", self.name, *words], input=text,
                              capture_output=True, timeout=TIMEOUT_S, check=False)
        return done.returncode, done.stdout, done.stderr


def can_make_namespaces():
    try:
        with Namespace():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def without_comments(save):
    return b"".join(line for line in save.splitlines(keepends=True) if not line.startswith(b"#"))


def tables_of(save):
    return [line[1:].decode().strip() for line in save.splitlines() if line.startswith(b"*")]


def listing(namespace, family, backend, tables, *options):
    """What `iptables OPTIONS` prints for each table, with the command above it as people paste it."""
    text = b""
    for table in tables:
        words = [command(family, backend, ""), "-t", table, *options]
        _, shown, _ = namespace.run(*words)
        text += ("# " + " ".join(words) + "\n").encode() + shown + b"\n"
    return text
