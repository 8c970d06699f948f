// A worker thread of write.ts: renders and writes one clip after another.
import { writeClip } from './write.js';

export default writeClip;
