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
  it.each(['a.mkv', 'a.mjpeg', 'a.ts', 'a.y4m'])('takes %s', async (name) => {
    const module = import.meta.resolve('#src/media/frames.js');
    const script = `const { openFrames } = await import(${JSON.stringify(module)});
      for await (const { stem } of (await openFrames('-')).frames()) console.log(stem);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end(readFileSync(join(folder, name)));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(0);
    expect(Buffer.concat(chunks).toString().trim().split('\n').length).toBe(8);
  });
});
