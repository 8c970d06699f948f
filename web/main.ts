// The page: what the visitor chooses is followed, one choice after another.
import { type ClassSet, presetNames, type RgbImage } from '../src/web.js';
import { createAdaptPanel } from './adaptPanel.js';
import { cameraSource } from './camera.js';
import { downloadAllLabels, downloadLabels, downloadOverlay } from './downloads.js';
import { element, made, wordsOf } from './elements.js';
import { showFigures } from './figures.js';
import { type Loading, loadingWords } from './loading.js';
import { addNetwork, networkChoice, networkChoices, networkSource } from './networks.js';
import type { Device, ReadyNetwork, Side } from './networkWorker.js';
import { openFiles } from './openFiles.js';
import type { Reading } from './reading.js';
import { createReel } from './reel.js';
import type { Source } from './source.js';
import { createStage } from './stage.js';
import { createStudio, type Step } from './studio.js';

const sides: readonly Side[] = ['left', 'right'];
/** Frames a second where the source does not say. */
const usualRate = 10;

const button = (id: string) => element(id, HTMLButtonElement);
const select = (id: string) => element(id, HTMLSelectElement);
const input = (id: string) => element(id, HTMLInputElement);
const status = element('status', HTMLElement);
const progress = element('progress', HTMLProgressElement);
const problem = element('error', HTMLElement);
const stage = createStage();
const reel = createReel<Step>();
const studio = createStudio((told) => ('note' in told ? addNote(told.note) : showLoading(told)));

let source: Source | undefined;
/** What is loaded on each side: the choice and how it was read. */
const loaded = new Map<Side, ReadyNetwork & { readonly key: string }>();
let device: Device | undefined;
/** Said where networks run on something else than was chosen. */
let deviceNote: string | undefined;
let shown: Step | undefined;
let maps: Partial<Record<Side, RgbImage>> | undefined;
let paused = false;
let resume: () => void = () => undefined;
/** Ended where something else is chosen: what was begun stops when it sees that. */
let current = new AbortController();
/** One choice is followed after another: a network is not let go while it runs. */
let queue = Promise.resolve();

function say(words: string): void {
  showStatus(words);
  element('said', HTMLElement).textContent = words;
}

/** What changes too often to be read out. */
function showStatus(words: string): void {
  status.textContent = words;
  progress.hidden = true;
}

function showLoading(loading: Loading): void {
  showStatus(loadingWords(loading));
  progress.hidden = false;
  if (loading.total === undefined) progress.removeAttribute('value');
  else Object.assign(progress, { max: loading.total, value: loading.bytes });
}

function showProblem(thrown: unknown): void {
  problem.textContent = wordsOf(thrown);
  say('');
}

function addNote(note: string): void {
  element('notes', HTMLUListElement).append(made('li', note));
}

const classesOf = (): Partial<Record<Side, ClassSet>> =>
  Object.fromEntries([...loaded].map(([side, { classes }]) => [side, classes]));

/** Begins with what is chosen now. */
function begin(): void {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  setPaused(false);
  problem.textContent = '';
  queue = queue.then(() => follow(signal));
}

async function follow(signal: AbortSignal): Promise<void> {
  if (signal.aborted || !source) return;
  try {
    await loadNetworks();
    showNotes();
    if (signal.aborted) return;
    await work(source, signal);
  } catch (thrown) {
    if (!signal.aborted) showProblem(thrown);
  }
}

/** Loads what is chosen on each side and is not there yet. */
async function loadNetworks(): Promise<void> {
  const wanted: Device = select('device').value === 'webgpu' ? 'webgpu' : 'wasm';
  if (device !== wanted) {
    say('Starting the engine …');
    ({ note: deviceNote } = await studio.choose(wanted));
    device = wanted;
    loaded.clear();
  }
  const reading = readingNow();
  for (const side of sides) {
    const choice = networkChoice(select(side).value);
    const key = choice && `${choice.id} ${choice.own ? `${reading.preset} ${reading.pixels}` : ''}`;
    if (loaded.get(side)?.key === key) continue;
    loaded.delete(side);
    await studio.release(side);
    if (!choice || !key) continue;
    say(`Loading ${choice.name} …`);
    const ready = await studio.load(side, await networkSource(choice, reading, showLoading));
    loaded.set(side, { key, ...ready });
  }
  for (const side of sides) {
    const { value } = select(side);
    element(`${side}-name`, HTMLElement).textContent = networkChoice(value)?.name ?? 'the picture';
  }
  adaptPanel.describe(networkChoice(select('left').value), loaded.get('left')?.size);
  showLegend();
}

/** What the visitor says of own networks. */
const readingNow = (): Reading => ({ preset: select('preset').value, pixels: select('pixels').value });

