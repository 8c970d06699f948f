// The student of a run as its configuration describes it.
import { UsageError } from '../base/errors.js';
import { architectureStudent } from './architectureStudent.js';
import type { TrainingConfig } from './config.js';
import { onnxStudent } from './openStudent.js';
import { selectedWeights } from './selectedWeights.js';
import type { Student } from './student.js';

/** Keys that only an architecture has, and those that only a model has. */
const architectureKeys = ['architecture', 'backbone', 'weights'] as const;
const modelKeys = ['output', 'scores', 'mean', 'std', 'scale', 'channelOrder'] as const;

/**
 * @param classes names by train id of the data.
 * @throws UsageError for keys that do not go together; SteadysegError for files that do not fit, or too few classes.
 */
export async function configuredStudent(
  { network, seed }: Pick<TrainingConfig, 'network' | 'seed'>,
  classes: readonly string[],
): Promise<Student> {
  const { model } = network;
  const [unfit, with_] = model === undefined ? [modelKeys, 'an architecture'] : [architectureKeys, 'network.model'];
  const found = unfit.find((key) => network[key] !== undefined);
  if (found)
    throw new UsageError(`network.${found}: expected none with ${with_}, found ${JSON.stringify(network[found])}`);
  if (model !== undefined) {
    const { train, freeze, output, scores, mean, std, scale, channelOrder } = network;
    const student = await onnxStudent(model, { mean, std, scale, channelOrder, train, freeze, output, scores });
    if (![...student.weights.keys()].some((name) => student.trains?.(name))) {
      throw new UsageError(
        `${model}: expected weights to train, found ${student.weights.size === 0 ? 'none in the file' : 'all of them frozen'}`,
      );
    }
    if (student.classes.count < classes.length) {
      throw new UsageError(
        `${model}: expected at least the ${classes.length} classes of the data, found a network of ${student.classes.count}`,
      );
    }
    return student;
  }
  const { architecture = 'pspnet18', widthMultiplier, weights, backbone } = network;
  const student = await architectureStudent({
    ...{ architecture, widthMultiplier, weights, backbone, seed },
    classes: { count: classes.length, names: classes },
  });
  const trained = selectedWeights([...student.weights.keys()], network, architecture);
  return { ...student, trains: (name) => trained.has(name) };
}
