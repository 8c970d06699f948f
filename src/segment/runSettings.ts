// What makes two runs over an input comparable: the network and how it looks at a frame, as their records tell it.
import { createHash } from 'node:crypto';
import { sha256OfFile } from '../base/files.js';
import { packageVersion } from '../base/version.js';
import type { Rgb } from '../media/classes.js';
import type { SegmentationModel } from './model.js';
import type { Preprocessing } from './preprocessing.js';
import type { FrameRunOptions } from './runFrames.js';
import type { ScoreKind } from './trace.js';
import type { ViewOptions } from './views.js';

export interface RunSettings {
  /** Of this package: another one may compute otherwise. */
  readonly version: string;
  readonly input: string;
  /** What is said of an input without a header: size, pixel format, frames a second; else null. */
  readonly raw: string | null;
  readonly model: string;
  /** Of the content of the model's file: a network trained anew has the same path, and often the same size. */
  readonly modelSha256: string;
  readonly device: string;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** The output that labels come from, and what its values are; `values` where they tell themselves. */
  readonly output: string;
  readonly scores: ScoreKind | 'values';
  /** The probability above which a pixel is no background; null in networks whose classes exclude each other. */
  readonly foregroundThreshold: number | null;
  /** The network's input size; `frame` where it takes the frame's own. */
  readonly size: string;
  readonly tile: string | null;
  readonly scales: readonly number[];
  readonly flip: boolean;
  /** Name of the classes, and their colours. */
  readonly classSet: string;
  readonly palette: readonly Rgb[];
}

export async function runSettings(
  input: string,
  model: SegmentationModel,
  { tile, scales, flip, raw }: ViewOptions & Pick<FrameRunOptions, 'raw'>,
): Promise<RunSettings> {
  const { source, height, width, preprocessing, output } = model.description;
  return {
    version: packageVersion(),
    input,
    raw: raw ? `${raw.height}x${raw.width},${raw.pixelFormat},${raw.rate ?? 'usual'}` : null,
    model: source,
    modelSha256:
      typeof model.content === 'string'
        ? await sha256OfFile(model.content)
        : createHash('sha256').update(model.content).digest('hex'),
    device: model.sessionOptions.device ?? 'cpu',
    classes: model.classes.classes,
    preprocessing,
    output: output.name,
    scores: output.kind ?? 'values',
    foregroundThreshold: output.background?.threshold ?? null,
    size: height === undefined && width === undefined ? 'frame' : `${height ?? 'frame'}x${width ?? 'frame'}`,
    tile: tile ? `${tile.height}x${tile.width}` : null,
    scales: scales ?? [1],
    flip: flip ?? false,
    classSet: model.classes.name,
    palette: model.classes.palette,
  };
}
