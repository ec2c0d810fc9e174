# bash completion for wayout

# What FROM may be: containers, ip netns names, the calling namespace.
_wayout_namespaces() {
  echo host
  docker ps --format '{{.Names}}' 2>/dev/null
  podman ps --format '{{.Names}}' 2>/dev/null
  ip netns list 2>/dev/null | cut -d' ' -f1
}

# The lines of standard input that begin with $1. Names come from the machine: nothing of them may
# be expanded, neither here (compgen -W would) nor on the command line.
_wayout_offer() {
  local name
  while IFS= read -r name; do
    [[ $name == "$1"* ]] && COMPREPLY+=("$(printf %q "$name")")
  done
}

# How many words behind `wayout why` are neither options nor their values.
_wayout_given() {
  local i given=0
  for ((i = 2; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --proto | --dport | --sport | --size | --snapshot) ((++i)) ;;
      -*) ;;
      *) ((++given)) ;;
    esac
  done
  echo "$given"
}

_wayout() {
  local word=$2 previous=$3
  COMPREPLY=()
  case $previous in
    --proto) mapfile -t COMPREPLY < <(compgen -W 'tcp udp icmp' -- "$word"); return ;;
    --snapshot | -o | --output | --out)
      compopt -o filenames 2>/dev/null # readline quotes what it inserts
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return
      ;;
    --dport | --sport | --size | --seed | --in) return ;;
  esac

  local words=
  case ${COMP_WORDS[1]}:$word in
    why:-*) words='--proto --dport --sport --size --df --snapshot --explain --json --help' ;;
    why:*) (($(_wayout_given) == 0)) && _wayout_offer "$word" < <(_wayout_namespaces); return ;;
    snapshot:*) words='-o --output --script --help' ;;
    replay:-*) words='--in --out --seed --explain --help' ;;
    replay:*)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return
      ;;
    *) ((COMP_CWORD == 1)) && words='why snapshot replay --version --help' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _wayout wayout
