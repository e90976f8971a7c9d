# Completions of knetstat(8) for bash. The program knows them: `knetstat complete`.
_knetstat() {
	local i word words=() prefix= value

	# bash takes --state=LISTEN for three words (COMP_WORDBREAKS), and replaces the last.
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
		# A name of a process may have characters that the shell obeys.
		[[ $value == *[!A-Za-z0-9_.,=+@%/:-]* ]] && printf -v value %q "$value"
		COMPREPLY+=("$value")
	done < <("$1" complete -- "${words[@]}" 2>/dev/null)
	# A network namespace may be a path.
	[[ ${#COMPREPLY[@]} == 0 && $word == */* ]] && compopt -o default
}
complete -F _knetstat knetstat
