// Pictures as frames: one, or several that are the frames of a clip, in the order of their names.
import type { RgbImage, Size } from '../src/web.js';
import { fitting, pixelsOf, type Source } from './source.js';

export function pictureSource(files: readonly File[]): Source {
  const ordered = [...files].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const [first] = ordered;
  return {
    name: ordered.length === 1 ? first.name : `${ordered.length} pictures`,
    live: false,
    clip: ordered.length > 1,
    rate: () => undefined,
    count: () => ordered.length,
    async *frames(longerSide) {
      let size: Size | undefined;
      for (const file of ordered) {
        const { image, full } = await decode(file, longerSide);
        if (size && (full.width !== size.width || full.height !== size.height)) {
          throw new Error(
            `${file.name}: expected a frame of ${size.width}×${size.height} as ${first.name}, found ${full.width}×${full.height}`,
          );
        }
        size = full;
        yield { image, stem: file.name.replace(/\.[^.]*$/, '') };
      }
    },
    close: () => undefined,
  };
}

async function decode(file: File, longerSide: number): Promise<{ image: RgbImage; full: Size }> {
  const picture = await createImageBitmap(file, { colorSpaceConversion: await conversionOf(file) }).catch(() => {
    throw new Error(
      `${file.name}: this browser cannot decode it as a picture: it is damaged, too large, or of a format that it does not know (PNG, JPEG and WebP it does)`,
    );
  });
  try {
    const full = { width: picture.width, height: picture.height };
    return { image: pixelsOf(picture, fitting(full, longerSide)), full };
  } finally {
    picture.close();
  }
}

/**
 * A profile in the file is followed, as on the command line; what else a PNG says of its colours (chunks gAMA and cHRM, which FFmpeg
 * writes for frames of a video) is not.
 */
async function conversionOf(file: File): Promise<ColorSpaceConversion> {
  const head = new TextDecoder('latin1').decode(await file.slice(0, 65536).arrayBuffer());
  return head.startsWith('PNG', 1) && !head.includes('iCCP') ? 'none' : 'default';
}
