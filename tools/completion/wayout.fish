# fish completion for wayout

# What FROM may be: containers, ip netns names, the calling namespace.
function __wayout_namespaces
    echo host
    docker ps --format '{{.Names}}' 2>/dev/null
    podman ps --format '{{.Names}}' 2>/dev/null
    ip netns list 2>/dev/null | string replace -r ' .*' ''
end

set -l why '__fish_seen_subcommand_from why'
set -l snapshot '__fish_seen_subcommand_from snapshot'
set -l replay '__fish_seen_subcommand_from replay'

complete -c wayout -f
complete -c wayout -l help -d 'Describe the commands'
complete -c wayout -n __fish_use_subcommand -l version -d 'Print the version'
complete -c wayout -n __fish_use_subcommand -a why -d 'Where a packet ends and what lifts it'
complete -c wayout -n __fish_use_subcommand -a snapshot -d 'Write how this host is configured'
complete -c wayout -n __fish_use_subcommand -a replay -d 'Feed captures to a snapshot'

complete -c wayout -n $why -a '(__wayout_namespaces)'
complete -c wayout -n $why -l proto -x -a 'tcp udp icmp' -d 'Protocol of the packet'
complete -c wayout -n $why -l dport -x -d 'Destination port'
complete -c wayout -n $why -l sport -x -d 'Source port'
complete -c wayout -n $why -l size -x -d 'Length of the IP packet'
complete -c wayout -n $why -l df -d 'Must not be fragmented'
complete -c wayout -n $why -l snapshot -x -a '(__fish_complete_directories)' -d 'Read the host from files'
complete -c wayout -n $why -l explain -d 'Every stage in full, and why the rules before did not match'
complete -c wayout -n $why -l json -d 'Answer in JSON'

complete -c wayout -n $snapshot -s o -l output -x -a '(__fish_complete_directories)' -d 'Directory to write'
complete -c wayout -n $snapshot -l script -d 'Print a script that collects the same'

complete -c wayout -n $replay -a '(__fish_complete_directories)'
complete -c wayout -n $replay -l in -x -d 'DEV=FILE: a capture that this device receives'
complete -c wayout -n $replay -l out -x -a '(__fish_complete_directories)' -d 'Directory for what comes of it'
complete -c wayout -n $replay -l seed -x -d 'For what the kernel draws at random'
complete -c wayout -n $replay -l explain -d 'Verdicts with every stage'
