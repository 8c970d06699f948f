// The commands as a page, from the help texts that the commands print.
import type { Command } from 'commander';
import { commands } from '#src/cli/commands.js';

/** Columns of the help texts in the page. */
const WIDTH = 110;

/** The page. */
export async function commandPage(): Promise<string> {
  const sections: string[] = [];
  const contents: string[] = [];
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = (await load()).command();
    contents.push(`- [\`steadyseg ${name}\`](#steadyseg-${name}): ${summary}`);
    // What stands before a command's name in its usage is the name of its parent.
    sections.push(`## steadyseg ${name}\n`, ...helpsOf(command.name(`steadyseg ${name}`), `steadyseg ${name}`));
  }
  return `<!-- Written by \`npm run docs\` from the commands' help; changes here are lost. -->
# Commands

\`--json\` prints one JSON object on stdout and nothing else; progress and messages go to stderr. Exit codes: 0 done, 1 failed,
2 wrong usage, 130 interrupted. \`--debug\` adds a stack trace to errors.

${contents.join('\n')}

${sections.join('\n')}`;
}

function helpsOf(command: Command, path: string): string[] {
  let text = '';
  command
    .configureHelp({ helpWidth: WIDTH })
    .configureOutput({
      writeOut: (part) => {
        text += part;
      },
    })
    .outputHelp();
  const fence = '```';
  const parts = [`${fence}text\n${text.trim()}\n${fence}\n`];
  for (const child of command.commands) {
    parts.push(`### ${path} ${child.name()}\n`, ...helpsOf(child, `${path} ${child.name()}`));
  }
  return parts;
}
