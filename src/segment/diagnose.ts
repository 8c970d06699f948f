// What this machine has for the work: engine, devices, decoders, cores, memory, room; each tried, not only looked up.
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, tmpdir, totalmem } from 'node:os';
import sharp from 'sharp';
import { messageOf } from '../base/errors.js';
import { packageVersion } from '../base/version.js';
import { farnebackFlow } from '../flow/farneback.js';
import type { RgbImage } from '../media/image.js';
import { encodePicture } from '../media/pictures.js';
import { supportedDevices } from '../runtime/session.js';
import { loadModel } from './loadModel.js';
import { defaultModel, shippedModelPath } from './shipped.js';

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** Whether the work can be done with it. */
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly found: string;
}

/** What was found of a machine. */
export interface Diagnosis {
  /** Whether everything is as it should be. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** Below this, nothing of use is left of a network and its pictures. */
const LEAST_MEMORY = 2 ** 30;
const LEAST_ROOM = 2 ** 30;

/** Tries everything that commands rest on, on a picture of a few pixels. Nothing is written, nothing is fetched. */
export async function diagnose(): Promise<Diagnosis> {
  const size = { width: 96, height: 72 };
  const image: RgbImage = { ...size, data: Uint8Array.from({ length: 96 * 72 * 3 }, (_, i) => (i * 31) % 251) };
  const attempt = async (name: string, look: () => Promise<string>): Promise<Finding> => {
    try {
      return { name, ok: true, found: await look() };
    } catch (thrown) {
      return { name, ok: false, found: messageOf(thrown) };
    }
  };
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const atLeast = (bytes: number, least: number, what: string): string => {
    if (bytes < least) throw new Error(`expected ${gigabytes(least)} of ${what}, found ${gigabytes(bytes)}`);
    return gigabytes(bytes);
  };
  const findings = [
    await attempt('steadyseg', async () => packageVersion()),
    await attempt('Node', async () => `${process.version}, ${process.platform} ${process.arch}`),
    await attempt('cores', async () => String(availableParallelism())),
    await attempt(
      'memory',
      async () => `${atLeast(freemem(), LEAST_MEMORY, 'free memory')} free of ${gigabytes(totalmem())}`,
    ),
    await attempt('room for temporary files', async () => {
      const { bavail, bsize } = await statfs(tmpdir());
      return `${atLeast(bavail * bsize, LEAST_ROOM, `room in ${tmpdir()}`)} in ${tmpdir()}`;
    }),
    await attempt('ONNX Runtime', async () => {
      const model = await loadModel(await shippedModelPath(defaultModel));
      try {
        const start = performance.now();
        await model.segment(image);
        return `runs the network that ships (${Math.round(performance.now() - start)} ms)`;
      } finally {
        await model.release();
      }
    }),
    await attempt('devices', async () => `${supportedDevices().join(', ')} (--device; all but cpu may need drivers)`),
    await attempt('FFmpeg', async () => {
      const [{ Codec, getFFmpegInfo }, { FF_ENCODER_LIBX264 }] = await Promise.all([
        import('node-av/lib'),
        import('node-av/constants'),
      ]);
      if (Codec.findEncoderByName(FF_ENCODER_LIBX264) === null)
        throw new Error('expected an H.264 encoder, found none');
      return `${getFFmpegInfo().version}, writes H.264`;
    }),
    await attempt('pictures', async () => {
      await encodePicture(image, 'jpeg');
      return `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;
    }),
    await attempt('optical flow', async () => {
      const flow = farnebackFlow({ threads: 1 });
      try {
        const frame = (stem: string) => ({ stem, image: async () => image });
        await flow.flow({ first: frame('0'), second: frame('1') }, 'forward');
        return 'OpenCV in WebAssembly';
      } finally {
        await flow.close();
      }
    }),
  ];
  return { ok: findings.every(({ ok }) => ok), findings };
}
