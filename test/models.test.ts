// What ships in models/: networks that load without flags, small enough, each with a card that says how it was made.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { loadModel } from '#src/segment/loadModel.js';
import { shippedModels } from '#src/segment/shipped.js';

const folder = resolve(import.meta.dirname, '..', 'models');
const files = existsSync(folder) ? readdirSync(folder) : [];
const networks = files.filter((name) => name.endsWith('.onnx')).map((name) => name.slice(0, -'.onnx'.length));

/** The headings of a model card, in this order. */
const headings = ['Data', 'Licence', 'Configuration', 'Seed', 'Figures', 'Command'];

/** What ships is small: the package is installed for its library, too. */
const MAX_BYTES = 10_000_000;

describe('models/', () => {
  it('holds what the code names, and nothing else', () => {
    const missing = Object.keys(shippedModels).filter((name) => !networks.includes(name));
    if (missing.length > 0) console.log(`not in this checkout: ${missing.join(', ')}`);
    expect(networks.filter((name) => !Object.hasOwn(shippedModels, name))).toEqual([]);
    const others = files.filter((name) => !name.endsWith('.onnx') && !name.endsWith('.md'));
    expect(others).toEqual([]);
  });

  it('stays below 10 MB', () => {
    const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
  });

  describe.each(networks)('%s', (name) => {
    it('has a card with what it was made of', () => {
      const card = readFileSync(join(folder, `${name}.md`), 'utf8');
      expect(card.startsWith(`# ${name}\n`)).toBe(true);
      const found = [...card.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
      expect(found).toEqual(headings);
      const empty = card
        .split(/^## .+$/m)
        .slice(1)
        .filter((text) => text.trim() === '');
      expect(empty).toEqual([]);
    });

    it('loads with classes and normalisation of its own, and segments', async () => {
      const model = await loadModel(join(folder, `${name}.onnx`), { threads: 1 });
      const preset = presetClasses(name.startsWith('camvid') ? 'camvid' : 'toycity');
      expect(model.classes.classes).toEqual(preset.classes);
      expect(model.classes.palette).toEqual(preset.palette);
      expect(model.classes.ignoreLabel).toBe(preset.ignoreLabel);
      const image = { width: 96, height: 64, data: new Uint8Array(96 * 64 * 3).fill(120) };
      const { labels } = await model.segment(image);
      expect([labels.width, labels.height]).toEqual([96, 64]);
      expect(Math.max(...labels.data)).toBeLessThan(preset.classes.length);
      await model.release();
    });
  });
});
