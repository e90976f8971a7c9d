# Completions of knetstat(8) for bash. `knetstat complete` generates them.
_knetstat() {
	local i word words=() prefix= value

	# bash splits --state=LISTEN into three words (COMP_WORDBREAKS), and replaces only the last.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((i > 1)) && [[ ${words[${#words[@]} - 1]} == --* ]] &&
			[[ $word == = || ${COMP_WORDS[i - 1]} == = ]]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
		fi
	done
	word=${words[${#words[@]} - 1]}
	[[ $word == --*=* && ${COMP_WORDS[COMP_CWORD]} != "$word" ]] && prefix=${word%%=*}=

	COMPREPLY=()
	while IFS=$'\t' read -r value _; do
		value=${value#"$prefix"}
		# A process name may contain characters that are special to the shell.
		[[ $value == *[!A-Za-z0-9_.,=+@%/:-]* ]] && printf -v value %q "$value"
		COMPREPLY+=("$value")
	done < <("$1" complete -- "${words[@]}" 2>/dev/null)
	# A network namespace may be a path.
	[[ ${#COMPREPLY[@]} == 0 && $word == */* ]] && compopt -o default
}
complete -F _knetstat knetstat
