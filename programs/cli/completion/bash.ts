// The completion script for bash (GNU bash manual, section 8.6 "Programmable Completion"). Needs no bash-completion.

import type { CommandNode } from '../command-tree.ts';
import { places, valuedOptions } from './words.ts';

export function bashScript(tree: CommandNode): string {
	const all = places(tree);
	const words = all.map((place) => {
		const options = place.options.flatMap(({ names }) => names);
		return `\t\t${quoted(place.path)}) words=${quoted([...place.children.map(({ word }) => word), ...place.choices].join(' '))} options=${quoted(options.join(' '))} files=${place.files ? 1 : 0} ;;`;
	});
	const nouns = all.filter((place) => place.path !== '').map((place) => quoted(place.path));
	const values = all.flatMap((place) =>
		place.options
			.filter((option) => option.choices.length > 0)
			.flatMap(({ names, choices }) =>
				names.map((name) => `\t\t${quoted(`${place.path} ${name}`)}) values=${quoted(choices.join(' '))} ;;`),
			),
	);
	const paths = [
		...new Set(all.flatMap((place) => place.options.filter(({ path }) => path).flatMap(({ names }) => names))),
	];
	return `# bash completion for caisson; written by 'caisson completion bash'.
_caisson() {
	local current=\${COMP_WORDS[COMP_CWORD]} previous= path= skip=0 index word words= options= values= files=0
	COMPREPLY=()
	if ((COMP_CWORD > 1)); then previous=\${COMP_WORDS[COMP_CWORD - 1]}; fi
	# The nouns and verbs before the word under the cursor.
	for ((index = 1; index < COMP_CWORD; index++)); do
		word=\${COMP_WORDS[index]}
		if ((skip)); then
			skip=0
			continue
		fi
		case $word in
		${valuedOptions(all).join('|')}) skip=1 ;;
		-*) ;;
		*)
			case "\${path:+$path }$word" in
			${nouns.join('|')}) path="\${path:+$path }$word" ;;
			esac
			;;
		esac
	done
	# bash splits --format=json at the =.
	if [[ $current == = ]]; then current=; elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD - 2]}; skip=1; fi
	if ((skip)); then
		case "$path $previous" in
${values.join('\n')}
		esac
		case $previous in
		${paths.join('|')}) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
		*) COMPREPLY=($(compgen -W "$values" -- "$current")) ;;
		esac
		return
	fi
	case $path in
${words.join('\n')}
	esac
	if [[ $current == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$current"))
		return
	fi
	COMPREPLY=($(compgen -W "$words" -- "$current"))
	if ((files && \${#COMPREPLY[@]} == 0)); then
		compopt -o filenames 2>/dev/null
		COMPREPLY=($(compgen -f -- "$current"))
	fi
}
complete -F _caisson caisson
`;
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
