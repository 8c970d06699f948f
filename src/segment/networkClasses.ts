// Which classes the labels of a network are: the names that are known, and a background where no map stands for one.
import { SteadysegError, UsageError } from '../base/errors.js';
import { MAX_CLASSES } from '../base/labels.js';
import { type ClassSet, contradicts, presetNames, type Rgb, setOfNames, vocColor } from '../media/classes.js';
import type { ChosenOutput } from './chooseOutput.js';
import type { Background, DescribeOptions, FoundNetwork } from './network.js';

/** What labels mean. */
export interface NetworkClasses {
  readonly classes: ClassSet;
  readonly background: Background | undefined;
  /** Labels that are told apart; undefined where the file does not say. */
  readonly classCount: number | undefined;
  readonly notes: readonly string[];
}

const black: Rgb = [0, 0, 0];
/** Names of what is no class in particular. */
const backgroundName = /^[\W_]*(background|bg|void|unlabel+ed|other|others|none|nothing)[\W_]*$/i;

/**
 * Names come from the caller, else the model, else a file beside it. A single map tells a class from the background, 0.
 * Maps of classes that each stand alone have a background where none is above the threshold: 0 when nobody named the
 * classes; where they are named, their ids stay what they are and the background comes after them, unless it is named too.
 *
 * @throws UsageError for a preset that contradicts the model's names, and for a threshold where there is none.
 */
export function classesOfNetwork(
  { source, metadata, labels }: FoundNetwork,
  { kind, channels, labels: labelCount, name }: ChosenOutput,
  options: DescribeOptions,
): NetworkClasses {
  const notes: string[] = [];
  const inModel = metadata.classes && setOfNames('the model', metadata.classes, metadata.palette, metadata.ignoreLabel);
  const beside = labels && setOfNames(labels.origin, labels.names);
  const known = knownSet(options.classes, inModel ?? beside, source, notes);
  const standsAlone = kind !== 'labels' && (channels === 1 || kind === 'sigmoid');
  const named = fitting(known, beside, channels, standsAlone, notes);
  if (!standsAlone) {
    if (options.threshold !== undefined) {
      throw new UsageError(
        `${source}: expected no threshold: the classes of the output "${name}" exclude each other, the highest score is taken`,
      );
    }
    const classCount = kind === 'labels' ? labelCount : channels;
    return { classes: named ?? numbered(classCount), background: undefined, classCount, notes };
  }
  const threshold = options.threshold ?? 0.5;
  if (!(threshold > 0 && threshold < 1)) {
    throw new UsageError(`expected a threshold between 0 and 1, found ${threshold}`);
  }
  const added = withBackground(named, channels, source);
  if (added.id !== undefined) {
    const { classes } = added.classes;
    const which = channels === 1 ? `label ${1 - added.id} ("${classes[1 - added.id]}")` : 'the likeliest class';
    notes.push(
      `${channels === 1 ? 'one map' : `${channels ?? 'several'} maps of classes that stand each alone`}: a pixel is ${which} where its probability is above ${threshold}, else label ${added.id} ("${classes[added.id]}")`,
    );
  } else if (options.threshold !== undefined) {
    throw new UsageError(`${source}: expected no threshold: one of its maps is the background's, the highest is taken`);
  }
  return {
    classes: added.classes,
    background: added.id === undefined ? undefined : { id: added.id, threshold },
    classCount: channels === undefined ? undefined : channels + (added.id === undefined ? 0 : 1),
    notes,
  };
}

/** The caller's names, which may rename those of the model; a preset may not. */
function knownSet(
  given: ClassSet | undefined,
  found: ClassSet | undefined,
  source: string,
  notes: string[],
): ClassSet | undefined {
  const difference = given && found && contradicts(given, found);
  if (!given || difference === undefined) return given ?? found;
  if (presetNames.includes(given.name)) {
    throw new UsageError(
      `${source}: expected the classes of the network, found the preset "${given.name}", which contradicts them: ${difference}; leave --preset out to use the network's own`,
    );
  }
  notes.push(`the classes are renamed: ${difference}`);
  return given;
}

/** Names from a file beside the model are left out where there are not as many as maps: such files come with other networks too. */
function fitting(
  known: ClassSet | undefined,
  beside: ClassSet | undefined,
  channels: number | undefined,
  standsAlone: boolean,
  notes: string[],
): ClassSet | undefined {
  if (!known || known !== beside || channels === undefined) return known;
  const { length } = known.classes;
  if (length === channels || (standsAlone && length === channels + 1)) return known;
  notes.push(`${known.name} names ${length} classes, the network has ${channels}: they are numbered`);
  return undefined;
}

/** The classes with a background, and its label; undefined when one of the maps is the background's. */
function withBackground(
  named: ClassSet | undefined,
  channels: number | undefined,
  source: string,
): { classes: ClassSet; id: number | undefined } {
  if (!named) {
    const maps = Array.from({ length: channels ?? MAX_CLASSES - 1 }, (_, map) => map + 1);
    const names = maps.map((id) => (channels === 1 ? 'foreground' : `class ${id}`));
    const palette = [black, ...maps.map(vocColor)];
    return { classes: setOfNames('the model', ['background', ...names], palette), id: 0 };
  }
  const { classes, palette } = named;
  const own = classes.findIndex((name) => backgroundName.test(name));
  if (channels === 1) {
    if (classes.length === 1)
      return { classes: { ...named, classes: ['background', ...classes], palette: [black, ...palette] }, id: 0 };
    if (classes.length === 2) return { classes: named, id: own === 1 ? 1 : 0 };
    throw new SteadysegError(
      `${source}: expected the names of two classes, a background and what the network finds, found the ${classes.length} of "${named.name}"`,
    );
  }
  if (channels !== undefined && classes.length === channels + 1) {
    return { classes: named, id: own === channels ? channels : 0 };
  }
  if (own >= 0) return { classes: named, id: undefined };
  return {
    classes: { ...named, classes: [...classes, 'background'], palette: [...palette, black] },
    id: classes.length,
  };
}

/** The classes of a network that nobody named, in distinct colours. */
function numbered(count = MAX_CLASSES): ClassSet {
  return setOfNames(
    'the model',
    Array.from({ length: Math.min(count, MAX_CLASSES) }, (_, id) => `class ${id}`),
  );
}
