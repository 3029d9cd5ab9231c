// Runs a program of this folder in a process of its own and reads the line of JSON that it answers with. It leaves out
// what the programs measure.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * @param limit milliseconds, after which it is ended and the answer is 'over'
 * @throws Error where the program fails
 */
export async function runChild<Answer>(name: string, task: unknown, limit?: number): Promise<Answer | 'over'> {
	const program = fileURLToPath(new URL(name, import.meta.url));
	const words = ['--disable-warning=ExperimentalWarning', program, JSON.stringify(task)];
	const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
	let output = '';
	let over = false;
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		output += text;
	});
	const end = () => {
		over = true;
		child.kill('SIGKILL');
	};
	const timer = limit === undefined ? undefined : setTimeout(end, limit);
	const code = await new Promise<number | null>((resolve, reject) => {
		child.on('error', reject).on('close', resolve);
	});
	clearTimeout(timer);
	if (over) return 'over';
	if (code !== 0) throw new Error(`${name} ended with ${code}`);
	return JSON.parse(output) as Answer;
}
