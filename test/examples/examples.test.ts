// The examples, as a reader runs them: the server under good and bad requests, threads, a loss of one's own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeLabelMap } from '#src/media/labels.js';
import { encodePicture, readPicture, writePicture } from '#src/media/pictures.js';
import { loadModel } from '#src/segment/loadModel.js';
import { steadyseg } from '../cli/run.js';
import { randomPixels } from '../segment/pixels.js';
import { normalised, tinyNetwork } from '../segment/tinyNetwork.js';

const examples = resolve(import.meta.dirname, '../../examples');
const folder = mkdtempSync(join(tmpdir(), 'steadyseg-examples-'));
const model = join(folder, 'network.onnx');
const image = randomPixels(24, 32, 3);
let picture: Uint8Array;
/** Some time's work, in few bytes. */
let large: Uint8Array;

beforeAll(async () => {
  writeFileSync(model, tinyNetwork({ free: true, metadata: normalised }));
  picture = await encodePicture(image, 'png');
  large = await encodePicture({ width: 3000, height: 2000, data: new Uint8Array(3000 * 2000 * 3) }, 'png');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('examples/server', { timeout: 120_000 }, () => {
  let server: ChildProcess;
  let address = '';
  let log = '';
  beforeAll(async () => {
    const env = { ...process.env, PORT: '0', MODEL: model, MAX_BYTES: '100000', CONCURRENCY: '1', MAX_WAITING: '2' };
    server = spawn(process.execPath, [join(examples, 'server', 'server.mjs')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    server.stderr?.on('data', (text) => {
      log += text;
    });
    address = await new Promise((found, fail) => {
      server.stdout?.once('data', (line) => found(String(line).trim().replace('localhost', '127.0.0.1')));
      server.once('exit', (code) => fail(new Error(`the server ended with ${code}: ${log}`)));
    });
  }, 120_000);
  afterAll(() => void server.kill('SIGKILL'));

  it('says where its port is taken, in a line', async () => {
    const env = { ...process.env, PORT: new URL(address).port, MODEL: model };
    const second = spawn(process.execPath, [join(examples, 'server', 'server.mjs')], { env });
    let said = '';
    second.stderr.on('data', (text) => {
      said += text;
    });
    expect(await new Promise((ended) => second.once('close', ended))).toBe(1);
    expect(said).toMatch(/^port \d+ is taken: PORT=\d+ takes another\n$/);
  });

  it('says which network it cannot load, in a line', async () => {
    const env = { ...process.env, PORT: '0', MODEL: join(folder, 'none.onnx') };
    const { status, stderr } = spawnSync(process.execPath, [join(examples, 'server', 'server.mjs')], { env });
    expect(status).toBe(1);
    expect(String(stderr)).toMatch(/^cannot read \S+none.onnx: no such file.*\n$/);
  });

  it('asks a form for the picture itself', async () => {
    const form = new FormData();
    form.append('picture', new Blob([Uint8Array.from(picture)]));
    const response = await fetch(`${address}/labels`, { method: 'POST', body: form });
    expect(response.status).toBe(415);
    expect(await response.text()).toContain('--data-binary');
  });

  const post = (path: string, body: Uint8Array) =>
    fetch(`${address}${path}`, { method: 'POST', body: Buffer.from(body) });
  const health = async () =>
    (await (await fetch(`${address}/health`)).json()) as {
      running: number;
      waiting: number;
      segmented: number;
    };
  const until = async (condition: () => Promise<boolean>) => {
    for (const end = Date.now() + 60_000; !(await condition()); ) {
      if (Date.now() > end) throw new Error('it did not come to that');
      await new Promise((wait) => setTimeout(wait, 20));
    }
  };

  it('answers a picture with the labels that the library gives, and with an overlay', async () => {
    const response = await post('/labels', picture);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/png']);
    const network = await loadModel(model);
    const { labels } = await network.segment(image);
    expect((await decodeLabelMap(new Uint8Array(await response.arrayBuffer()), 'answer')).data).toEqual(labels.data);
    await network.release();
    const drawn = await readPicture(new Uint8Array(await (await post('/overlay', picture)).arrayBuffer()));
    expect([drawn.width, drawn.height]).toEqual([32, 24]);
  });

  it('says what is wrong with a request, and goes on', async () => {
    const bad = await post('/labels', Buffer.from('no picture'));
    expect([bad.status, await bad.text()]).toEqual([422, expect.stringContaining('expected a picture')]);
    expect((await post('/labels', new Uint8Array(100_001))).status).toBe(413);
    expect((await post('/constructor', picture)).status).toBe(404);
    expect((await fetch(`${address}/labels`)).status).toBe(405);
    expect((await post('/labels', picture)).status).toBe(200);
  });

  it('refuses an upload that grows too long without having said so', async () => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    const answered = new Promise<string>((found) => socket.once('data', (text) => found(String(text))));
    socket.on('error', () => {});
    socket.write('POST /labels HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    socket.write(`19000\r\n${'x'.repeat(0x19000)}\r\n`);
    expect(await answered).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it('does one picture at a time, lets two wait, and turns others away', async () => {
    const statuses = (await Promise.all([1, 2, 3, 4, 5, 6].map(() => post('/labels', large)))).map(
      ({ status }) => status,
    );
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(3);
  });

  it('forgets those who leave while they wait', async () => {
    /** Two wait for a first one, and leave. Whether they were seen to: a quick machine may be done before. */
    const leaveTwo = async (): Promise<boolean> => {
      const { segmented: before } = await health();
      let done = false;
      const first = post('/labels', large).finally(() => {
        done = true;
      });
      const seen = async (state: 'running' | 'waiting', count: number) => {
        while (!done) if ((await health())[state] === count) return true;
        return false;
      };
      const leaving = new AbortController();
      const waiting = (await seen('running', 1)) ? [1, 2] : [];
      const requests = waiting.map(() =>
        fetch(`${address}/labels`, { method: 'POST', body: Buffer.from(large), signal: leaving.signal }).catch(
          () => undefined,
        ),
      );
      const waited = await seen('waiting', 2);
      if (waited) leaving.abort();
      await Promise.all(requests);
      // The first may have been done before the server heard of it, and the next begun.
      const left = waited && (await whileRunning(before));
      expect((await first).status).toBe(200);
      await until(async () => (await health()).running === 0);
      if (left) expect((await health()).segmented).toBe(before + 1);
      return left;
    };
    /** Whether nobody waits any more while nothing but `before` has been segmented. */
    const whileRunning = async (before: number): Promise<boolean> => {
      for (;;) {
        const { waiting, segmented } = await health();
        if (waiting === 0 || segmented > before) return waiting === 0 && segmented === before;
      }
    };
    await until(leaveTwo);
    expect(log).toBe('');
  });

  it('ends in peace when it is told to', async () => {
    const ended = new Promise((found) => server.once('exit', (code) => found(code)));
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(examples, args[0]), ...args.slice(1)], { cwd: folder, encoding: 'utf8' });

describe('examples/worker-threads', { timeout: 240_000 }, () => {
  it('labels every picture, and names one that cannot be read', async () => {
    for (const name of ['a.png', 'b.png']) await writePicture(join(folder, name), image);
    writeFileSync(join(folder, 'c.png'), 'no picture');
    const { status, stdout } = run('worker-threads/segment.mjs', '2', 'a.png', 'b.png', 'c.png');
    expect(stdout).toMatch(/^a\.png: 32×24, \d+\.\d % \w+$/m);
    expect(stdout).toMatch(/^b\.png: 32×24, /m);
    expect(stdout).toContain('c.png: c.png: expected a picture');
    expect(status).toBe(1);
  });
});

describe('examples/own-loss', { timeout: 300_000 }, () => {
  it('trains with it', () => {
    expect(steadyseg('toycity --out toy --clips 2 --val-clips 1 --frames 2 --size 64x64'.split(' '), folder).code).toBe(
      0,
    );
    const { stdout, stderr, status } = run('own-loss/train.mjs', 'toy', 'run', '2');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^step 1: smoothness \d+\.\d+, segmentation \d/m);
    expect(readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8')).toContain('"smoothness"');
  });
});
