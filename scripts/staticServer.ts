// A small file server on this machine, for the browser page and its test.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve, sep } from 'node:path';

const types = new Map(
  Object.entries({
    '.css': 'text/css',
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript',
    '.json': 'application/json',
    '.map': 'application/json',
    '.mjs': 'text/javascript',
    '.mp4': 'video/mp4',
    '.svg': 'image/svg+xml',
    '.wasm': 'application/wasm',
  }),
);

/** No address of a file here is longer. */
const MAX_ADDRESS = 2000;

export interface ServerOptions {
  /** Folders by the beginning of the address, such as `/models/`; `/` is a file, or a folder with an `index.html`. */
  readonly routes: Readonly<Record<string, string>>;
  /** Whether pages are cross-origin isolated, which threads in WebAssembly need. Default true. */
  readonly isolated?: boolean | undefined;
  /** Default: any free one. */
  readonly port?: number | undefined;
}

/** Serves to this machine only. */
export async function startServer(options: ServerOptions): Promise<{ address: string; close: () => void }> {
  const { routes, port = 0, isolated = true } = options;
  const server = createServer(async (request, response) => {
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end('only GET and HEAD');
      return;
    }
    const pathname = pathOf(request.url ?? '/');
    if (pathname === undefined) {
      response.writeHead(400).end('not an address');
      return;
    }
    const path = pathname.includes('\0') ? undefined : fileOf(pathname, routes);
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
    const type = types.get(extname(path)) ?? 'application/octet-stream';
    response.setHeader('Content-Type', type);
    if (type.startsWith('text/html')) response.setHeader('Content-Security-Policy', await policyOf(path));
    response.writeHead(200);
    if (request.method === 'HEAD') response.end();
    // A file that cannot be read to its end leaves an answer that was cut off.
    else
      createReadStream(path)
        .on('error', () => response.destroy())
        .pipe(response);
  });
  await listening(server, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return listening(server, 0);
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    address,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The path of an address; undefined for what is none, or malformed. */
function pathOf(address: string): string | undefined {
  if (address.length > MAX_ADDRESS) return undefined;
  try {
    return decodeURIComponent(new URL(address, 'http://localhost').pathname);
  } catch {
    return undefined;
  }
}

/**
 * What a page may load: scripts and networks of this server, pictures and videos that it made itself, and nothing of others.
 * The engine's WebAssembly and its workers, which come as blobs, need their words.
 */
async function policyOf(page: string): Promise<string> {
  const html = await readFile(page, 'utf8');
  const hashes = (tag: string) =>
    [...html.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, 'g'))]
      .filter(([, content]) => content !== '')
      .map(([, content]) => ` 'sha256-${createHash('sha256').update(content).digest('base64')}'`)
      .join('');
  return [
    "default-src 'none'",
    `script-src 'self' blob: 'wasm-unsafe-eval'${hashes('script')}`,
    `style-src 'self'${hashes('style')}`,
    "connect-src 'self' blob:",
    "img-src 'self' blob: data:",
    'media-src blob:',
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The file of an address; nothing outside the routes' folders. */
function fileOf(pathname: string, routes: ServerOptions['routes']): string | undefined {
  const starts = Object.keys(routes).filter((start) => pathname.startsWith(start));
  const [route] = starts.sort((a, b) => b.length - a.length);
  if (route === undefined) return undefined;
  const folder = resolve(routes[route]);
  if (pathname === '/' && extname(folder) === '.html') return folder;
  const path = join(folder, pathname === '/' ? 'index.html' : pathname.slice(route.length));
  return path.startsWith(folder + sep) ? path : undefined;
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed);
      done();
    });
  });
}
