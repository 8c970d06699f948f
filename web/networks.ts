// The networks that may be chosen: those that ship, those of the visitor, and those that were adapted here.
import { fetchBytes, type Loading } from './loading.js';
import type { NetworkSource } from './networkWorker.js';
import { asTheFileSays, type Reading } from './reading.js';

/** A network of the list. */
export interface NetworkChoice {
  readonly id: string;
  readonly name: string;
  /** What files of it are called, without an ending. */
  readonly file: string;
  /** Whether it came from the visitor, who may say how it is read. */
  readonly own: boolean;
  content(onProgress: (loading: Loading) => void): Promise<Uint8Array>;
}

const shipped = [
  { id: 'toycity-plain', name: 'toy city, plain', words: 'the plain network' },
  { id: 'toycity-steady', name: 'toy city, steady', words: 'the steady network' },
  { id: 'camvid-plain', name: 'real streets, plain', words: 'the plain network for real streets' },
  { id: 'camvid-steady', name: 'real streets, steady', words: 'the network for real streets' },
] as const;

const choices = new Map<string, NetworkChoice>(
  shipped.map(({ id, name, words }) => {
    let fetched: Promise<Uint8Array> | undefined;
    const content: NetworkChoice['content'] = (onProgress) => {
      fetched ??= fetchBytes(new URL(`models/${id}.onnx`, document.baseURI), (loading) =>
        onProgress({ what: words, ...loading }),
      );
      // What failed is tried again.
      fetched.catch(() => {
        fetched = undefined;
      });
      return fetched;
    };
    return [id, { id, name, file: id, own: false, content }];
  }),
);

export function networkChoice(id: string): NetworkChoice | undefined {
  return choices.get(id);
}

export function networkChoices(): readonly NetworkChoice[] {
  return [...choices.values()];
}

/** Adds a network. The same name again is another network. @param own whether the visitor may say how it is read. */
export function addNetwork(
  name: string,
  file: string,
  content: () => Promise<Uint8Array>,
  own: boolean,
): NetworkChoice {
  const same = [...choices.values()].filter((known) => known.name.replace(/ \(\d+\)$/, '') === name).length;
  const choice = {
    id: `added-${choices.size}`,
    name: same === 0 ? name : `${name} (${same + 1})`,
    ...{ file, own },
    content: () => content(),
  };
  choices.set(choice.id, choice);
  return choice;
}

/** What a worker loads it from. */
export async function networkSource(
  choice: NetworkChoice,
  reading: Reading,
  onProgress: (loading: Loading) => void,
): Promise<NetworkSource> {
  const content = await choice.content(onProgress);
  return { name: choice.name, content, reading: choice.own ? reading : asTheFileSays };
}
