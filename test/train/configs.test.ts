// The configurations that ship are valid.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '#src/train/config.js';

const folder = resolve(import.meta.dirname, '..', '..', 'configs');

describe('the configuration', () => {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.yaml'),
  )) {
    it(`${file} is valid`, async () => {
      for (const name of [
        'TOYCITY',
        'CAMVID',
        'CITYSCAPES',
        'TEACHER',
        'START',
        'MODEL',
        'MOBILENETV2',
        'STREETS',
        'VAL30',
        'CLASSES',
      ])
        process.env[name] ??= '/data';
      const config = await readConfig(join(folder, file), ['seed=5']);
      expect(config.seed).toBe(5);
      expect(config.steps).toBeGreaterThan(100);
    });
  }
});
