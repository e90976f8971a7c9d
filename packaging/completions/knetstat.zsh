#compdef knetstat
# Completions of knetstat(8) for zsh. `knetstat complete` generates them.

_knetstat() {
	local line value
	local -a values descriptions

	for line in ${(f)"$(${(Q)words[1]} complete -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)"}; do
		value=${line%%$'\t'*}
		values+=("$value")
		# _describe reads backslashes, which stand in the names of some processes.
		value=${value//\\/\\\\}
		descriptions+=("${value//:/\\:}:${line#*$'\t'}")
	done
	if (( $#values )); then
		_describe -V knetstat descriptions
	elif [[ $PREFIX == */* ]]; then
		_files
	fi
}

if [[ $funcstack[1] == _knetstat ]]; then
	_knetstat "$@"
else
	compdef _knetstat knetstat
fi
