# Completions of knetstat(8) for fish. `knetstat complete` generates them.
function __knetstat_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words 2>/dev/null
end

complete -c knetstat -f -a '(__knetstat_complete)'
