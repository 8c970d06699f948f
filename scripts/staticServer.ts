// A small file server on this machine, for the browser page and its test.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve, sep } from 'node:path';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.map': 'application/json',
};

export interface ServerOptions {
  /** Folders by the beginning of the address, such as `/models/`; `/` is a file. */
  readonly routes: Readonly<Record<string, string>>;
  /** Default: any free one. */
  readonly port?: number | undefined;
}

/** Where the browser page's files are; its scripts are compiled into `out/web`. */
export function pageRoutes(root: string): ServerOptions['routes'] {
  return {
    '/': join(root, 'web', 'index.html'),
    '/page/': join(root, 'out', 'web'),
    '/models/': join(root, 'models'),
    '/node_modules/': join(root, 'node_modules'),
  };
}

/** Serves to this machine only. The page is cross-origin isolated, which threads in WebAssembly need. */
export async function startServer(options: ServerOptions): Promise<{ address: string; close: () => void }> {
  const { routes, port = 0 } = options;
  const server = createServer(async (request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = fileOf(decodeURIComponent(pathname), routes);
    const isFile =
      path !== undefined &&
      (await stat(path).then(
        (found) => found.isFile(),
        () => false,
      ));
    if (!isFile) {
      response.writeHead(404).end('not found');
      return;
    }
    response.writeHead(200, { 'Content-Type': types[extname(path)] ?? 'application/octet-stream' });
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    address,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The file of an address; nothing outside the routes' folders. */
function fileOf(pathname: string, routes: ServerOptions['routes']): string | undefined {
  if (pathname === '/') return routes['/'];
  const route = Object.keys(routes).find((start) => start !== '/' && pathname.startsWith(start));
  if (route === undefined) return undefined;
  const folder = resolve(routes[route]);
  const path = join(folder, pathname.slice(route.length));
  return path.startsWith(folder + sep) ? path : undefined;
}
