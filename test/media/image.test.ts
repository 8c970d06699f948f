// Public calls check the pictures, label maps and flow they are given.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { presetClasses } from '#src/media/classes.js';
import { colorize, overlay } from '#src/media/color.js';
import { encodeColorMap } from '#src/media/colorMap.js';
import { createFlickerCounter } from '#src/media/flicker.js';
import { formatFlo } from '#src/media/flo.js';
import { flowColors } from '#src/media/flowColor.js';
import type { LabelMap, OpticalFlow, RgbImage } from '#src/media/image.js';
import { writeKittiFlow } from '#src/media/kitti.js';
import { encodeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { meanIoUCounts } from '#src/metrics/meanIoU.js';
import { warpLabels } from '#src/metrics/warp.js';

const classes = presetClasses('camvid');
const size = { width: 3, height: 2 };
const image: RgbImage = { ...size, data: new Uint8Array(18) };
const labels: LabelMap = { ...size, data: new Uint8Array(6) };
const flow: OpticalFlow = { ...size, data: new Float32Array(12) };
const rgba = { ...size, data: new Uint8Array(24) };
const short = { ...size, data: new Uint8Array(5) };
const floats = { ...size, data: new Float32Array(6) } as unknown as LabelMap;
const nothing = { ...size, data: undefined } as unknown as LabelMap;
const thin: OpticalFlow = { ...size, data: new Float32Array(6) };
const unused = join(tmpdir(), 'steadyseg-never-written.png');

const picture = /^expected a picture of 3×2 as a Uint8Array of 18 bytes, 3 a pixel, found /;
const map = /^expected a label map of 3×2 as a Uint8Array of 6 bytes, 1 a pixel, found /;
const field = /^expected a flow field of 3×2 as a Float32Array of 12 values, found Float32Array of 6$/;

it.each<[string, () => unknown, RegExp]>([
  ['colorize', () => colorize(short, classes), map],
  ['overlay, the frame', () => overlay(rgba, labels, classes), picture],
  ['overlay, the labels', () => overlay(image, short, classes), map],
  ['encodeLabelMap', () => encodeLabelMap(floats), map],
  ['encodeColorMap', () => encodeColorMap(nothing, classes), map],
  ['writePicture', () => writePicture(unused, rgba), picture],
  ['createFlickerCounter', () => createFlickerCounter(255).add(short), map],
  ['meanIoUCounts', () => meanIoUCounts(labels, short, 11), map],
  ['warpLabels, the labels', () => warpLabels(short, flow, flow, 'masked'), map],
  ['warpLabels, the flow', () => warpLabels(labels, flow, thin, 'masked'), field],
  ['flowColors', () => flowColors(thin), field],
  ['formatFlo', () => formatFlo(thin), field],
  ['writeKittiFlow', () => writeKittiFlow(unused, thin), field],
])('%s', async (_, call, message) => {
  const failure = await Promise.resolve()
    .then(call)
    .catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(SteadysegError);
  expect((failure as Error).message).toMatch(message);
});
