// `steadyseg doctor` finds this machine able, and says what is amiss; wrong usage ends with 2 whatever is wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('steadyseg doctor', { timeout: 120_000 }, () => {
  it('tries everything, and names it', () => {
    const { code, stdout } = steadyseg(['doctor', '--json']);
    const { ok, findings } = JSON.parse(stdout);
    expect(findings.filter((finding: { ok: boolean }) => !finding.ok)).toEqual([]);
    expect([code, ok]).toEqual([0, true]);
    const names = findings.map(({ name }: { name: string }) => name);
    for (const name of ['ONNX Runtime', 'devices', 'FFmpeg', 'cores', 'memory', 'optical flow']) {
      expect(names).toContain(name);
    }
  });

  it('exits with 1 and names what is amiss', () => {
    const { code, stdout, stderr } = steadyseg(['doctor'], undefined, { TMPDIR: join(folder, 'gone') });
    expect([code, stderr]).toEqual([1, 'steadyseg: amiss: room for temporary files\n']);
    expect(stdout).toMatch(/^amiss +room for temporary files/m);
  });
});

describe('wrong usage', { timeout: 120_000 }, () => {
  const config = (text: string) => {
    writeFileSync(join(folder, 'run.yaml'), text);
    return ['train', 'run.yaml'];
  };
  const data = 'network: { architecture: pspnet18 }\ndata: { layout: toycity, root: toy }\ncrop: [64, 64]';
  it.each([
    ['a key that there is not', () => config(`${data}\nsteps: 3\nbatsh: 1\n`), 'did you mean'],
    ['a value of another kind', () => config(`${data}\nsteps: many\n`), 'steps'],
    ['a configuration that is no YAML', () => config('steps: [1'), 'expected YAML'],
    ['an option that there is not', () => ['predict', 'a.mp4', '--modle', 'x'], 'unknown option'],
    ['a share beyond 1', () => ['predict', 'a.mp4', '--opacity', '1.5'], 'opacity'],
    ['a place that there is not', () => ['compare', 'a', 'b', '--legend', 'above'], 'legend'],
    ['results of a stream without a folder', () => ['predict', '-'], '--out'],
  ])('exits with 2: %s', (_, args, message) => {
    const { code, stderr } = steadyseg(args(), folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
