// The panel that adapts a network to the clip: settings, how far it is, and what it came to.
import type { AdaptEstimate, AdaptProgress, AdaptStage, RgbImage, Size, WebAdaptation } from '../src/web.js';
import type { AdaptFunctions, AdaptTold } from './adaptWorker.js';
import { download } from './downloads.js';
import { element, made, wordsOf } from './elements.js';
import { percent } from './figures.js';
import { loadingWords } from './loading.js';
import { addNetwork, type NetworkChoice, networkSource } from './networks.js';
import type { Reading } from './reading.js';
import { createRemaining, durationWords, type Remaining } from './remaining.js';
import { remote } from './remote.js';

/** What the panel asks the page for. */
export interface AdaptPanelOptions {
  /** The network to adapt, and what the visitor says of it. */
  chosen(): { readonly network: NetworkChoice | undefined; readonly reading: Reading };
  /** The first frames of the clip; of the size that the page shows where no longer side is given. @throws Error in words without a clip. */
  frames(count: number, longerSide: number | undefined): Promise<readonly RgbImage[]>;
  /** Told of a steadier network. */
  onAdapted(from: NetworkChoice, adapted: NetworkChoice): void;
}

export interface AdaptPanel {
  /** Says what is adapted. @param size of frames, where the network takes only one. */
  describe(network: NetworkChoice | undefined, size: Size | undefined): void;
}

const stageWords: Readonly<Record<AdaptStage, string>> = {
  frames: 'Reading what the network says of each frame',
  consensus: 'Finding what neighbouring frames agree on',
  steps: 'Learning, first of two rounds',
  renewal: 'Finding what neighbouring frames agree on by now',
  refinement: 'Learning, second round',
  choice: 'Choosing how far to go',
  judgement: 'Comparing before and after',
};

