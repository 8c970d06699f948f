// The page's server answers whatever it is asked, from its folders alone.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../../scripts/staticServer.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-server-'));
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  mkdirSync(join(folder, 'files'));
  writeFileSync(
    join(folder, 'index.html'),
    '<style>p{}</style><script>let a;</script><script src="/files/a.js"></script>',
  );
  writeFileSync(join(folder, 'files', 'a.js'), 'let b;');
  writeFileSync(join(folder, 'secret'), 'secret');
  server = await startServer({ routes: { '/': join(folder, 'index.html'), '/files/': join(folder, 'files') } });
});
afterAll(() => {
  server?.close();
  rmSync(folder, { recursive: true });
});

/** The answer to a request line as it is, which `fetch` would tidy up. */
function ask(line: string): Promise<string> {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

it.each([
  ['GET /files/%', 400],
  ['GET /files/%ff%fe', 400],
  ['GET //', 400],
  [`GET /files/${'a'.repeat(5000)}`, 400],
  ['POST /files/a.js', 405],
  ['DELETE /', 405],
  ['GET /files/../secret', 404],
  ['GET /files/%2e%2e/secret', 404],
  ['GET /files/..%2fsecret', 404],
  ['GET /files/%00', 404],
  ['GET /files/', 404],
  ['GET /secret', 404],
  ['GET /__proto__', 404],
  ['GET /files/a.js', 200],
  ['HEAD /files/a.js', 200],
  ['GET /', 200],
])('answers %s with %i', async (line, status) => {
  const answer = await ask(line);
  expect(answer.slice(0, 40)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer).not.toContain('secret\n');
  if (line.startsWith('HEAD')) expect(answer).not.toContain('let b');
});

it('lets a page load what is its own, and inline scripts by their hash', async () => {
  const policy = (await fetch(server.address)).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toMatch(/script-src 'self' blob: 'wasm-unsafe-eval' 'sha256-[\w+/=]{44}';/);
  expect(policy).toMatch(/style-src 'self' 'sha256-[\w+/=]{44}';/);
  expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:/);
});

it('takes another port where its own is taken', async () => {
  const { port } = new URL(server.address);
  const second = await startServer({ port: Number(port), routes: { '/': join(folder, 'index.html') } });
  expect(new URL(second.address).port).not.toBe(port);
  expect((await fetch(second.address)).status).toBe(200);
  second.close();
});
