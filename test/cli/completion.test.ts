// Completion: what bash offers, and that the other shells' scripts name every command and option.
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

/** What bash offers for the last word. */
function offered(...words: string[]): string[] {
  const typed = ['steadyseg', ...words].map((word) => `'${word}'`).join(' ');
  const asked = `source ./bash; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _steadyseg; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', asked], { cwd: folder, encoding: 'utf8' });
  return output.split('\n').filter((line) => line !== '');
}

describe.skipIf(!has('bash'))('bash', () => {
  it('offers commands, those below them, options, their values, and files', () => {
    expect(offered('pre')).toEqual(['predict']);
    expect(offered('').sort()).toEqual(expect.arrayContaining(Object.keys(commands)));
    expect(offered('evaluate', 's')).toEqual(['steadiness']);
    expect(offered('evaluate', 'tc', '--mo')).toEqual(['--mode']);
    expect(offered('evaluate', 'tc', '--mode', 'm')).toEqual(['masked']);
    expect(offered('predict', 'drive.mp4', '--preset', 'c')).toEqual(['cityscapes', 'camvid']);
    expect(offered('predict', '--model', 'net')).toEqual(['network.onnx']);
    expect(offered('adapt', 'net')).toEqual(['network.onnx']);
    expect(offered('completion', 'z')).toEqual(['zsh']);
  });
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
