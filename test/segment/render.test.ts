// How a segmented frame is drawn: opacity, legend, only some classes, masks and cut-outs.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { overlay } from '#src/media/color.js';
import { ignoreLabel, type LabelMap, type RgbImage } from '#src/media/image.js';
import { createLegend } from '#src/media/legend.js';
import { createRenderer, type DrawingStyle } from '#src/segment/render.js';
import { randomPixels } from './pixels.js';

const classes = presetClasses('camvid');
const [height, width] = [180, 320];
const image = randomPixels(height, width);
const labels = columns(height, width);

/** Classes 0, 1 and 2 in columns, and pixels of no class. */
function columns(height: number, width: number): LabelMap {
  const data = Uint8Array.from({ length: height * width }, (_, at) => (at % 4 === 3 ? ignoreLabel : at % 4));
  return { height, width, data };
}

async function drawn(style: DrawingStyle) {
  return told((await createRenderer(classes, style)(image, { labels }, { overlay: 'frame' })).overlay ?? image);
}

/** A picture that is quick to compare. */
const told = ({ height, width, data }: RgbImage) => ({ height, width, data: Buffer.from(data).toString('base64') });

/** The values of an encoded picture, without what sharp adds to grey ones. */
async function decoded(bytes: Uint8Array | undefined): Promise<number[]> {
  const { channels } = await sharp(bytes).metadata();
  const picture = channels === 1 ? sharp(bytes).extractChannel(0) : sharp(bytes);
  return [...(await picture.raw().toBuffer())];
}

describe('a frame is drawn', () => {
  it('with the share of colours and the legend that are wished', async () => {
    const legend = createLegend(classes, image);
    expect(await drawn({})).toEqual(told(overlay(image, labels, classes, { legend })));
    expect(await drawn({ opacity: 0.25, legend: 'off' })).toEqual(
      told(overlay(image, labels, classes, { opacity: 0.25 })),
    );
    expect((await drawn({ legend: 'below' })).height).toBeGreaterThan(height);
  });

  it('with some classes only: others show the frame, and are not in the legend', async () => {
    const some: LabelMap = { ...labels, data: labels.data.map((id) => (id === 1 || id === 2 ? id : ignoreLabel)) };
    expect(await drawn({ shown: [1, 2], legend: 'off' })).toEqual(told(overlay(image, some, classes)));
    const names = { ...classes, classes: classes.classes.slice(1, 3), palette: classes.palette.slice(1, 3) };
    const legend = createLegend(names, image);
    expect(await drawn({ shown: [1, 2] })).toEqual(told(overlay(image, some, classes, { legend })));
  });

  it('as a mask and a cut-out for each class that is shown', async () => {
    const render = createRenderer(classes, { shown: [0, 2] });
    const [image, labels] = [randomPixels(6, 8), columns(6, 8)];
    const { masks, cutout } = await render(image, { labels }, { masks: true, cutout: true });
    const [first, second] = [classes.classes[0], classes.classes[2]].map((name) => name.toLowerCase());
    expect([...(masks?.keys() ?? [])]).toEqual([first, second]);
    expect([...(cutout?.keys() ?? [])]).toEqual([first, second]);
    const { channels } = await sharp(masks?.get(second)).metadata();
    expect(channels).toBe(1);
    const wanted = (id: number) => Array.from(labels.data, (label) => (label === id ? 255 : 0));
    expect(await decoded(masks?.get(first))).toEqual(wanted(0));
    expect(await decoded(masks?.get(second))).toEqual(wanted(2));
    const rgba = await decoded(cutout?.get(second));
    expect(rgba.filter((_, at) => at % 4 === 3)).toEqual(wanted(2));
    const shown = Array.from(image.data, (value, at) => (labels.data[Math.floor(at / 3)] === 2 ? value : 0));
    expect(rgba.filter((_, at) => at % 4 !== 3)).toEqual(shown);
  });
});
