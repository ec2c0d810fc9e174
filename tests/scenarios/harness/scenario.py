"""What a scenario is, and the words it is written with.

A scenario is a story, the lines that build it, one question, what the kernel does
with it (`works` or `dies`), and what `wayout why` has to say about it.
"""

import re
from dataclasses import dataclass, field

NFT, LEGACY = "nft", "legacy"
RULES = "<the rule engine>"  # the function that frees a packet dropped by a rule: it differs between the two iptables
RULE_ENGINE = {NFT: "nft_do_chain", LEGACY: "nf_hook_slow"}


@dataclass(frozen=True)
class Works:
    """The answer comes back."""

    source: str = ""  # the source address the destination saw; "" when the scenario is not about it
    sport: int = 0


@dataclass(frozen=True)
class Dies:
    """The request (`out`) or its answer (`back`) ends in a namespace, at a function, for a reason."""

    direction: str
    at: str
    function: str = ""  # "" where no packet is freed with this story on it (the text of the scenario says why)
    reason: str = ""
    error: str = ""  # what the sender is told, when the scenario is about that
    source: str = ""  # the source address with which the request arrived, for the way back
    also: tuple = ()  # a second (at, function, reason) that is just as true: the end with warm neighbour tables


@dataclass(frozen=True)
class Undecided:
    """`why` has to say that it does not know, and name what it does not know (one of `a|b`)."""

    names: str


def works(source="", sport=0):
    return Works(source, sport)


def dies(direction, at, function="", reason="", **more):
    return Dies(direction, at, function, reason, **more)


def undecided(names=""):
    return Undecided(names)


# The cause, as `wayout why --json` gives it. A tuple means: one of these.


def sysctl(key, value):
    return {"kind": "sysctl", "key": key, "value": value}


def rule(table, chain, number, text=""):
    return {"kind": "rule", "table": table, "chain": chain, "number": number} | ({"text": text} if text else {})


def policy(table, chain):
    return {"kind": "policy", "table": table, "chain": chain}


def cause(*kinds, **fields):
    return {"kind": kinds if len(kinds) > 1 else kinds[0]} | fields


@dataclass
class Scenario:
    name: str
    story: str
    setup: list
    question: dict
    truth: object
    why: object = None  # a cause (dict), Undecided, or None: nothing beyond the verdict is compared
    may_hesitate: bool = False  # "undecided" is an honest answer, too: what decides cannot be read from the host
    fix: str = "may"  # "must": a fix is offered and works; "may": what is offered works; "none": none exists;
    # "afterwards": must, but what the packet itself leaves behind is only in it when asked after it
    unlike: str = ""  # no fix that is offered may hold this: it would lift more than the fault
    like: str = ""  # the first fix that is offered has to hold this in one of its commands
    fixed: str = ""  # lines that lift the fault, tried on the kernel: the proof that the story names the cause
    needs: str = ""  # shell that must succeed here, else the scenario is skipped
    backends: tuple = (NFT,)
    cold: bool = False  # why is asked before the packet is sent, whose own connection would change the answer
    linger_s: float = 0.0  # how long the end may take beyond the probe's own time-out
    family: str = field(default="", compare=False)
    backend: str = NFT

    @property
    def title(self):
        return f"{self.family}/{self.name}" + (f"@{self.backend}" if len(self.backends) > 1 else "")

    def lines(self):
        text = "\n".join(self.setup)
        return with_backend(text, self.backend)


def with_backend(text, backend):
    """`iptables` in the lines of a scenario means the backend it runs with; a name with a suffix is left alone."""
    return re.sub(r"(?<![\w-])iptables(-restore|-save)?(?![\w-])", lambda m: f"iptables-{backend}{m[1] or ''}", text)


_registry = []


def scenario(name, story, setup, ask, truth, why=None, **more):
    setup = [setup] if isinstance(setup, str) else list(setup)
    _registry.append(Scenario(name, story, setup, ask, truth, why, **more))


def ask(sender, to, server, proto="", server_port=0, **more):
    """`to` is `address` (a ping) or `address:port`. `server` is the namespace that answers, `name` or `name:port`."""
    address, _, port = to.partition(":")
    server, _, own_port = server.partition(":")
    proto = proto or ("tcp" if port else "icmp")
    return {"sender": sender, "to": address, "server": server, "proto": proto, "dport": int(port or 0),
            "server_port": int(own_port or port or 0)} | more


def take_registered(family):
    taken, _registry[:] = list(_registry), []
    for one in taken:
        one.family = family
    return taken
