// The browser page: runs a network on a picture or a video, and draws the classes over it.
import { canvasOfImage, imageOfCanvas, loadModel, overlay, type SegmentationModel } from '../src/web.js';

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`expected an element "${id}" in the page`);
  return found;
}

const shipped = element('shipped', HTMLSelectElement);
const modelFile = element('model', HTMLInputElement);
const mediaFile = element('media', HTMLInputElement);
const device = element('device', HTMLSelectElement);
const side = element('side', HTMLInputElement);
const opacity = element('opacity', HTMLInputElement);
const status = element('status', HTMLOutputElement);
const canvas = element('canvas', HTMLCanvasElement);
const legend = element('legend', HTMLUListElement);
const video = element('video', HTMLVideoElement);
const context = canvas.getContext('2d', { willReadFrequently: true });

// The engine is set up once a page: another device takes another page.
device.value = new URLSearchParams(location.search).get('device') === 'webgpu' ? 'webgpu' : 'wasm';

/** Counts what was chosen: what was begun for an earlier choice stops when it sees a later one. */
let choice = 0;
/** One choice is followed after another: a network is not let go while it runs. */
let queue = Promise.resolve();
let model: SegmentationModel | undefined;
/** The file that the user picked last. */
let own: File | undefined;
/** Whether the model is another than the chosen one. */
let stale = true;

function say(text: string, failed = false): void {
  status.textContent = text;
  status.className = failed ? 'error' : '';
}

async function chosenModel(): Promise<SegmentationModel> {
  const options = { device: device.value };
  if (shipped.value !== '') return loadModel(new URL(`/models/${shipped.value}.onnx`, location.href), options);
  if (!own) throw new Error('choose the file of a network (.onnx)');
  return loadModel(new Uint8Array(await own.arrayBuffer()), options);
}

function showLegend({ classes }: SegmentationModel): void {
  legend.replaceChildren(
    ...classes.classes.map((name, id) => {
      const [entry, swatch] = [document.createElement('li'), document.createElement('i')];
      swatch.style.background = `rgb(${classes.palette[id].join(' ')})`;
      entry.append(swatch, name);
      return entry;
    }),
  );
}

/** Segments what the source shows now, and draws it. */
async function segment(source: CanvasImageSource, width: number, height: number, current: number): Promise<void> {
  if (!context || !model) return;
  const factor = Math.min(1, Number(side.value) / Math.max(width, height));
  const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
  const hidden = new OffscreenCanvas(size.width, size.height).getContext('2d');
  if (!hidden) throw new Error('this browser gives no canvas to draw on');
  hidden.drawImage(source, 0, 0, size.width, size.height);
  const image = imageOfCanvas(hidden.getImageData(0, 0, size.width, size.height));
  const started = performance.now();
  const { labels } = await model.segment(image);
  if (current !== choice) return;
  const drawn = canvasOfImage(overlay(image, labels, model.classes, { opacity: Number(opacity.value) }));
  Object.assign(canvas, size);
  context.putImageData(new ImageData(drawn.data, drawn.width, drawn.height), 0, 0);
  say(`${size.width}×${size.height}, ${(performance.now() - started).toFixed(0)} ms a frame`);
}

function start(newModel: boolean): void {
  stale ||= newModel;
  const current = ++choice;
  queue = queue.then(() => follow(current));
}

async function follow(current: number): Promise<void> {
  if (current !== choice) return;
  try {
    if (stale || !model) {
      say('Loading the network …');
      const last = model;
      model = undefined;
      stale = false;
      await last?.release();
      model = await chosenModel();
      showLegend(model);
      if (current !== choice) return;
    }
    const [file] = mediaFile.files ?? [];
    if (!file) return say('Choose a picture or a video.');
    say('Segmenting …');
    await (file.type.startsWith('video/') ? followVideo(file, current) : showPicture(file, current));
  } catch (thrown) {
    if (current === choice) say(thrown instanceof Error ? thrown.message : String(thrown), true);
  }
}

/** Segments a video as it plays, until something else is chosen. */
async function followVideo(file: File, current: number): Promise<void> {
  const address = URL.createObjectURL(file);
  try {
    video.src = address;
    await video.play();
    while (current === choice) {
      await segment(video, video.videoWidth, video.videoHeight, current);
      // Lets the page draw.
      await new Promise(requestAnimationFrame);
    }
  } finally {
    video.pause();
    // The element keeps the file, too, until it is told to load nothing.
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(address);
  }
}

async function showPicture(file: File, current: number): Promise<void> {
  const picture = await createImageBitmap(file);
  try {
    await segment(picture, picture.width, picture.height, current);
  } finally {
    picture.close();
  }
}

modelFile.addEventListener('change', () => {
  own = modelFile.files?.[0];
  // Who picks a file wants it.
  if (own) shipped.value = '';
  start(true);
});
shipped.addEventListener('change', () => {
  // A browser tells of no change when the file that a field holds is picked again.
  if (shipped.value !== '') modelFile.value = '';
  start(true);
});
for (const input of [mediaFile, side]) input.addEventListener('change', () => start(false));
device.addEventListener('change', () => {
  location.search = new URLSearchParams({ device: device.value }).toString();
});
opacity.addEventListener('change', () => video.paused && start(false));
