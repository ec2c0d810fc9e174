#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>

#include "host/collect.hpp"
#include "host/collect/commands.hpp"
#include "host/provenance.hpp"

namespace wayout::host {

namespace {

constexpr std::string_view head = R"sh(#!/bin/sh
# Collects how this machine forwards packets into a directory that wayout reads:
#     sudo sh collect.sh [DIRECTORY]
# Standard commands only. Nothing is changed; what is not installed is left out.
directory=${1:-wayout-snapshot}
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C
export PATH LC_ALL
umask 077

[ "$(id -u)" = 0 ] || { echo "collecting a snapshot needs root" >&2; exit 2; }
mkdir -p "$directory" && cd "$directory" || exit 2
[ -z "$(ls -A)" ] || { echo "$directory: is not empty" >&2; exit 2; }

# inside COMMAND...: in the namespace that is being collected
inside() {
  if [ -n "$namespace" ]; then nsenter --net="$namespace" "$@"; else "$@"; fi
}

# save FILE COMMAND...: what it prints; false, and no file, if it is not installed or fails
save() {
  file=$1
  shift
  command -v "$1" >/dev/null 2>&1 || return 1
  inside "$@" >"$folder/$file" 2>/dev/null </dev/null && return 0
  rm -f "$folder/$file"
  return 1
}

# is_there FILE: it has something in it, in the namespace
is_there() { [ -n "$(inside cat "$1" 2>/dev/null)" ]; }

# filters DEVICE DIRECTION: what tc has there, under its command as a heading
filters() {
  direction=$2
  [ "$direction" = root ] && direction=
  echo "# tc filter show dev $1 $2"
  # shellcheck disable=SC2086
  inside tc filter show dev "$1" $direction 2>/dev/null
}

save_filters() {
  command -v tc >/dev/null 2>&1 || return 0
  inside tc qdisc show 2>/dev/null | while read -r _ kind _ _ device _; do
    case $kind in
      clsact) filters "$device" ingress; filters "$device" egress ;;
      ingress) filters "$device" ingress ;;
      htb|hfsc|drr|qfq|prio|ets|multiq|cbq|atm|dsmark) filters "$device" root ;;
    esac
  done >"$folder/tc-filter.txt"
  [ -s "$folder/tc-filter.txt" ] || rm -f "$folder/tc-filter.txt"
}

save_all() {
)sh";

constexpr std::string_view tail = R"sh(  save_filters
}

# save_boot_files: those that set sysctls, below boot/; of programs, that they are there
save_boot_files() {
  for file in @FILES@; do
    [ -f "$file" ] || [ -L "$file" ] || continue
    mkdir -p "boot${file%/*}"
    case $(readlink "$file") in
      /dev/null|sysctl.conf|*/sysctl.conf) cp -P "$file" "boot$file" ;;
      *) cp -L "$file" "boot$file" 2>/dev/null ;;
    esac
  done
  for file in @PROGRAMS@; do
    [ -e "$file" ] && mkdir -p "boot${file%/*}" && : >"boot$file"
  done
}

# quoted TEXT: as a JSON string
quoted() {
  printf '"%s"' "$(printf %s "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g')"
}

# collect NAMESPACE-FILE NAME PID [RUNTIME ID]: one folder and its entry in the manifest; under
# further names a namespace is not collected again
state=$(mktemp -d) || exit 2
trap 'rm -rf "$state"' EXIT
inodes=
collect() {
  namespace=$1
  inode=$(stat -Lc %i "${namespace:-/proc/self/ns/net}") || return 0
  if [ -e "$state/$inode" ]; then
    for name in "$2" "$5"; do
      [ -n "$name" ] && { quoted "$name"; echo; } >>"$state/$inode.aliases"
    done
    return 0
  fi
  folder=$(printf %s "$2" | tr -c 'A-Za-z0-9_.-' _ | sed 's/^\./_/')
  while [ -e "$folder" ] || [ "$folder" = boot ]; do folder=$folder-2; done
  mkdir "$folder" || exit 2
  save_all
  # It may have gone away meanwhile, or its number may be that of another one.
  if [ "$(stat -Lc %i "${namespace:-/proc/self/ns/net}" 2>/dev/null)" != "$inode" ]; then
    rm -rf "./$folder"
    return 0
  fi
  inodes="$inodes $inode"
  {
    printf '{"name": %s, "folder": "%s"' "$(quoted "$2")" "$folder"
    [ -n "$3" ] && printf ', "pid": %s' "$3"
    [ -n "$4" ] && printf ', "container": {"runtime": "%s", "id": "%s", "name": %s}' \
      "$4" "$5" "$(quoted "$2")"
  } >"$state/$inode"
}

