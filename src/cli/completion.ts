// `steadyseg completion`: a script for the shell that completes commands, options and their values.
import { Argument, Command, type Option } from 'commander';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** A command as shells complete it. */
interface Described {
  /** The words that lead to it: none for the program itself. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly options: readonly Option[];
  /** Names and summaries of the commands below it. */
  readonly children: readonly (readonly [name: string, summary: string])[];
  /** Values of its first argument, where these are named. */
  readonly values: readonly string[];
}

/** The commands of the program by name, each loaded when it is called. */
type Commands = Readonly<Record<string, { summary: string; load: () => Promise<{ command: () => Command }> }>>;

/** The command, for the program that has these. */
export function completionCommand(commands: Commands): Command {
  return new Command('completion')
    .description('Print a script that lets the shell complete commands, options and their values.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  steadyseg completion bash >> ~/.bashrc
  steadyseg completion zsh > ~/.zfunc/_steadyseg        # with fpath+=~/.zfunc before compinit
  steadyseg completion fish > ~/.config/fish/completions/steadyseg.fish`,
    )
    .action(async (shell: Shell) => {
      process.stdout.write(writers[shell](await describeAll(commands)));
    });
}

async function describeAll(commands: Commands): Promise<Described[]> {
  const names = Object.entries(commands);
  const described: Described[] = [
    { path: [], summary: '', options: [], children: names.map(([name, { summary }]) => [name, summary]), values: [] },
  ];
  for (const [name, { summary, load }] of names) add((await load()).command(), [name], summary);
  return described;

  function add(command: Command, path: readonly string[], summary: string): void {
    described.push({
      path,
      summary,
      options: command.options,
      children: command.commands.map((child) => [child.name(), child.description()]),
      values: command.registeredArguments.at(0)?.argChoices ?? [],
    });
    for (const child of command.commands) add(child, [...path, child.name()], child.description());
  }
}

const flagsOf = ({ short, long }: Option) => [short, long].filter((flag) => flag !== undefined);
const takesValue = ({ required, optional }: Option) => required || optional;
/** Of every command. */
const commonFlags = [
  ['--help', 'show the help'],
  ['--debug', 'print a stack trace with errors'],
] as const;

const writers: Readonly<Record<Shell, (all: readonly Described[]) => string>> = { bash, zsh, fish };

/** Words by command, flags once a dash is there; after an option with named values those, after others files, as for arguments. */
function bash(all: readonly Described[]): string {
  const cases = all.map(({ path, options, children, values }) => {
    const words = [...children.map(([name]) => name), ...values];
    const flags = [...options.flatMap(flagsOf), ...commonFlags.map(([flag]) => flag)];
    return `    ${quoted(path.join(' '))}) words=${quoted(words.join(' '))} flags=${quoted(flags.join(' '))} ;;`;
  });
  const choices = all.flatMap(({ path, options }) =>
    options.filter(takesValue).map(
      (option) =>
        `    ${flagsOf(option)
          .map((flag) => quoted(`${path.join(' ')} ${flag}`))
          .join(' | ')}) values=${quoted((option.argChoices ?? []).join(' '))}; valued=1 ;;`,
    ),
  );
  const parents = all.filter(({ children }) => children.length > 0).map(({ path }) => quoted(path.join(' ')));
  return `# Completes steadyseg in bash. Made by: steadyseg completion bash
_steadyseg() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" flags="" values="" valued="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path" in
      ${parents.join(' | ')}) [[ "$word" == -* ]] || path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $previous" in
${choices.join('\n')}
  esac
  if [[ -n "$valued" ]]; then
    if [[ -n "$values" ]]; then COMPREPLY=($(compgen -W "$values" -- "$current"))
    else COMPREPLY=($(compgen -f -- "$current")); fi
    return
  fi
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n "$words" ]]; then COMPREPLY=($(compgen -W "$words" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -o bashdefault -F _steadyseg steadyseg
`;
}

/** One function a command, by zsh's own `_arguments`. */
function zsh(all: readonly Described[]): string {
  const functions = all.map(({ path, options, children, values }) => {
    const own = options.map((option) => {
      const value = takesValue(option)
        ? `:value:${option.argChoices ? `(${option.argChoices.join(' ')})` : '_files'}`
        : '';
      const flags = flagsOf(option);
      const names = flags.length > 1 ? `'(${flags.join(' ')})'{${flags.join(',')}}` : `'${flags[0]}'`;
      return `${names}${quoted(`[${bracketed(option.description)}]${value}`)}`;
    });
    const help = commonFlags.map(([flag, summary]) => quoted(`${flag}[${summary}]`));
    const name = ['_steadyseg', ...path].join('_').replaceAll('-', '_');
    if (children.length === 0) {
      const rest = quoted(values.length > 0 ? `1:value:(${values.join(' ')})` : '*:file:_files');
      return `${name}() {\n  _arguments ${[...own, ...help, rest].join(' \\\n    ')}\n}`;
    }
    const described = children.map(([child, summary]) => `    ${quoted(`${child}:${summary}`)}`);
    const calls = children.map(([child]) => `    ${child}) ${name}_${child.replaceAll('-', '_')} ;;`);
    return `${name}() {
  local state line
  _arguments -C ${[...own, ...help].join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command) local -a known; known=(
${described.join('\n')}
    ); _describe command known ;;
    argument) case $line[1] in
${calls.join('\n')}
    esac ;;
  esac
}`;
  });
  return `#compdef steadyseg\n# Completes steadyseg in zsh. Made by: steadyseg completion zsh\n${functions.join('\n')}\ncompdef _steadyseg steadyseg\n`;
}

/** A line for each command, option and value, with the commands it is seen after. */
function fish(all: readonly Described[]): string {
  const lines = all.flatMap(({ path, options, children, values }) => {
    const names = children.map(([name]) => name).join(' ');
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const here = [...seen, ...(names === '' ? [] : [`not __fish_seen_subcommand_from ${names}`])].join('; and ');
    const line = (rest: string) => `complete -c steadyseg -n ${quoted(here)} ${rest}`;
    return [
      ...children.map(([name, summary]) => line(`-f -a ${quoted(name)} -d ${quoted(summary)}`)),
      ...(values.length > 0 ? [line(`-f -a ${quoted(values.join(' '))}`)] : []),
      ...options.map((option) => {
        const short = option.short ? ` -s ${option.short.slice(1)}` : '';
        const value = option.argChoices
          ? ` -x -a ${quoted(option.argChoices.join(' '))}`
          : takesValue(option)
            ? ' -r'
            : '';
        return line(`-l ${option.long?.slice(2)}${short}${value} -d ${quoted(option.description)}`);
      }),
      ...commonFlags.map(([flag, summary]) => line(`-l ${flag.slice(2)} -d ${quoted(summary)}`)),
    ];
  });
  return `# Completes steadyseg in fish. Made by: steadyseg completion fish\n${lines.join('\n')}\n`;
}

/** A word that no shell looks into. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A description within the brackets of `_arguments`. */
function bracketed(text: string): string {
  return text.replace(/[[\]:\\]/g, (character) => `\\${character}`);
}
