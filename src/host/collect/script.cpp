#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>

#include "host/collect.hpp"
#include "host/collect/commands.hpp"

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

# save FILE COMMAND...: what it prints, unless it is not installed or fails
save() {
  file=$1
  shift
  command -v "$1" >/dev/null 2>&1 || return 0
  inside "$@" >"$folder/$file" 2>/dev/null </dev/null || rm -f "$folder/$file"
}

# is_there FILE: it has something in it, in the namespace
is_there() { [ -n "$(inside cat "$1" 2>/dev/null)" ]; }

# filters DEVICE DIRECTION: what tc has there, under its command as a heading
filters() {
  direction=$2
  [ "$direction" = root ] && direction=
  echo "# tc filter show dev $1 $2"
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

# quoted TEXT: as a JSON string
quoted() {
  printf '"%s"' "$(printf %s "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g')"
}

# collect NAMESPACE-FILE NAME PID [RUNTIME ID]: one folder and its entry in the manifest;
# a namespace that was met before is not collected again
seen=' '
entries=
collect() {
  namespace=$1
  inode=$(stat -Lc %i "${namespace:-/proc/self/ns/net}") || return 0
  case $seen in *" $inode "*) return 0 ;; esac
  seen="$seen$inode "
  folder=$(printf %s "$2" | tr -c 'A-Za-z0-9_.-' _ | sed 's/^\./_/')
  while [ -e "$folder" ]; do folder=$folder-2; done
  mkdir "$folder" || exit 2
  save_all
  entry="{\"name\": $(quoted "$2"), \"folder\": $(quoted "$folder")"
  [ -n "$3" ] && entry="$entry, \"pid\": $3"
  [ -n "$4" ] && entry="$entry, \"container\": {\"runtime\": \"$4\", \"id\": \"$5\", \"name\": $(quoted "$2")}"
  entries="$entries${entries:+,
    }$entry}"
}

collect '' host '' '' ''
for runtime in docker podman; do
  command -v $runtime >/dev/null 2>&1 || continue
  for id in $($runtime ps -q --no-trunc 2>/dev/null); do
    about=$($runtime inspect --type container -f '{{.State.Pid}} {{.Name}}' "$id" 2>/dev/null) || continue
    pid=${about%% *}
    name=${about#* }
    [ "$pid" -gt 0 ] 2>/dev/null && collect "/proc/$pid/ns/net" "${name#/}" "$pid" $runtime "$id"
  done
done
for file in /run/netns/*; do
  [ -e "$file" ] && collect "$file" "${file##*/}" '' '' ''
done

cat >manifest.json <<EOF
{
  "format": 1,
  "kernel": $(quoted "$(uname -r)"),
  "time": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "namespaces": [
    $entries
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
    case collect::Condition::ebtables:
      break;
  }
  return "grep -q '^ebtable_' /proc/modules 2>/dev/null && ";
}

}  // namespace

std::string snapshot_script() {
  std::string script(head);
  for (const collect::Command& command : collect::commands())
    script += fmt::format("  {}save {} {}\n", condition_of(command.condition), command.file,
                          fmt::join(command.argv, " "));
  script += tail;
  return script;
}

}  // namespace wayout::host
