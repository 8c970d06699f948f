// Takes training's prefixes off the names of a state dict.
import { SteadysegError } from '../base/errors.js';

/** Wrappers of the network: data parallelism, distillation's student, and the weights in our own checkpoints. */
const wrappers = /^((module|student|parameter)\.)+/;
/** Parts of a training checkpoint beside the network. */
const besideNetwork = /^(teacher|flownet|criterion[^.]*|loss|sem_loss|bd_loss|velocity|moment[12]|convlstm)\./;
/** Of our own checkpoints: a weight, and the mean of it along the run, which is what the run results in. */
const [weight, mean] = ['parameter.', 'averaged.'];
/** Wrappers that are taken for such only when every name has them. */
const sharedWrapper = /^(model|network|net)\./;

/**
 * Names as the network has them: `module.`, `student.` and `parameter.` (and `model.`, `network.`, `net.` where every name
 * has it) are taken off; the parts `teacher`, `flownet`, `criterion…`, `loss`, `sem_loss`, `bd_loss`, `velocity`, `moment1`, `moment2` and `convlstm` are dropped.
 * Where a checkpoint of ours holds the mean of a weight (`averaged.` beside `parameter.`), it stands for the weight.
 * @throws SteadysegError when two names become the same.
 */
export function cleanNames<V>(given: ReadonlyMap<string, V>): { kept: Map<string, V>; dropped: string[] } {
  const dropped: string[] = [];
  let pairs: [name: string, value: V][] = [];
  for (const [name, value] of given) {
    if (name.startsWith(mean) && given.has(weight + name.slice(mean.length))) continue;
    const averaged = name.startsWith(weight) ? given.get(mean + name.slice(weight.length)) : undefined;
    const bare = name.replace(wrappers, '');
    if (besideNetwork.test(bare)) dropped.push(name);
    else pairs.push([bare, averaged ?? value]);
  }
  const shared = sharedWrapper.exec(pairs[0]?.[0] ?? '')?.[0];
  if (shared && pairs.every(([name]) => name.startsWith(shared))) {
    pairs = pairs.map(([name, value]) => [name.slice(shared.length).replace(wrappers, ''), value]);
  }
  const kept = new Map(pairs);
  if (kept.size < pairs.length) {
    const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index)?.[0];
    throw new SteadysegError(`two tensors become ${JSON.stringify(twice)} when module. and student. are taken off`);
  }
  return { kept, dropped };
}