/** What was guessed of the networks that are shown. */
function showNotes(): void {
  element('notes', HTMLUListElement).replaceChildren();
  const notes = [deviceNote ?? [], ...[...loaded.values()].map((network) => network.notes)].flat();
  for (const note of new Set(notes)) addNote(note);
}

function showLegend(): void {
  const { left, right } = classesOf();
  const set = left ?? right;
  element('legend', HTMLUListElement).replaceChildren(
    ...(set?.classes ?? []).map((name, id) => {
      const swatch = made('i');
      swatch.style.background = `rgb(${set?.palette[id].join(' ')})`;
      return made('li', swatch, name);
    }),
  );
}

/** Every frame of the source once, then, of a clip, the frames again at their own pace. */
async function work(from: Source, signal: AbortSignal): Promise<void> {
  reel.clear();
  maps = undefined;
  const classes = classesOf();
  showFigures({}, classes);
  say('Segmenting …');
  element('welcome', HTMLElement).hidden = true;
  const counts = Object.fromEntries([...loaded].map(([side, own]) => [side, own.classes.classes.length]));
  await studio.run(from, {
    longerSide: sideOf(),
    classes: counts,
    signal,
    whenPlaying,
    onStep(step) {
      if (!from.live) reel.add(step);
      if (viewOf() === 'flicker') void showMaps();
      show(step);
      showFigures(step.figures, classes);
      enable(from);
      const { width, height } = step.image;
      const [count, time] = [from.count(), `${step.milliseconds.toFixed(0)} ms a frame`];
      const where = from.clip ? `Frame ${step.index + 1}${count ? ` of ${count}` : ''}, ` : '';
      showStatus(`${where}${width}×${height}, ${time}`);
    },
  });
  if (signal.aborted) return;
  const steps = reel.steps();
  if (steps.length < 2) return;
  say(`${from.name}: all ${reel.added()} frames measured${droppedWords()}`);
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) setPaused(true);
  void replay(steps, 1000 / (from.rate() ?? usualRate), signal);
}

/** Where a clip is longer than what a page can keep. */
function droppedWords(): string {
  const { length } = reel.steps();
  return length < reel.added() ? `; the last ${length} are kept (of a smaller longer side more)` : '';
}

/** Shows the frames again and again. */
async function replay(steps: readonly Step[], milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let at = 0; !signal.aborted; at = (at + 1) % steps.length) {
    await whenPlaying();
    if (signal.aborted) return;
    show(steps[at]);
    await new Promise((done) => setTimeout(done, milliseconds));
  }
}

function show(step: Step): void {
  shown = step;
  const { image, labels } = step;
  const view = viewOf() === 'flicker' ? maps : undefined;
  stage.show({ image, labels, classes: classesOf(), opacity: Number(input('opacity').value), maps: view });
}

/** Pixels of a frame's longer side. */
const sideOf = () => Math.max(1, Number(input('side').value));

function viewOf(): string {
  return document.querySelector<HTMLInputElement>('input[name="view"]:checked')?.value ?? 'classes';
}

async function showMaps(): Promise<void> {
  ({ maps } = await studio.flicker());
  if (shown) show(shown);
}

/** What can be done with a frame that is there. */
function enable(from: Source): void {
  button('play').hidden = !from.clip;
  button('again').hidden = !from.clip || from.live;
  for (const id of ['download-overlay', 'download-labels']) button(id).disabled = false;
  button('download-all').disabled = reel.steps().length < 2;
}

function setPaused(value: boolean): void {
  paused = value;
  button('play').textContent = paused ? 'Play' : 'Pause';
  if (!paused) resume();
}

function whenPlaying(): Promise<void> {
  return paused
    ? new Promise((done) => {
        resume = done;
      })
    : Promise.resolve();
}

/** Takes another source. */
async function take(open: () => Promise<Source>): Promise<void> {
  current.abort();
  setPaused(false);
  problem.textContent = '';
  say('Opening …');
  try {
    const opened = await open();
    source?.close();
    source = opened;
    begin();
  } catch (thrown) {
    showProblem(thrown);
  }
}

function listNetworks(): void {
  for (const side of sides) {
    const { value } = select(side);
    select(side).replaceChildren(
      ...networkChoices().map(({ id, name }) => new Option(name, id)),
      new Option('none: the picture as it is', ''),
    );
    select(side).value = value;
  }
}

async function takeNetwork(file: File): Promise<void> {
  const { id } = addNetwork(
    file.name,
    file.name.replace(/\.onnx$/i, ''),
    async () => new Uint8Array(await file.arrayBuffer()),
    true,
  );
  listNetworks();
  // Who picks a file wants it; what it is compared with is the visitor's next choice.
  select('left').value = id;
  select('right').value = '';
  begin();
}

