// The page's server, asked what no browser asks.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Case, main } from './harness.js';

interface Server {
  readonly address: string;
  close(): void;
}

const root = resolve(dirname(main), '..', '..');

const requests: readonly (readonly [line: string, answer: RegExp])[] = [
  ['GET /%zz', /^HTTP\/1\.1 4\d\d/],
  ['GET /%00', /^HTTP\/1\.1 4\d\d/],
  ['GET //', /^HTTP\/1\.1 4\d\d/],
  [`GET /${'a'.repeat(4000)}`, /^HTTP\/1\.1 4\d\d/],
  ['GET /files/..%2fsecret', /^HTTP\/1\.1 4\d\d/],
  ['GET /files/../secret', /^HTTP\/1\.1 4\d\d/],
  ['DELETE /', /^HTTP\/1\.1 405/],
  ['POST /files/a.js', /^HTTP\/1\.1 405/],
  ['GET /', /^HTTP\/1\.1 200.*\r\nContent-Security-Policy: default-src 'none'/s],
  ['GET /files/a.js', /^HTTP\/1\.1 200.*let b;/s],
];

export const pageServer: Case = {
  name: 'trust/page-server',
  fault: 'malformed escapes, long and leading-out addresses, methods that change things',
  promise: 'an answer that says no; it goes on; pages come with a policy of what they may load',
  async run({ folder }) {
    const faults: string[] = [];
    spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.scripts.json'], { cwd: root });
    const { startServer } = await import(pathToFileURL(join(root, 'out', 'scripts', 'staticServer.js')).href);
    mkdirSync(join(folder, 'files'));
    writeFileSync(join(folder, 'index.html'), '<script>let a;</script>');
    writeFileSync(join(folder, 'files', 'a.js'), 'let b;');
    writeFileSync(join(folder, 'secret'), 'secret');
    const unhandled = (thrown: unknown) => faults.push(`it ended its process: ${thrown}`);
    process.on('uncaughtException', unhandled).on('unhandledRejection', unhandled);
    const server: Server = await startServer({
      routes: { '/': join(folder, 'index.html'), '/files/': join(folder, 'files') },
    });
    try {
      for (const [line, expected] of requests) {
        const answer = await ask(server.address, line);
        if (!expected.test(answer)) faults.push(`${line.slice(0, 40)}: ${answer.slice(0, 60) || 'no answer'}`);
        if (answer.endsWith('secret')) faults.push(`${line}: a file outside its folders`);
      }
    } finally {
      server.close();
      process.off('uncaughtException', unhandled).off('unhandledRejection', unhandled);
    }
    return { runs: requests.length, faults, seen: `${requests.length} requests` };
  },
};

/** The answer to a request line as it is; nothing when none came. */
function ask(address: string, line: string): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () =>
      socket.write(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    socket.setTimeout(5000, () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
