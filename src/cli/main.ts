#!/usr/bin/env node
// The command line: finds the command, loads only its file, and turns errors into one line and an exit code.
import { Command, CommanderError } from 'commander';
import { isOutOfMemory, isSystemError, messageOf, SteadysegError } from '../base/errors.js';
import { reasonOf } from '../base/files.js';
import { packageVersion } from '../base/version.js';
import { commands } from './commands.js';
import { exitCodeOf } from './exitCode.js';

/** How much of the engine's own words stands in an error. */
const MAX_QUOTED = 160;

/** Exit codes: 0 done, or as `exitCodeOf` says. */
async function main(argv: readonly string[]): Promise<number> {
  const debug = argv.includes('--debug');
  try {
    const program = new Command('steadyseg')
      .description('Per-frame semantic video segmentation that does not flicker.')
      .version(packageVersion(), '-V, --version')
      .option('--debug', 'print a stack trace with errors')
      .exitOverride();
    for (const [name, { summary, load }] of Object.entries(commands)) {
      if (argv.includes(name)) program.addCommand(inherit((await load()).command(), program), { hidden: false });
      else program.command(name).description(summary);
    }
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    if (thrown instanceof SteadysegError) process.stderr.write(`steadyseg: ${messageOf(thrown)}\n`);
    else if (isOutOfMemory(thrown))
      process.stderr.write(
        `steadyseg: there is not enough memory (${messageOf(thrown).slice(0, MAX_QUOTED)}): fewer --threads or smaller frames need less\n`,
      );
    else process.stderr.write(`steadyseg: unexpected error: ${messageOf(thrown)} (a stack trace: --debug)\n`);
    if (debug && thrown instanceof Error) process.stderr.write(`${thrown.stack}\n`);
    return exitCodeOf(thrown);
  }
}

/** Gives a command and those below it the exits and the `--debug` of the program. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent).option('--debug', 'print a stack trace with errors');
  for (const child of command.commands) inherit(child, command);
  return command;
}

/** A reader that went away (`| head`) or a full disk is told in a line; what else was to be done is done. */
process.stdout.on('error', (error) => {
  const why = isSystemError(error, 'EPIPE') ? 'its reader has gone' : reasonOf(error);
  process.stderr.write(`steadyseg: cannot write the output: ${why}\n`);
  process.exitCode = 1;
});
// There is nobody left to tell.
process.stderr.on('error', () => {
  process.exitCode = 1;
});

const code = await main(process.argv.slice(2));
// An output that could not be written has set it already.
process.exitCode ||= code;
