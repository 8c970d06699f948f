// What was called, to be repeated.

/** The command line of this process, as a shell takes it. */
export function calledCommand(): string {
  return ['steadyseg', ...process.argv.slice(2)].map(quoted).join(' ');
}

function quoted(argument: string): string {
  return /^[\w./:=,@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
