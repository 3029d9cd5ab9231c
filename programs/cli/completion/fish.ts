// The completion script for fish (fish documentation, "Writing your own completions").

import type { CommandNode } from '../command-tree.ts';
import { type Place, places, valuedOptions } from './words.ts';

export function fishScript(tree: CommandNode): string {
	const all = places(tree);
	const nouns = all.filter((place) => place.path !== '').map((place) => quoted(place.path));
	return `# fish completion for caisson; written by 'caisson completion fish'.
function __caisson_at --description 'are these the nouns and verbs typed so far?'
	set --local path ''
	set --local skip 0
	for word in (commandline --tokens-expanded --cut-at-cursor --current-process 2>/dev/null; or commandline -opc)[2..]
		if test $skip = 1
			set skip 0
			continue
		end
		switch $word
			case ${valuedOptions(all).join(' ')}
				set skip 1
			case '-*'
			case '*'
				set --local next (string trim -- "$path $word")
				if contains -- $next ${nouns.join(' ')}
					set path $next
				end
		end
	end
	test "$path" = "$argv[1]"
end
complete --command caisson --no-files
${all.flatMap(lines).join('\n')}
`;
}

function lines(place: Place): string[] {
	const at = `complete --command caisson --condition ${quoted(`__caisson_at ${quoted(place.path)}`)}`;
	const children = place.children.map(
		({ word, summary }) => `${at} --arguments ${word} --description ${quoted(summary)}`,
	);
	const choices = place.choices.map((word) => `${at} --arguments ${word}`);
	const files = place.files ? [`${at} --force-files`] : [];
	const options = place.options.map((option) => {
		const names = option.names.map((name) =>
			name.startsWith('--') ? `--long-option ${name.slice(2)}` : `--short-option ${name.slice(1)}`,
		);
		const value = option.takesValue ? (option.path ? ' --require-parameter --force-files' : ' --exclusive') : '';
		const words = option.choices.length > 0 ? ` --arguments ${quoted(option.choices.join(' '))}` : '';
		return `${at} ${names.join(' ')}${value}${words} --description ${quoted(option.description)}`;
	});
	return [...children, ...choices, ...files, ...options];
}

function quoted(text: string): string {
	return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
