# bash completion for wayout

# What FROM may be: containers, ip netns names, the calling namespace.
_wayout_namespaces() {
  echo host
  docker ps --format '{{.Names}}' 2>/dev/null
  podman ps --format '{{.Names}}' 2>/dev/null
  ip netns list 2>/dev/null | cut -d' ' -f1
}

_wayout() {
  local word=$2 previous=$3
  COMPREPLY=()
  case $previous in
    --proto) mapfile -t COMPREPLY < <(compgen -W 'tcp udp icmp' -- "$word"); return ;;
    --snapshot | -o) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --dport | --sport | --size) return ;;
  esac

  local candidates
  case ${COMP_WORDS[1]}:$word in
    why:-*) candidates='--proto --dport --sport --size --df --snapshot --explain --json --help' ;;
    why:*) ((COMP_CWORD == 2)) && candidates=$(_wayout_namespaces) ;;
    snapshot:*) candidates='-o --script --help' ;;
    *) ((COMP_CWORD == 1)) && candidates='why snapshot --version --help' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "${candidates:-}" -- "$word")
}

complete -F _wayout wayout
