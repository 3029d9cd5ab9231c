// `caisson workflow show|get`: one workflow, as a drawing or as data.

import { Command } from 'commander';
import { stringify } from 'yaml';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { builtinWorkflowNames } from '../builtin.ts';
import { diagramFormats } from '../rules/diagram.ts';
import type { Workflow } from '../rules/model.ts';
import { validateWorkflow } from '../rules/validate.ts';
import { fetchWorkflow, readLocal, sourceName } from './source.ts';

type DataFormat = 'yaml' | 'json';
type DrawingFormat = keyof typeof diagramFormats;

export function showCommand(terminal: Terminal): Command {
	const command = new Command('show')
		.summary('draw a workflow; needs no server for a file')
		.description(
			'Draws a workflow. A file of that name is taken first, then a workflow that Caisson brings along, ' +
				'then the server is asked; - is stdin. A workflow that is not valid is drawn too, with a note.',
		)
		.argument('<workflow>', 'a file, or the name of a workflow');
	withFormat(command, ['mermaid', 'dot', 'plantuml', 'svg', 'yaml', 'json']);
	command.addHelpText('after', `\nWorkflows that Caisson brings along:\n  ${builtinWorkflowNames.join('\n  ')}`);
	withExamples(command, [
		['caisson workflow show update.yaml --format svg > update.svg', 'A file as a picture'],
		['caisson workflow show wfx.workflow.dau.direct', 'A built-in workflow, for a README on GitHub or GitLab'],
		['caisson workflow show my.workflow --format dot | dot -Tpdf -o my.pdf', 'From the server, with Graphviz'],
	]);
	return command.action(async (source: string, options: { format: DrawingFormat | DataFormat }) => {
		const local = await readLocal(terminal, source);
		for (const warning of local?.warnings ?? []) terminal.note(`${sourceName(source)}: ${warning}`);
		const workflow = local?.workflow ?? (await fetchWorkflow(terminal, source));
		const problem = validateWorkflow(workflow);
		if (problem !== undefined) terminal.note(`This workflow is not valid: ${problem.message} (${problem.rule}).`);
		const { format } = options;
		if (format === 'yaml' || format === 'json') writeWorkflow(terminal, workflow, format);
		else terminal.write(diagramFormats[format](workflow));
	});
}

export function getCommand(terminal: Terminal): Command {
	const command = new Command('get')
		.summary('show a workflow of the server as data')
		.description('Shows a workflow of the server as YAML or JSON; what it writes can be created again elsewhere.')
		.argument('<name>', 'name of the workflow');
	withFormat(command, ['yaml', 'json']);
	withExamples(command, [['caisson workflow get wfx.workflow.dau.direct > direct.yaml', 'Keep a copy']]);
	return command.action(async (name: string, { format }: { format: DataFormat }) => {
		writeWorkflow(terminal, await fetchWorkflow(terminal, name), format);
	});
}

export function writeWorkflow(terminal: Terminal, workflow: Workflow, format: DataFormat): void {
	if (format === 'json') terminal.json(workflow);
	else terminal.write(stringify(workflow, { lineWidth: 100 }));
}