# collect_containers RUNTIME JOINED: those that live in another one's namespace (yes), or not (no)
collect_containers() {
  for id in $($1 ps -q --no-trunc 2>/dev/null); do
    about=$($1 inspect --type container \
      -f '{{.State.Pid}} {{.HostConfig.NetworkMode}} {{.Name}}' "$id" 2>/dev/null) || continue
    pid=${about%% *}
    about=${about#* }
    case ${about%% *} in container:*) joined=yes ;; *) joined=no ;; esac
    name=${about#* }
    [ $joined = "$2" ] && [ "$pid" -gt 0 ] 2>/dev/null &&
      collect "/proc/$pid/ns/net" "${name#/}" "$pid" "$1" "$id"
  done
}

collect '' host '' '' ''
# What sets sysctls at boot sets those of the first namespace.
first=$(stat -Lc %i /proc/1/ns/net 2>/dev/null) && [ -e "$state/$first" ] && save_boot_files
for joined_now in no yes; do
  for runtime in docker podman; do
    # podman makes its storage when it is asked for the first time
    [ $runtime = podman ] && [ ! -d /run/containers/storage ] && continue
    command -v $runtime >/dev/null 2>&1 && collect_containers $runtime $joined_now
  done
done
for file in /run/netns/*; do
  [ -e "$file" ] && collect "$file" "${file##*/}" '' '' ''
done

# One entry a line.
entries() {
  separator=
  for inode in $inodes; do
    aliases=$(paste -sd, "$state/$inode.aliases" 2>/dev/null)
    printf '%s\n    %s%s}' "$separator" "$(cat "$state/$inode")" \
      "${aliases:+, \"aliases\": [$aliases]}"
    separator=,
  done
}

cat >manifest.json <<EOF
{
  "format": 1,
  "kernel": $(quoted "$(uname -r)"),
  "time": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "namespaces": [$(entries)
  ]
}
EOF
echo "$directory"
)sh";

std::string condition_of(collect::Condition condition) {
  switch (condition) {
    case collect::Condition::always:
      return "";
    case collect::Condition::legacy_v4:
      return "is_there /proc/net/ip_tables_names && ";
    case collect::Condition::legacy_v6:
      return "is_there /proc/net/ip6_tables_names && ";
    case collect::Condition::other_nft:
      return "iptables-save --version 2>/dev/null | grep -q nf_tables || ";
    case collect::Condition::ebtables:
      break;
  }
  return "grep -q '^ebtable_' /proc/modules 2>/dev/null && ";
}

void fill_in(std::string& script, std::string_view name, std::span<const char* const> words) {
  script.replace(script.find(name), name.size(), fmt::format("{}", fmt::join(words, " \\\n    ")));
}

}  // namespace

std::string snapshot_script() {
  std::string script(head);
  for (const collect::Command& command : collect::commands()) {
    script += fmt::format("  {}save {} {}\n", condition_of(command.condition), command.file,
                          fmt::join(command.argv, " "));
    if (const auto plain = collect::plain_form(command)) {
      script.pop_back();
      script += fmt::format(" ||\n    save {} {}\n", plain->file, fmt::join(plain->argv, " "));
    }
  }
  script += tail;
  fill_in(script, "@FILES@", boot_file_patterns());
  fill_in(script, "@PROGRAMS@", boot_programs());
  return script;
}

}  // namespace wayout::host
