// Every case of the fault campaign.
import { changing } from './changing.js';
import { diskFull } from './disk.js';
import { fuzz } from './fuzz/cases.js';
import type { Case } from './harness.js';
import { kills } from './kills.js';
import { longClip } from './longClip.js';
import { memory } from './memory.js';
import { paths } from './paths.js';
import { readOnly } from './readOnly.js';
import { together } from './together.js';
import { trust } from './trust.js';
import { unreadable } from './unreadable.js';
import { damagedVideo } from './video.js';

export const cases: readonly Case[] = [
  ...kills,
  ...diskFull,
  ...unreadable,
  ...changing,
  ...damagedVideo,
  ...memory,
  ...together,
  ...readOnly,
  ...paths,
  ...longClip,
  ...fuzz,
  ...trust,
];
