// Completion: what each shell that is installed offers, and that every script names all commands and options.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '#src/cli/commands.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));
const scripts = new Map<string, string>();
beforeAll(() => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = steadyseg(['completion', shell]);
    expect(code).toBe(0);
    scripts.set(shell, stdout);
    writeFileSync(join(folder, shell), stdout);
  }
  writeFileSync(join(folder, 'network.onnx'), '');
}, 120_000);

/** Whether a shell is there to be asked. */
const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

/** A terminal with zsh in it: what is typed is completed by its own key, and each offer is printed. */
const zshTerminal = `
zmodload zsh/zpty
read_until() { local line; while zpty -r shell line; do print -r -- "$line"; [[ $line == *$1* ]] && return; done }
zpty shell zsh -f -i
zpty -w shell 'autoload -Uz compinit; compinit -u -C -d ./dump; source ./zsh'
zpty -w shell 'compadd() { if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi'
zpty -w shell 'local offer; local -a offers; builtin compadd -A offers "$@"; for offer in $offers; do print -r -- offer":"$offer; done }'
zpty -w shell 'leave() { print end":"; exit }; zle -N leave; bindkey "^X" leave; bindkey "^I" complete-word; print ready":"'
read_until ready:
zpty -n -w shell "$1"$'\t\x18'
read_until end:
`;

/** What a shell offers for the last word, however it orders that. */
const offered: Readonly<Record<string, (words: readonly string[]) => string[]>> = {
  bash(words) {
    const typed = ['steadyseg', ...words].map((word) => `'${word}'`).join(' ');
    const asked = `source ./bash; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _steadyseg; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return lines('bash', ['--norc', '-c', asked]);
  },
  zsh(words) {
    const printed = lines('zsh', ['-f', '-c', zshTerminal, 'zsh', ['steadyseg', ...words].join(' ')]);
    return printed.flatMap((line) => /offer:(\S+)\s*$/.exec(line)?.[1] ?? []);
  },
  fish(words) {
    const asked = `source ./fish; complete -C '${['steadyseg', ...words].join(' ')}'`;
    return lines('fish', ['--no-config', '-c', asked]).map((line) => line.split('\t')[0]);
  },
};

function lines(program: string, args: readonly string[]): string[] {
  const output = execFileSync(program, args, { cwd: folder, encoding: 'utf8', timeout: 120_000 });
  return output.split('\n').filter((line) => line !== '');
}

describe.each(Object.entries(offered))('%s', (shell, offers) => {
  if (!has(shell)) console.log(`no ${shell} on this machine: its completion is not tried`);
  it.skipIf(!has(shell)).each([
    [['pre'], ['predict']],
    [[''], Object.keys(commands)],
    [['evaluate', 's'], ['steadiness']],
    [['evaluate', 'tc', '--mo'], ['--mode']],
    [['evaluate', 'tc', '--mode', 'm'], ['masked']],
    [
      ['predict', 'drive.mp4', '--preset', 'c'],
      ['cityscapes', 'camvid'],
    ],
    [['predict', '--model', 'net'], ['network.onnx']],
    [['adapt', 'net'], ['network.onnx']],
    [['adapt', '--he'], ['--help']],
    [['completion', 'z'], ['zsh']],
  ])(
    'after %j offers %j',
    (words, expected) => {
      expect(offers(words).sort()).toEqual([...expected].sort());
    },
    120_000,
  );
});

describe('the scripts', () => {
  it.each(['zsh', 'fish'])('of %s names every command, and options with their values', (shell) => {
    const script = scripts.get(shell) ?? '';
    for (const name of [...Object.keys(commands), 'steadiness']) expect(script).toContain(name);
    for (const option of ['classes-only', 'layout']) expect(script).toContain(option);
    expect(script).toContain('diagonal side-by-side');
  });

  it.each(['bash', 'zsh', 'fish'].filter(has))('are read by %s without a complaint', (shell) => {
    const { status, stderr } = spawnSync(shell, ['-n', join(folder, shell)], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('are refused for other shells', () => {
    const { code, stderr } = steadyseg(['completion', 'tcsh']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('bash')]);
  });
});
