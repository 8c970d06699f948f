// Which network weights belong to, by their names and shapes.
import type { Shape } from '../tensor/tensor.js';
import { segFormerVariants } from './segformer.js';

interface Shaped {
  readonly shape: Shape;
}

/** The architecture that has such weights: PIDNet, DDRNet or SegFormer in any size; undefined for others. */
export function recognizeNetwork(weights: ReadonlyMap<string, Shaped>): string | undefined {
  const channels = (name: string) => weights.get(name)?.shape[0];
  if (weights.has('pag3.f_x.0.weight')) {
    if (channels('conv1.0.weight') === 32) return 'pidnet-s';
    return weights.has('dfm.conv.2.weight') ? 'pidnet-l' : 'pidnet-m';
  }
  if (weights.has('down3.0.weight') && weights.has('layer3_.0.conv1.weight')) {
    return channels('conv1.0.weight') === 32 ? 'ddrnet23-slim' : 'ddrnet23';
  }
  const encoder = 'segformer.encoder.block';
  if (weights.has(`${encoder}.0.0.layer_norm_1.weight`)) {
    const found = Object.entries(segFormerVariants).find(([, variant]) => {
      const fits = variant.blocks.every(
        (count, i) => weights.has(blockOf(i, count - 1)) && !weights.has(blockOf(i, count)),
      );
      return fits && channels(blockOf(0, 0)) === variant.channels[0];
    });
    return found && `segformer-${found[0]}`;
  }
  return undefined;

  function blockOf(i: number, j: number): string {
    return `${encoder}.${i}.${j}.layer_norm_1.weight`;
  }
}
