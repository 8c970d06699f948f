// Builds the browser page into out/page, a folder that any file server serves: `npm run web:build`.
import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'vite';

/** @param site the folder, made anew. */
export async function buildPage(root: string, site: string): Promise<void> {
  // A slow machine is no fault of the page.
  const rolldownOptions = { checks: { bundlerTimings: false } };
  await build({
    root: join(root, 'web'),
    // Addresses are relative: the folder may lie anywhere on a server.
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es', rolldownOptions },
    build: {
      outDir: site,
      emptyOutDir: true,
      target: 'es2022',
      chunkSizeWarningLimit: 1000,
      rolldownOptions,
    },
  });
  await cp(join(root, 'models'), join(site, 'models'), { recursive: true });
}

if (process.argv[1] === import.meta.filename) {
  const root = resolve(import.meta.dirname, '..', '..');
  const site = join(root, 'out', 'page');
  await buildPage(root, site);
  console.log(`The page is in ${site}.`);
}
