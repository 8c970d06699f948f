// Names in published checkpoints (mmsegmentation, NVlabs) as the names that the networks' authors, or Hugging Face, gave them.
import { SteadysegError } from '../base/errors.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';

type Rules = readonly (readonly [pattern: RegExp, replacement: string | ((...groups: string[]) => string)])[];

/** `name.1` of mmsegmentation is stage 3 here, and so on. */
const stage = (number: string, from: number) => `${Number(number) + from}`;

/** What PIDNet and DDRNet have in common; the first pattern that fits the beginning of a name counts. */
const branches: Rules = [
  [/^backbone\.stem\.([01])\.conv\./, (i) => `conv1.${3 * Number(i)}.`],
  [/^backbone\.stem\.([01])\.bn\./, (i) => `conv1.${3 * Number(i) + 1}.`],
  [/^backbone\.stem\.([24])\./, (i) => `layer${Number(i) / 2}.`],
  [/^backbone\.(?:i|context)_branch_layers\.(\d)\./, (i) => `layer${stage(i, 3)}.`],
  [/^backbone\.(?:p|spatial)_branch_layers\.(\d)\./, (i) => `layer${stage(i, 3)}_.`],
  [/^backbone\.d_branch_layers\.(\d)\./, (i) => `layer${stage(i, 3)}_d.`],
  [/^backbone\.(compression|diff)_(\d)\./, (name, i) => `${name}${stage(i, 2)}.`],
  [/^backbone\.pag_(\d)\.f_p\./, (i) => `pag${stage(i, 2)}.f_x.`],
  [/^backbone\.pag_(\d)\.f_i\./, (i) => `pag${stage(i, 2)}.f_y.`],
  [/^backbone\.down_1\./, 'down3.'],
  [/^backbone\.down_2\.0\./, 'down4.'],
  [/^backbone\.down_2\.1\.conv\./, 'down4.3.'],
  [/^backbone\.down_2\.1\.bn\./, 'down4.4.'],
  [/^backbone\.dfm\.f_([pi])\./, (branch) => `dfm.conv_${branch}.`],
  [/^backbone\.dfm\.conv\.bn\./, 'dfm.conv.0.'],
  [/^backbone\.dfm\.conv\.conv\./, 'dfm.conv.2.'],
  [/^backbone\.spp\.scales\.0\.bn\./, 'spp.scale0.0.'],
  [/^backbone\.spp\.scales\.0\.conv\./, 'spp.scale0.2.'],
  [/^backbone\.spp\.scales\.([1-4])\.1\.bn\./, (i) => `spp.scale${i}.1.`],
  [/^backbone\.spp\.scales\.([1-4])\.1\.conv\./, (i) => `spp.scale${i}.3.`],
  [/^backbone\.spp\.processes\.(\d)\.bn\./, (i) => `spp.process${stage(i, 1)}.0.`],
  [/^backbone\.spp\.processes\.(\d)\.conv\./, (i) => `spp.process${stage(i, 1)}.2.`],
  [/^backbone\.spp\.processes\.bn\./, 'spp.scale_process.0.'],
  [/^backbone\.spp\.processes\.conv\./, 'spp.scale_process.2.'],
  [/^backbone\.spp\.(compression|shortcut)\.bn\./, (name) => `spp.${name}.0.`],
  [/^backbone\.spp\.(compression|shortcut)\.conv\./, (name) => `spp.${name}.2.`],
  [/^decode_head\.(?:i_head\.conv|head\.0)\.bn\./, 'final_layer.bn1.'],
  [/^decode_head\.(?:i_head\.conv|head\.0)\.conv\./, 'final_layer.conv1.'],
  [/^decode_head\.(?:i_head\.norm|head\.1)\./, 'final_layer.bn2.'],
  [/^decode_head\.conv_seg\./, 'final_layer.conv2.'],
  [/^decode_head\.aux_head\.0\.bn\./, 'seghead_extra.bn1.'],
  [/^decode_head\.aux_head\.0\.conv\./, 'seghead_extra.conv1.'],
  [/^decode_head\.aux_head\.1\./, 'seghead_extra.bn2.'],
  [/^decode_head\.aux_cls_seg\./, 'seghead_extra.conv2.'],
  [/^decode_head\.([pd])_head\.conv\.bn\./, (branch) => `seghead_${branch}.bn1.`],
  [/^decode_head\.([pd])_head\.conv\.conv\./, (branch) => `seghead_${branch}.conv1.`],
  [/^decode_head\.([pd])_head\.norm\./, (branch) => `seghead_${branch}.bn2.`],
  [/^decode_head\.([pd])_cls_seg\./, (branch) => `seghead_${branch}.conv2.`],
];

/** Names within blocks, after the rules above. */
const inBlocks: Rules = [
  [/\.conv(\d)\.conv\./, (i) => `.conv${i}.`],
  [/\.conv(\d)\.bn\./, (i) => `.bn${i}.`],
  [/^((?:layer|compression|diff|pag|down|dfm\.conv_).*)\.conv\.(\w+)$/, (before, part) => `${before}.0.${part}`],
  [/^((?:layer|compression|diff|pag|down|dfm\.conv_).*)\.bn\.(\w+)$/, (before, part) => `${before}.1.${part}`],
];

