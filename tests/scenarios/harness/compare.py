"""Holds the kernel to the scenario, and `wayout why` to the kernel.

Every function returns the differences as sentences; none means that all is well.
"""

import json
import shlex
import subprocess

from .scenario import RULE_ENGINE, RULES, Dies, Undecided, Works

EXIT = {"delivered": 0, "dropped": 1, "undecided": 3}
# A fix is run as root: only what changes a namespace may be in it.
FIX_TOOLS = {"sysctl", "ip", "iptables", "iptables-nft", "iptables-legacy", "nft", "bridge", "conntrack", "tc",
             "ebtables", "ipset"}


def ends(truth, backend):
    """The (namespace, function, reason) at which the packet may be seen to die."""
    listed = [(truth.at, truth.function, truth.reason)] + ([truth.also] if truth.also else [])
    return [(at, RULE_ENGINE[backend] if function == RULES else function, reason) for at, function, reason in listed]


def kernel(scenario, seen, drops_known):
    """What the kernel did against what the scenario claims."""
    truth, wrong = scenario.truth, []
    if isinstance(truth, Works):
        if not seen.works:
            return [f"kernel: it should work, but: {describe(seen)}"]
        if truth.source and seen.source != truth.source:
            wrong.append(f"kernel: the destination saw {seen.source}, not {truth.source}")
        if truth.sport and seen.sport != truth.sport:
            wrong.append(f"kernel: the destination saw source port {seen.sport}, not {truth.sport}")
        return wrong
    if seen.works:
        return ["kernel: it should die, but it works" + (f" (source {seen.source})" if seen.source else "")]
    if seen.direction != truth.direction:
        wrong.append(f"kernel: it died on the way {seen.direction or '?'}, not {truth.direction}")
    if truth.error and seen.error != truth.error:
        wrong.append(f"kernel: the sender got {seen.error}, not {truth.error}")
    if truth.source and seen.source != truth.source:
        wrong.append(f"kernel: the destination saw {seen.source}, not {truth.source}")
    if truth.function and drops_known:
        died = {(at, drop.function, drop.reason) for at, drop in seen.drops}
        if not died & set(ends(truth, scenario.backend)):
            wrong.append(f"kernel: no drop at {' or '.join(map(str, ends(truth, scenario.backend)))}")
    return [f"{line}; {describe(seen)}" for line in wrong]


def describe(seen):
    drops = ", ".join(f"{at}[{d.device}] {d.function} {d.reason}" for at, d in seen.drops) or "none"
    came = f"came as {seen.source}:{seen.sport}" if seen.arrived else "did not come"
    return f"{'works' if seen.works else seen.error}, request {came}, direction {seen.direction or '-'}, drops: {drops}"


def run_why(lab, scenario, wayout):
    """(exit code, parsed answer or None, stderr) of `wayout why --json` as called in the host."""
    q = scenario.question
    at = q.get("at", "h")
    command = [wayout, "why", "--json"]
    if q["proto"] != "tcp":
        command += ["--proto", q["proto"]]
    for option in ("sport", "size"):
        if q.get(option):
            command += [f"--{option}", str(q[option])]
    if q.get("df"):
        command += ["--df"]
    sender = "host" if q["sender"] == at else lab.real(q["sender"])
    command += [sender, f"{q['to']}:{q['dport']}" if q["proto"] != "icmp" else q["to"]]
    result = subprocess.run(["ip", "netns", "exec", lab.real(at)] + command, text=True, capture_output=True,
                            timeout=30, check=False)
    try:
        return result.returncode, json.loads(result.stdout), result.stderr
    except ValueError:
        return result.returncode, None, result.stderr


