// The commands; each has a file of its own.
import type { Command } from 'commander';

/** Every command: its one-line summary, and the file that defines it, loaded when it is called. */
export const commands: Record<string, { summary: string; load: () => Promise<{ command: () => Command }> }> = {
  predict: {
    summary: 'segment a video or pictures: label maps, colour maps, overlay',
    load: () => import('./predict.js'),
  },
  adapt: {
    summary: 'make a network steadier on your own video, without labels',
    load: () => import('./adapt.js'),
  },
  quantize: {
    summary: 'make a network in 8-bit integers: faster, for your own video',
    load: () => import('./quantize.js'),
  },
  demo: {
    summary: 'the main job in one go: a video, the network that flickers on it, and steadier',
    load: () => import('./demo.js'),
  },
  convert: { summary: 'weights and models between formats', load: () => import('./convert.js') },
  compare: { summary: 'two predictions in one video, and a flicker map', load: () => import('./compare.js') },
  info: { summary: 'what is in a model or weights file', load: () => import('./info.js') },
  toycity: {
    summary: 'render a synthetic street dataset with exact labels, flow and occlusion',
    load: () => import('./toycity.js'),
  },
  flow: {
    summary: 'optical flow of a video or folder, as .flo files and colour pictures',
    load: () => import('./flow.js'),
  },
  evaluate: {
    summary: 'measure predictions: mIoU, temporal consistency, video consistency',
    load: () => import('./evaluate.js'),
  },
  train: {
    summary: 'train a network: motion loss, checkpoints, resume, report',
    load: () => import('./train.js'),
  },
  'pseudo-label': {
    summary: 'label video or pictures by a network, where it is sure, to train on',
    load: () => import('./pseudoLabel.js'),
  },
  merge: {
    summary: 'merge the results of all shards of an evaluation or of pseudo labels',
    load: () => import('./merge.js'),
  },
  doctor: { summary: 'what this machine has for the work, tried', load: () => import('./doctor.js') },
  completion: {
    summary: 'a script that lets bash, zsh or fish complete commands and options',
    load: async () => {
      const { completionCommand } = await import('./completion.js');
      return { command: () => completionCommand(commands) };
    },
  },
};