/** SegFormer of NVlabs; queries, keys and values are taken apart besides. */
const transformer: Rules = [
  [/^backbone\.patch_embed(\d)\.proj\./, (i) => `segformer.encoder.patch_embeddings.${stage(i, -1)}.proj.`],
  [/^backbone\.patch_embed(\d)\.norm\./, (i) => `segformer.encoder.patch_embeddings.${stage(i, -1)}.layer_norm.`],
  [/^backbone\.block(\d)\.(\d+)\./, (i, j) => `segformer.encoder.block.${stage(i, -1)}.${j}.`],
  [/^backbone\.norm(\d)\./, (i) => `segformer.encoder.layer_norm.${stage(i, -1)}.`],
  [/^decode_head\.linear_c(\d)\./, (i) => `decode_head.linear_c.${stage(i, -1)}.`],
  [/^decode_head\.linear_fuse\.conv\./, 'decode_head.linear_fuse.'],
  [/^decode_head\.linear_fuse\.bn\./, 'decode_head.batch_norm.'],
  [/^decode_head\.linear_pred\./, 'decode_head.classifier.'],
];
const inTransformerBlocks: Rules = [
  [/\.norm([12])\./, (i) => `.layer_norm_${i}.`],
  [/\.attn\.q\./, '.attention.self.query.'],
  [/\.attn\.sr\./, '.attention.self.sr.'],
  [/\.attn\.norm\./, '.attention.self.layer_norm.'],
  [/\.attn\.proj\./, '.attention.output.dense.'],
  [/\.mlp\.fc([12])\./, (i) => `.mlp.dense${i}.`],
];

/** Keys and values in one tensor, keys first. */
const keysAndValues = /^(.*)\.attn\.kv\.(weight|bias)$/;

/** Weights under the names that the networks here have. */
export interface NamedWeights {
  readonly tensors: Map<string, Tensor>;
  /** Whose names they had, where others were there. */
  readonly origin?: 'mmsegmentation' | 'NVlabs' | undefined;
  /** Tensors that no network has. */
  readonly dropped: readonly string[];
}

/**
 * Gives published weights the names of the networks here; others stay as they are.
 * @throws SteadysegError, naming `source`, for SegFormer of mmsegmentation, whose head is another function.
 */
export function renamePublished(given: ReadonlyMap<string, Tensor>, source: string): NamedWeights {
  const names = [...given.keys()];
  const begins = (start: string) => names.some((name) => name.startsWith(start));
  if (begins('backbone.patch_embed1.')) return ofNvlabs(given);
  if (begins('backbone.layers.0.0.projection.')) {
    throw new SteadysegError(
      `${source}: expected SegFormer in the form of Hugging Face or NVlabs, found mmsegmentation's, whose head computes something else (a normalised convolution of each stage): take the file of one of those`,
    );
  }
  if (begins('backbone.p_branch_layers.') || begins('backbone.spatial_branch_layers.')) return ofMmsegmentation(given);
  return { tensors: new Map(given), dropped: [] };
}

function renamed(name: string, first: Rules, then: Rules): string {
  const apply = (text: string, rules: Rules) => {
    const rule = rules.find(([pattern]) => pattern.test(text));
    if (!rule) return text;
    const [pattern, replacement] = rule;
    return typeof replacement === 'string'
      ? text.replace(pattern, replacement)
      : text.replace(pattern, (_, ...groups) => replacement(...groups));
  };
  return apply(apply(name, first), then);
}

/** mmsegmentation's two stem convolutions have no bias. */
function ofMmsegmentation(given: ReadonlyMap<string, Tensor>): NamedWeights {
  const tensors = new Map([...given].map(([name, value]) => [renamed(name, branches, inBlocks), value]));
  for (const name of ['conv1.0', 'conv1.3']) {
    const channels = tensors.get(`${name}.weight`)?.shape[0];
    if (channels !== undefined && !tensors.has(`${name}.bias`)) {
      tensors.set(`${name}.bias`, zeros('float32', [channels]));
    }
  }
  return { tensors, origin: 'mmsegmentation', dropped: [] };
}

/** What mmsegmentation's head has besides, and never runs. */
const unused = /^decode_head\.conv_seg\./;

function ofNvlabs(given: ReadonlyMap<string, Tensor>): NamedWeights {
  const tensors = new Map<string, Tensor>();
  const dropped: string[] = [];
  for (const [name, value] of given) {
    const both = keysAndValues.exec(name);
    if (unused.test(name)) dropped.push(name);
    else if (both) {
      const [, before, part] = both;
      const [key, values] = halves(value);
      const self = `${renamed(`${before}.`, transformer, [])}attention.self`;
      tensors.set(`${self}.key.${part}`, key);
      tensors.set(`${self}.value.${part}`, values);
    } else tensors.set(renamed(name, transformer, inTransformerBlocks), value);
  }
  return { tensors, origin: 'NVlabs', dropped };
}

/** The first and the second half of the rows. */
function halves({ dtype, shape: [rows, ...rest], data }: Tensor): [Tensor, Tensor] {
  const middle = data.length / 2;
  const part = (from: number, to: number) => tensor(dtype, [rows / 2, ...rest], data.slice(from, to) as typeof data);
  return [part(0, middle), part(middle, data.length)];
}