async function takeFiles(files: readonly File[]): Promise<void> {
  const [network] = files.filter(({ name }) => name.toLowerCase().endsWith('.onnx'));
  const others = files.filter((file) => !file.name.toLowerCase().endsWith('.onnx'));
  if (network) await takeNetwork(network);
  if (others.length > 0) await take(() => openFiles(others));
}

/** A file field that also tells of a file that is picked again. */
function onPicked(field: HTMLInputElement, taken: (files: readonly File[]) => Promise<void>): void {
  field.addEventListener('change', () => {
    const files = [...(field.files ?? [])];
    field.value = '';
    if (files.length > 0) void taken(files);
  });
}

/** The first frames of the clip, for other work. What reads the source ends; what was seen of it is shown again meanwhile. */
async function takeFrames(count: number, longerSide = sideOf()): Promise<readonly RgbImage[]> {
  const from = source;
  if (!from?.clip) throw new Error('Choose a clip first: a video, several pictures of one, or the camera.');
  current.abort();
  current = new AbortController();
  const { signal } = current;
  setPaused(false);
  const images: RgbImage[] = [];
  queue = queue.then(async () => {
    for await (const { image } of from.frames(longerSide)) {
      images.push(image);
      if (images.length === count) break;
    }
  });
  // A frame that cannot be decoded fails this call; what comes after it is not to fail.
  const taken = queue;
  queue = queue.catch(() => undefined);
  await taken;
  const steps = reel.steps();
  if (steps.length > 1) void replay(steps, 1000 / (from.rate() ?? usualRate), signal);
  return images;
}

const adaptPanel = createAdaptPanel({
  chosen: () => ({ network: networkChoice(select('left').value), reading: readingNow() }),
  frames: takeFrames,
  onAdapted(from, adapted) {
    listNetworks();
    select('left').value = from.id;
    select('right').value = adapted.id;
    begin();
  },
});

listNetworks();
select('left').value = 'toycity-plain';
select('right').value = 'toycity-steady';
for (const name of presetNames) select('preset').append(new Option(name, name));
element('isolation', HTMLElement).textContent = crossOriginIsolated
  ? `Networks may use several of this machine’s ${navigator.hardwareConcurrency} cores.`
  : 'Networks use one core: this page was served without the two headers of cross-origin isolation, which browsers ask for before they give a page threads. Everything works without, only slower.';

const choose = () => input('media').click();
button('choose').addEventListener('click', choose);
button('camera').addEventListener('click', () => void take(cameraSource));
button('sample').addEventListener(
  'click',
  () =>
    void take(async () => {
      const content = await fetch(new URL('sample.mp4', document.baseURI));
      if (!content.ok) throw new Error(`the sample clip: the server answers ${content.status}`);
      return openFiles([new File([await content.blob()], 'the sample clip.mp4', { type: 'video/mp4' })]);
    }),
);
button('again').addEventListener('click', begin);
button('play').addEventListener('click', () => setPaused(!paused));
onPicked(input('media'), takeFiles);
onPicked(input('own'), takeFiles);
for (const id of ['left', 'right', 'preset', 'pixels', 'device']) select(id).addEventListener('change', begin);
input('side').addEventListener('change', begin);
input('opacity').addEventListener('input', () => shown && show(shown));
for (const view of document.querySelectorAll('input[name="view"]')) {
  view.addEventListener('change', () => (viewOf() === 'flicker' ? void showMaps() : shown && show(shown)));
}

const chosenSide = (): Side => (select('download-side').value === 'left' ? 'left' : 'right');
const offerFile = (id: string, make: (side: Side, step: Step, classes: ClassSet) => Promise<void>) =>
  button(id).addEventListener('click', () => {
    const side = chosenSide();
    const { [side]: classes } = classesOf();
    if (!shown || !classes)
      return showProblem(new Error(`The ${side} side has no network: choose the other side, or one for it.`));
    problem.textContent = '';
    make(side, shown, classes).catch(showProblem);
  });
offerFile('download-overlay', (side, step, classes) =>
  downloadOverlay(step, side, classes, Number(input('opacity').value)),
);
offerFile('download-labels', (side, step) => downloadLabels(step, side));
offerFile('download-all', async (side) => {
  await downloadAllLabels(reel.steps(), side);
  const dropped = droppedWords();
  if (dropped)
    throw new Error(`These are not all label maps${dropped}. The command line gives all: steadyseg predict.`);
});

addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) document.body.classList.remove('dropping');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  void takeFiles([...(event.dataTransfer?.files ?? [])]);
});