export function createAdaptPanel(options: AdaptPanelOptions): AdaptPanel {
  const input = (id: string) => element(id, HTMLInputElement);
  const button = (id: string) => element(id, HTMLButtonElement);
  const [count, side, steps] = [input('adapt-frames'), input('adapt-side'), input('adapt-steps')];
  const [begin, finish, cancel] = [button('adapt'), button('adapt-finish'), button('adapt-cancel')];
  const save = button('download-network');
  const words = element('adapt-words', HTMLElement);
  const problem = element('adapt-error', HTMLElement);
  const notes = element('adapt-notes', HTMLUListElement);
  const work = element('adapt-work', HTMLElement);
  const bar = element('adapt-progress', HTMLProgressElement);
  const left = element('adapt-left', HTMLElement);
  const result = element('adapt-result', HTMLTableElement);
  let adapted: { readonly name: string; readonly content: Uint8Array<ArrayBuffer> } | undefined;
  let fixed: Size | undefined;

  begin.addEventListener('click', () => {
    if ([count, side, steps].every((field) => field.reportValidity())) void run();
  });
  save.addEventListener('click', () => {
    if (adapted) download(new Blob([adapted.content], { type: 'application/octet-stream' }), adapted.name);
  });

  async function run(): Promise<void> {
    const worker = new Worker(new URL('./adaptWorker.ts', import.meta.url), { type: 'module' });
    const listeners = new AbortController();
    const { signal } = listeners;
    showRunning();
    try {
      const { network, reading } = options.chosen();
      if (!network) throw new Error('Choose a network for the left side: that one is adapted.');
      const cancelled = new Promise<undefined>((resolve) => {
        cancel.addEventListener('click', () => resolve(undefined), { signal });
      });
      const found = await Promise.race([adaptIn(worker, network, reading, signal), cancelled]);
      if (found) show(network, found);
      else words.textContent = 'Cancelled: nothing was changed.';
    } catch (thrown) {
      words.textContent = '';
      problem.textContent = wordsOf(thrown);
    } finally {
      listeners.abort();
      worker.terminate();
      showIdle();
    }
  }

  /** @param signal ends it when the visitor cancels: nothing is said any more. */
  async function adaptIn(
    worker: Worker,
    network: NetworkChoice,
    reading: Reading,
    signal: AbortSignal,
  ): Promise<WebAdaptation> {
    let remaining: Remaining | undefined;
    let planned: AdaptEstimate | undefined;
    let stage: AdaptStage | undefined;
    const began = performance.now();
    const follow = (progress: AdaptProgress) => {
      if (progress.stage !== stage) {
        stage = progress.stage;
        words.textContent = `${planned ? `${estimateWords(planned)} ` : ''}${stageWords[stage]} …`;
        finish.disabled = stage !== 'steps' && stage !== 'refinement';
      }
      const now = performance.now();
      const seconds = remaining?.follow(progress, now) ?? 0;
      const spent = (now - began) / 1000;
      Object.assign(bar, { max: spent + seconds, value: spent });
      left.textContent = `${progress.done} of ${progress.total}, ${durationWords(seconds)} left`;
    };
    const functions = remote<AdaptFunctions>(worker, (told: AdaptTold) => {
      if (signal.aborted) return;
      if ('progress' in told) follow(told.progress);
      // Before that it tells what was guessed of the network, which stands beside the networks.
      else if ('note' in told) planned && notes.append(made('li', told.note));
      else if ('what' in told) words.textContent = loadingWords(told);
      else {
        planned = told.estimate;
        remaining = createRemaining(planned, performance.now());
        words.textContent = estimateWords(planned);
      }
    });
    const finishing = () => {
      finish.disabled = true;
      cancel.focus();
      void functions.finish();
    };
    finish.addEventListener('click', finishing, { signal });
    const source = await networkSource(network, reading, (loading) => {
      if (!signal.aborted) words.textContent = loadingWords(loading);
    });
    signal.throwIfAborted();
    words.textContent = 'Taking frames …';
    const frames = await options.frames(Number(count.value), fixed ? undefined : Number(side.value));
    signal.throwIfAborted();
    words.textContent = 'Measuring how long it takes …';
    return functions.adapt(source, frames, Number(steps.value));
  }

  function showRunning(): void {
    [words.textContent, problem.textContent, left.textContent] = ['', '', ''];
    notes.replaceChildren();
    bar.removeAttribute('value');
    result.hidden = true;
    save.hidden = true;
    adapted = undefined;
    work.hidden = false;
    finish.disabled = true;
    cancel.focus();
    begin.hidden = true;
  }

  function showIdle(): void {
    begin.hidden = false;
    if (work.contains(document.activeElement)) begin.focus();
    work.hidden = true;
  }

  function show(network: NetworkChoice, { before, after, frames, model, ...found }: WebAdaptation): void {
    const rows = [
      ['pixels that change class', percent(1 - before.steady), percent(1 - after.steady)],
      ['temporal kappa', before.kappa.toFixed(4), after.kappa.toFixed(4)],
      ['class kept where it was sure', percent(before.agreement), percent(after.agreement)],
    ];
    element('adapt-figures', HTMLTableSectionElement).replaceChildren(
      ...rows.map(([name, ...values]) => {
        const head = made('th', name);
        head.scope = 'row';
        return made('tr', head, ...values.map((value) => made('td', value)));
      }),
    );
    result.hidden = false;
    if (!found.adapted) {
      words.textContent = `Not adapted: on these ${frames} frames nothing safe made “${network.name}” steadier. It stays as it is.`;
      return;
    }
    const share = Math.round(100 * (1 - (1 - after.steady) / (1 - before.steady)));
    words.textContent = `Steadier: on these ${frames} frames ${share} % less flicker. It is the right side of the picture now.`;
    // A copy of memory of its own, as files are made of.
    const content = Uint8Array.from(model);
    adapted = { name: `${network.file}-steady.onnx`, content };
    save.hidden = false;
    options.onAdapted(
      network,
      addNetwork(`adapted: ${network.name}`, `${network.file}-steady`, async () => content, network.own),
    );
  }

  return {
    describe(network, size) {
      fixed = size;
      side.disabled = size !== undefined;
      element('adapt-of', HTMLElement).textContent = network
        ? `Of “${network.name}”, the left side${size ? `, which takes frames of ${size.width}×${size.height} only` : ''}.`
        : 'Choose a network for the left side.';
    },
  };
}

function estimateWords({ frames, steps, seconds }: AdaptEstimate): string {
  return `About ${durationWords(seconds)}: ${frames} frames, ${steps} updates.`;
}
