#!/usr/bin/env python3
"""What bash offers behind `wayout`, and that no name on the machine is run on the way."""
import os
import subprocess
import sys
import tempfile

COMPLETION = os.path.join(os.path.dirname(__file__), "../../tools/completion/wayout.bash")
HOSTILE = ["$(id>PWNED)", "`id>PWNED`", "a;id>PWNED", "two words"]


def offered(directory, *words):
    """COMPREPLY for a command line; the last word is the one that is being typed."""
    script = """
        ip() { printf '%s\\n' "${NAMES[@]}"; }
        docker() { :; }
        podman() { :; }
        compopt() { :; }
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _wayout wayout "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    names = " ".join("'" + name + "'" for name in HOSTILE)
    run = subprocess.run(["bash", "-c", f"NAMES=({names} web1 web2)\n{script}", "bash",
                          os.path.abspath(COMPLETION), *words],
                         cwd=directory, capture_output=True, text=True, check=True)
    return run.stdout.split("\n")[:-1]


def main():
    bad = []

    def expect(got, wanted, what):
        if got != wanted:
            bad.append(f"{what}: {got}, not {wanted}")

    with tempfile.TemporaryDirectory() as directory:
        everything = offered(directory, "wayout", "why", "")
        expect(os.listdir(directory), [], "files made by completing")
        expect("\\$\\(id\\>PWNED\\)" in everything, True, "a hostile name, quoted")
        expect([w for w in everything if "$(" in w], [], "words that a shell would run")
        expect(offered(directory, "wayout", "why", "web"), ["web1", "web2"], "names")
        expect(offered(directory, "wayout", "why", "host"), ["host"], "the host")
        expect(offered(directory, "wayout", ""), ["why", "snapshot", "replay", "--version", "--help"],
               "commands")
        expect(offered(directory, "wayout", "why", "web1", "--pro"), ["--proto"], "options")
        expect(offered(directory, "wayout", "replay", "here", "--o"), ["--out"], "options of replay")
        expect(offered(directory, "wayout", "why", "web1", "--proto", "i"), ["icmp"], "protocols")
        expect(offered(directory, "wayout", "why", "--json", "web"), ["web1", "web2"],
               "names behind an option")
        expect(offered(directory, "wayout", "why", "--dport", "80", "web"), ["web1", "web2"],
               "names behind an option's value")
        expect(offered(directory, "wayout", "why", "web1", "--json", "web"), [""], "one name only")
        expect(offered(directory, "wayout", "snapshot", "--ou"), ["--output"], "long options")
        subprocess.run(["bash", "-c", " ".join(f"eval 'true {word}';" for word in everything)],
                       cwd=directory, check=True)
        expect(os.listdir(directory), [], "files made by what was offered")
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
