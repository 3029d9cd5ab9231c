// The completion script for zsh (zshcompsys(1): _describe and _arguments).

import type { CommandNode, OptionNode } from '../command-tree.ts';
import { type Place, places, valuedOptions } from './words.ts';

export function zshScript(tree: CommandNode): string {
	const all = places(tree);
	const nouns = all.filter((place) => place.path !== '').map((place) => quoted(place.path));
	return `#compdef caisson
# zsh completion for caisson; written by 'caisson completion zsh'.
_caisson() {
	local path= skip=0 word previous=\${words[CURRENT-1]}
	local -a children options values
	for word in "\${(@)words[2,CURRENT-1]}"; do
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
	if ((skip)); then
		case "$path $previous" in
${all.flatMap(valueLines).join('\n')}
			*) _message value; return ;;
		esac
		_describe value values
		return
	fi
	case $path in
${all.map(placeLines).join('\n')}
	esac
	if [[ $PREFIX == -* ]]; then _describe option options; return; fi
	((\${#children})) && _describe command children
}
if [[ $funcstack[1] == _caisson ]]; then _caisson "$@"; else compdef _caisson caisson; fi
`;
}

function placeLines(place: Place): string {
	const children = place.children.map(({ word, summary }) => described(word, summary));
	const choices = place.choices.map((word) => described(word, ''));
	const options = place.options.flatMap((option) => option.names.map((name) => described(name, option.description)));
	const files = place.files ? '; [[ $PREFIX == -* ]] || _files' : '';
	return `\t\t${quoted(place.path)}) children=(${[...children, ...choices].join(' ')}); options=(${options.join(' ')})${files} ;;`;
}

function valueLines(place: Place): string[] {
	const line = (option: OptionNode, name: string) => {
		const pattern = quoted(`${place.path} ${name}`);
		if (option.choices.length > 0) return [`\t\t\t${pattern}) values=(${option.choices.map(quoted).join(' ')}) ;;`];
		return option.path ? [`\t\t\t${pattern}) _files; return ;;`] : [];
	};
	return place.options.flatMap((option) => option.names.flatMap((name) => line(option, name)));
}

function described(word: string, words: string): string {
	return quoted(`${word.replaceAll(':', '\\:')}${words === '' ? '' : `:${words}`}`);
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
