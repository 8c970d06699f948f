// Serves the browser page: `npm run web`.
import { join, resolve } from 'node:path';
import { startServer } from './staticServer.js';

const root = resolve(import.meta.dirname, '..', '..');
const { address } = await startServer({
  port: 8080,
  routes: {
    '/': join(root, 'web', 'index.html'),
    '/page/': join(root, 'out', 'web'),
    '/models/': join(root, 'models'),
    '/node_modules/': join(root, 'node_modules'),
  },
});
console.log(`The page is at ${address} (Ctrl-C ends it).`);