def why(lab, scenario, seen, code, answer, stderr):
    """What `why` said against what the kernel did and what the scenario knows of the cause."""
    if answer is None:
        return [f"why: no JSON, exit {code}: {stderr.strip()[:300]}"]
    verdict, wrong = answer.get("verdict"), []
    if code != EXIT.get(verdict):
        wrong.append(f"why: verdict {verdict} with exit code {code}")
    if isinstance(scenario.why, Undecided):
        if verdict != "undecided":
            return wrong + [f"why: WRONG and sure of it: {verdict}, where it cannot know"]
        unknown = json.dumps(answer.get("unknown", []))
        if not any(name.lower() in unknown.lower() for name in scenario.why.names.split("|")):
            wrong.append(f"why: does not name {scenario.why.names!r} among the unknown: {unknown[:200]}")
        return wrong
    expected = "delivered" if isinstance(scenario.truth, Works) else "dropped"
    if verdict == "undecided" and scenario.may_hesitate:
        return wrong
    if verdict == "undecided":
        return wrong + [f"why: undecided instead of {expected}: {json.dumps(answer.get('unknown', []))[:300]}"]
    if verdict != expected:
        return wrong + [f"why: WRONG and sure of it: {verdict}, the kernel says {expected}; {describe(seen)}; "
                        f"end {json.dumps(answer.get('end'))} cause {json.dumps(answer.get('cause'))}"]
    if isinstance(scenario.truth, Dies):
        wrong += _end(lab, scenario, answer)
        wrong += _cause(lab, scenario, answer.get("cause") or {})
    translated = answer.get("translated") or {}
    source = scenario.truth.source
    if source and (translated.get("src") or seen.source) != source:  # silence means: not translated
        wrong.append(f"why: translated.src {translated.get('src')}, the destination saw {source}")
    sport = getattr(scenario.truth, "sport", 0)
    if sport and translated.get("sport") not in (sport, None):
        wrong.append(f"why: translated.sport {translated.get('sport')}, the destination saw {sport}")
    return wrong


def _end(lab, scenario, answer):
    truth, end, wrong = scenario.truth, answer.get("end") or {}, []
    if answer.get("direction") != truth.direction:
        wrong.append(f"why: direction {answer.get('direction')}, kernel {truth.direction}")
    at = _where(lab, scenario, end.get("namespace"))
    if at == "outside" and truth.at == "o":
        return wrong  # beyond the uplink no function need be known
    if not truth.function:
        if at not in (truth.at, *truth.also[:1]):
            wrong.append(f"why: ends in {at}, kernel {truth.at}")
        return wrong
    said = (at, end.get("stage"), end.get("reason"))
    if said not in ends(truth, scenario.backend):
        wrong.append(f"why: ends at {said}, kernel {' or '.join(map(str, ends(truth, scenario.backend)))}")
    return wrong


def _where(lab, scenario, name):
    at = lab.logical(name or "")
    return scenario.question.get("at", "h") if at == "host" else at


def _cause(lab, scenario, got):
    wrong = []
    for key, value in (scenario.why or {}).items():
        has = _where(lab, scenario, got.get(key)) if key == "namespace" else got.get(key)
        fits = has in value if isinstance(value, tuple) else value in str(has) if key == "text" else str(has) == str(value)
        if not fits:
            wrong.append(f"why: cause.{key} is {has!r}, should be {value!r} (cause {json.dumps(got)[:200]})")
    return wrong


def apply_first_fix(lab, scenario, answer):
    """Runs the first fix that was offered. Returns (was there one, differences)."""
    fixes = answer.get("fixes") or []
    if not fixes:
        return False, ["why: no fix is offered"] if scenario.fix in ("must", "afterwards") else []
    blunt = [step["command"] for fix in fixes for step in fix["commands"]
             if scenario.unlike and scenario.unlike in step["command"]]
    if blunt:
        return True, [f"why: a blunt fix: {blunt[0]!r}"]
    first = " ; ".join(step["command"] for step in fixes[0]["commands"])
    if scenario.like not in first:
        return True, [f"why: the first fix is {first!r}, without {scenario.like!r}"]
    for step in fixes[0].get("commands", []):
        where, command = lab.logical(step.get("namespace", "")), step.get("command", "")
        where = scenario.question.get("at", "h") if where == "host" else where
        tool = (shlex.split(command) or [""])[0].rsplit("/", 1)[-1]
        if where not in lab.names or tool not in FIX_TOOLS:
            return True, [f"why: a fix that is not run here: in {where!r}: {command!r}"]
        result = lab.run(where, command)
        if result.returncode:
            return True, [f"why: the fix does not run: {command!r}: {result.stderr.strip()[:200]}"]
    return True, []
