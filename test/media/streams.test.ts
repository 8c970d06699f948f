// Video that comes once, as it is sent: over HTTP and by standard input; and what an address must not lead to.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AV_PIX_FMT_YUVJ420P } from 'node-av/constants';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFrames } from '#src/media/frames.js';
import { isStream } from '#src/media/videoInput.js';
import { foreignVideo, numbered } from './made.js';
import { rtspServer } from './rtspServer.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg streams '));
const images = Array.from({ length: 8 }, (_, index) => numbered(64, 48, index));
const served = new Map<string, () => { status: number; body?: Uint8Array; location?: string }>();
const server = createServer((request, response) => {
  const { status, body, location } = served.get(request.url ?? '')?.() ?? { status: 404 };
  response.writeHead(status, location === undefined ? {} : { location }).end(body);
});
let address = '';
beforeAll(async () => {
  await foreignVideo(join(folder, 'a.mkv'), 'matroska', 'libx264', images);
  await foreignVideo(join(folder, 'a.mjpeg'), 'mjpeg', 'mjpeg', images, { pixelFormat: AV_PIX_FMT_YUVJ420P });
  await foreignVideo(join(folder, 'a.ts'), 'mpegts', 'mpeg2video', images, { rate: 25 });
  await foreignVideo(join(folder, 'a.y4m'), 'yuv4mpegpipe', 'wrapped_avframe', images);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  served.set('/a.mkv', () => ({ status: 200, body: readFileSync(join(folder, 'a.mkv')) }));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function stems(input: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { stem } of (await openFrames(input)).frames()) found.push(stem);
  return found;
}

it('tells streams from files', () => {
  const streams = ['-', 'http://a/b.mp4', 'HTTPS://a/b', 'rtsp://camera/1', '/dev/video0'];
  expect(streams.map(isStream)).toEqual(streams.map(() => true));
  const files = ['./-', 'a.mp4', '/dev/video', 'http', 'file:///etc/passwd', 'concat:a|b', 'ftp://a/b'];
  expect(files.map(isStream)).toEqual(files.map(() => false));
});

describe('an address', () => {
  it('is read once, as it comes', async () => {
    const source = await openFrames(`${address}/a.mkv`);
    expect([source.kind, source.isStream, source.width]).toEqual(['video', true, 64]);
    const found: string[] = [];
    for await (const { stem } of source.frames()) found.push(stem);
    expect(found).toEqual(images.map((_, index) => String(index).padStart(6, '0')));
    await expect(source.frames().next()).rejects.toThrow('expected its frames to be read once, as they come');
  });

  it('leads to no file, and to no further address', async () => {
    const secret = join(folder, 'a.mkv');
    served.set('/redirect.mkv', () => ({ status: 302, location: `file://${secret}` }));
    served.set('/list.m3u8', () => ({
      status: 200,
      body: Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${secret}\n#EXT-X-ENDLIST\n`),
    }));
    served.set('/concat.mkv', () => ({ status: 200, body: Buffer.from(`ffconcat version 1.0\nfile ${secret}\n`) }));
    for (const path of ['/redirect.mkv', '/list.m3u8', '/concat.mkv']) {
      await expect(stems(`${address}${path}`), path).rejects.toThrow(/cannot open|expected a video of a known format/);
    }
    for (const url of [`concat:${secret}`, `subfile,,start,0,end,0,,:${secret}`, `file:${secret}`]) {
      await expect(stems(url), url).rejects.toThrow('no such file or directory');
    }
  });

  it('that nobody answers is named', async () => {
    await expect(stems(`${address}/none.mkv`)).rejects.toThrow(/cannot open http:.*none\.mkv: .*404/);
  });
});

describe('a camera', () => {
  it('that sends RTSP is read as it comes, to its end', async () => {
    const camera = rtspServer(readFileSync(join(folder, 'a.ts')));
    await new Promise<void>((resolve) => camera.listen(0, '127.0.0.1', resolve));
    const url = `rtsp://127.0.0.1:${(camera.address() as AddressInfo).port}/video`;
    try {
      const source = await openFrames(url);
      expect([source.isStream, source.width, source.height]).toEqual([true, 64, 48]);
      const found: string[] = [];
      for await (const { stem } of source.frames({ onBad: () => 'skip' })) found.push(stem);
      expect(found.length).toBeGreaterThanOrEqual(7);
    } finally {
      camera.close();
    }
  });

  it('that is not there is named', async () => {
    await expect(stems('rtsp://127.0.0.1:1/video')).rejects.toThrow('cannot open rtsp://127.0.0.1:1/video: ');
    await expect(stems('/dev/video93')).rejects.toThrow(/\/dev\/video93/);
  });
});

describe('raw video', () => {
  const raw = { width: 64, height: 48, pixelFormat: 'rgb24' };
  const bytes = Buffer.concat(images.map(({ data }) => data));
  const read = async (input: string, options: object) => {
    const found: Uint8Array[] = [];
    for await (const { image } of (await openFrames(input, options)).frames()) found.push(image.data.slice());
    return found;
  };

  it('of a file is read by the size and pixel format that are said', async () => {
    const path = join(folder, 'frames.raw');
    writeFileSync(path, bytes);
    const found = await read(path, { raw });
    expect(Buffer.concat(found).equals(bytes)).toBe(true);
    const swapped = await read(path, { raw: { ...raw, pixelFormat: 'bgr24' } });
    expect([...swapped[3].subarray(0, 3)].reverse()).toEqual([...images[3].data.subarray(0, 3)]);
    const source = await openFrames(path, { raw: { ...raw, rate: 12.5 } });
    expect([source.frameRate, source.isStream]).toEqual([{ numerator: 25, denominator: 2 }, false]);
  });

  it('of another size, of an unknown format, of no file is refused', async () => {
    const path = join(folder, 'frames.raw');
    await expect(read(path, { raw: { ...raw, height: 50 } })).rejects.toThrow(
      /expected whole frames of 9600 bytes \(64×50, rgb24\), found 73728 bytes: 7 frames and 6528 bytes/,
    );
    await expect(read(path, { raw: { ...raw, pixelFormat: 'rgb25' } })).rejects.toThrow(/found "rgb25"/);
    await expect(read(folder, { raw })).rejects.toThrow(/found a folder/);
    await expect(read(join(folder, '*.raw'), { raw })).rejects.toThrow(/found no such file/);
    await expect(read('rtsp://127.0.0.1:1/a', { raw })).rejects.toThrow(/found another stream/);
  });
});

describe('playlists and scripts that name other files', () => {
  it.each(['mp4', 'ts', 'mkv', 'avi'])('are no videos, called .%s or not', async (extension) => {
    const secret = join(folder, 'a.mkv');
    const texts = [
      `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${secret}\n#EXT-X-ENDLIST\n`,
      `ffconcat version 1.0\nfile '${secret}'\n`,
      `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n`,
      `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation><BaseURL>${secret}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    ];
    for (const text of texts) {
      const path = join(folder, `list.${extension}`);
      writeFileSync(path, text);
      await expect(stems(path)).rejects.toThrow(/expected a video/);
    }
  });
});

describe('standard input', () => {
  /** The stems of what is piped into a process of its own. */
  async function piped(content: Uint8Array, options: object = {}): Promise<string[]> {
    const module = import.meta.resolve('#src/media/frames.js');
    const script = `const { openFrames } = await import(${JSON.stringify(module)});
      for await (const { stem } of (await openFrames('-', ${JSON.stringify(options)})).frames()) console.log(stem);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(content);
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(0);
    return Buffer.concat(chunks).toString().trim().split('\n');
  }

  it.each(['a.mkv', 'a.mjpeg', 'a.ts', 'a.y4m'])('takes %s', async (name) => {
    expect(await piped(readFileSync(join(folder, name)))).toHaveLength(8);
  });

  it('takes raw video', async () => {
    const raw = { width: 64, height: 48, pixelFormat: 'rgb24' };
    expect(await piped(Buffer.concat(images.map(({ data }) => data)), { raw })).toHaveLength(8);
  });
});
