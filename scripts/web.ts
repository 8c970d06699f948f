// Serves the browser page: `npm run web`, which builds it first.
import { resolve } from 'node:path';
import { startServer } from './staticServer.js';

const site = resolve(import.meta.dirname, '..', 'page');
const { address } = await startServer({ port: 8080, routes: { '/': site } });
console.log(`The page is at ${address} (Ctrl-C ends it).`);
