// Serves the browser page: `npm run web`.
import { resolve } from 'node:path';
import { pageRoutes, startServer } from './staticServer.js';

const { address } = await startServer({ port: 8080, routes: pageRoutes(resolve(import.meta.dirname, '..', '..')) });
console.log(`The page is at ${address} (Ctrl-C ends it).`);
