// Finds the state dict in what a checkpoint holds.
import { SteadysegError } from '../base/errors.js';
import type { PickleValue } from './pickle.js';
import { isTensorReference, type TensorReference } from './torchGlobals.js';

/** Deepest nesting in which a state dict is looked for: `{'models': {'student': {'state_dict': …}}}` has three levels. */
const MAX_NESTING = 8;

/** Keys under which training code keeps the weights, best first. */
const usualKeys = ['state_dict', 'model_state_dict', 'model_state', 'model', 'network', 'net', 'student', 'module'];
/** Keys whose tensors are not the network's weights. */
const otherKeys = /optim|sched|scaler|rng|(?:^|[._-])ema(?:$|[._-])|teacher|discriminator|criterion/i;

/**
 * The tensors of the state dict in a checkpoint's value, by name: what is under a usual key (`state_dict`, `model`, …),
 * else the value itself when it holds tensors, else the only dict in it that does.
 * @throws SteadysegError when there is none, or several and none under a usual key. `source` names the file.
 */
export function findStateDict(value: PickleValue, source: string): Map<string, TensorReference> {
  // A hostile file can nest a dict in itself, or name one dict along exponentially many paths: each is entered once.
  const entered = new Set<PickleValue>();
  const search = (candidate: PickleValue | undefined, depth: number): Map<string, TensorReference> | undefined => {
    if (!(candidate instanceof Map) || depth > MAX_NESTING || entered.has(candidate)) return undefined;
    entered.add(candidate);
    for (const key of usualKeys) {
      const found = search(candidate.get(key), depth + 1);
      if (found) return found;
    }
    const tensors = tensorsOf(candidate);
    if (tensors.size > 0) return tensors;
    const others = [...candidate].filter(([key]) => typeof key === 'string' && !otherKeys.test(key));
    const found = others.flatMap(([key, inner]) => {
      const dict = search(inner, depth + 1);
      return dict ? [{ key, dict }] : [];
    });
    if (found.length > 1) {
      const keys = found.map(({ key }) => String(key)).join(', ');
      throw new SteadysegError(
        `${source}: expected one state dict, found several: ${keys.slice(0, 200)}: save the one wanted by itself`,
      );
    }
    return found[0]?.dict;
  };
  const found = search(value, 0);
  if (found) return found;
  throw new SteadysegError(
    `${source}: expected a state dict (tensors by name), found none: save it in PyTorch with torch.save(model.state_dict(), path)`,
  );
}

function tensorsOf(dict: ReadonlyMap<PickleValue, PickleValue>): Map<string, TensorReference> {
  const tensors = new Map<string, TensorReference>();
  for (const [key, value] of dict) {
    if (typeof key === 'string' && isTensorReference(value)) tensors.set(key, value);
  }
  return tensors;
}
