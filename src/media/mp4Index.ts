// What the index of an MP4 or MOV file (its "moov" box, ISO/IEC 14496-12) promises of a track, and where it contradicts itself.
import { SteadysegError } from '../base/errors.js';

/** What the index promises of the frames of a track. */
export interface Mp4Promise {
  /** Frames stored. */
  readonly stored: number;
  /** Frames to be shown: those stored, without what an edit list leaves out. */
  readonly shown: number;
  /** Edits that leave frames out: each may round one more away. */
  readonly edits: number;
  /** How its tables contradict each other, in words; undefined when they agree. */
  readonly contradiction: string | undefined;
}

interface Box {
  readonly type: string;
  readonly content: DataView;
}

/** A box of a box of a box … each costs a walk; tables lie six deep. */
const MAX_BOXES = 10_000;
/** A table of more entries than this is none: a day at 120 frames a second. */
const MAX_SAMPLES = 12_000_000;
/** Edits that are counted out one by one; a cut of a film has some hundreds. */
const MAX_EDITS = 1000;

/**
 * Reads the promise of the track `trackId` in the content of a "moov" box. Undefined for a fragmented file, whose index
 * lists nothing, and for compressed indices.
 * @throws SteadysegError (without the file's name) when a table is missing or damaged.
 */
export function readMp4Promise(moov: Uint8Array, trackId: number): Mp4Promise | undefined {
  const top = boxesOf(new DataView(moov.buffer, moov.byteOffset, moov.byteLength), 'moov');
  if (top.some(({ type }) => type === 'mvex' || type === 'cmov')) return undefined;
  const movie = headerOf(need(top, 'mvhd'), 12);
  const track = top
    .filter(({ type }) => type === 'trak')
    .map(({ content }) => boxesOf(content, 'trak'))
    .find((boxes) => trackIdOf(need(boxes, 'tkhd')) === trackId);
  if (!track) return undefined;
  const media = boxesOf(need(track, 'mdia').content, 'mdia');
  const tables = boxesOf(need(boxesOf(need(media, 'minf').content, 'minf'), 'stbl').content, 'stbl');
  const { timescale, duration } = headerOf(need(media, 'mdhd'), 12);

  const sizes = sampleCount(tables);
  const steps = runs(need(tables, 'stts').content, 'stts');
  const offsets = tables.some(({ type }) => type === 'ctts') ? runs(need(tables, 'ctts').content, 'ctts') : undefined;
  const counts = {
    stsz: sizes,
    stts: total(steps),
    ...(offsets && { ctts: total(offsets) }),
    stsc: chunkedSamples(tables),
  };
  const stored = Math.max(...Object.values(counts));
  if (stored > MAX_SAMPLES) throw new SteadysegError(`its index lists ${stored} frames, more than ${MAX_SAMPLES}`);
  const listed = Object.entries(counts).map(([table, count]) => `${count} (${table})`);
  const disagreement =
    new Set(Object.values(counts)).size > 1
      ? `its tables list different numbers of frames: ${listed.join(', ')}`
      : undefined;
  if (movie.timescale === 0 || timescale === 0) {
    return { stored, shown: stored, edits: 0, contradiction: 'its time scale is 0' };
  }

  const edits = editsOf(track, movie.timescale, timescale);
  const times = presentationTimes(steps, offsets);
  const promise = (contradiction: string | undefined, shown: number): Mp4Promise => {
    const trimmed = contradiction === undefined && shown < stored;
    return { stored, shown: trimmed ? shown : stored, edits: trimmed ? edits.length : 0, contradiction };
  };
  if (disagreement !== undefined) return promise(disagreement, stored);
  const shown = edits.length === 0 ? stored : countShown(times, edits);
  if (shown >= stored) return promise(undefined, shown);

  // Frames are left out. That is meant when all times and durations agree.
  const ticks = timescale / movie.timescale;
  const trackDuration = trackDurationOf(need(track, 'tkhd'));
  const editDuration = edits.reduce((sum, edit) => sum + edit.duration, 0);
  const step = times.duration / stored;
  const tolerance = step / 2 + 2 * ticks;
  const isConstant = steps.every(({ value }) => value === steps[0].value);
  const problems: [boolean, string][] = [
    [Math.abs(times.duration - duration) > tolerance, 'the duration of its media is not that of its frames'],
    [
      isConstant && times.end - times.start > times.duration + tolerance,
      'its frames are shown over a longer time than they last',
    ],
    [Math.abs(editDuration - trackDuration * ticks) > tolerance, 'the duration of its track is not that of its edits'],
    [(trackDuration - movie.duration) * ticks > tolerance, 'its track is longer than the movie'],
    [edits.some((edit) => edit.start + edit.duration > times.end + tolerance), 'an edit goes beyond its media'],
  ];
  const problem = problems.find(([holds]) => holds)?.[1];
  return promise(
    problem && `its edit list would leave out ${stored - shown} of ${stored} frames, but ${problem}`,
    shown,
  );
}

function boxesOf(view: DataView, parent: string): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= view.byteLength && boxes.length < MAX_BOXES; ) {
    const type = String.fromCharCode(...[4, 5, 6, 7].map((k) => view.getUint8(at + k)));
    let length = view.getUint32(at);
    let header = 8;
    if (length === 1 && at + 16 <= view.byteLength) {
      length = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (length === 0) {
      // QuickTime ends some lists of boxes with four zero bytes; elsewhere it means "to the end".
      length = view.byteLength - at;
    }
    if (length < header || at + length > view.byteLength) {
      throw new SteadysegError(
        `its index is damaged: box "${printable(type)}" in "${parent}" has ${length} bytes of ${view.byteLength - at}`,
      );
    }
    boxes.push({ type, content: new DataView(view.buffer, view.byteOffset + at + header, length - header) });
    at += length;
  }
  return boxes;
}

function printable(type: string): string {
  return type.replace(/[^\x20-\x7e]/g, '?');
}

function need(boxes: readonly Box[], type: string): Box {
  const found = boxes.find((box) => box.type === type);
  if (!found) throw new SteadysegError(`its index is damaged: expected a box "${type}", found none`);
  return found;
}

function at(view: DataView, offset: number, bytes: 4 | 8): number {
  if (offset + bytes > view.byteLength) throw new SteadysegError('its index is damaged: a table is cut off');
  return bytes === 4 ? view.getUint32(offset) : Number(view.getBigUint64(offset));
}

/** Time scale and duration of an "mvhd" or "mdhd": version 1 holds 64-bit times. */
function headerOf({ content }: Box, offset: number): { timescale: number; duration: number } {
  const long = at(content, 0, 4) >>> 24 === 1;
  return long
    ? { timescale: at(content, offset + 8, 4), duration: at(content, offset + 12, 8) }
    : { timescale: at(content, offset, 4), duration: at(content, offset + 4, 4) };
}

function trackIdOf({ content }: Box): number {
  return at(content, at(content, 0, 4) >>> 24 === 1 ? 20 : 12, 4);
}

function trackDurationOf({ content }: Box): number {
  return at(content, 0, 4) >>> 24 === 1 ? at(content, 28, 8) : at(content, 20, 4);
}

/** Pairs of a count and a value, as "stts" and "ctts" hold them. */
function runs(view: DataView, name: string): { count: number; value: number }[] {
  const entries = at(view, 4, 4);
  if (8 + 8 * entries > view.byteLength)
    throw new SteadysegError(`its index is damaged: its table "${name}" is cut off`);
  return Array.from({ length: entries }, (_, k) => ({
    count: view.getUint32(8 + 8 * k),
    // Offsets may be negative, whatever the version says.
    value: view.getInt32(12 + 8 * k),
  }));
}

function total(entries: readonly { count: number }[]): number {
  return entries.reduce((sum, { count }) => sum + count, 0);
}

function sampleCount(tables: readonly Box[]): number {
  const sizes = tables.find(({ type }) => type === 'stsz') ?? tables.find(({ type }) => type === 'stz2');
  if (!sizes) throw new SteadysegError('its index is damaged: expected a box "stsz", found none');
  return at(sizes.content, 8, 4);
}

/** Samples by chunks: "stsc" tells how many each chunk holds, from one chunk on; "stco" or "co64" list the chunks. */
function chunkedSamples(tables: readonly Box[]): number {
  const chunks = tables.find(({ type }) => type === 'stco') ?? need(tables, 'co64');
  const chunkCount = at(chunks.content, 4, 4);
  const { content } = need(tables, 'stsc');
  const entries = at(content, 4, 4);
  let samples = 0;
  for (let k = 0; k < entries; k++) {
    const first = at(content, 8 + 12 * k, 4);
    const next = k + 1 < entries ? at(content, 20 + 12 * k, 4) : chunkCount + 1;
    samples += Math.max(0, Math.min(next, chunkCount + 1) - first) * at(content, 12 + 12 * k, 4);
  }
  return samples;
}

interface Edit {
  readonly start: number;
  readonly duration: number;
}

/** The edits of a track in ticks of its media; empty edits only shift it. */
function editsOf(track: readonly Box[], movieScale: number, mediaScale: number): Edit[] {
  const holder = track.find(({ type }) => type === 'edts');
  const list = holder && boxesOf(holder.content, 'edts').find(({ type }) => type === 'elst');
  if (!list) return [];
  const view = list.content;
  const long = at(view, 0, 4) >>> 24 === 1;
  const size = long ? 20 : 12;
  const entries = at(view, 4, 4);
  if (8 + size * entries > view.byteLength)
    throw new SteadysegError('its index is damaged: its table "elst" is cut off');
  if (entries > MAX_EDITS) throw new SteadysegError(`its index has ${entries} edits, more than ${MAX_EDITS}`);
  const edits: Edit[] = [];
  for (let k = 0; k < entries; k++) {
    const from = 8 + size * k;
    const duration = (at(view, from, long ? 8 : 4) * mediaScale) / movieScale;
    const start = long ? Number(view.getBigInt64(from + 8)) : view.getInt32(from + 4);
    if (start >= 0) edits.push({ start, duration });
  }
  return edits;
}

interface Times {
  readonly length: number;
  readonly times: Float64Array;
  /** All steps together. */
  readonly duration: number;
  /** When the first frame to be shown begins, and the last ends. */
  readonly start: number;
  readonly end: number;
}

function presentationTimes(
  steps: readonly { count: number; value: number }[],
  offsets: readonly { count: number; value: number }[] | undefined,
): Times {
  const length = total(steps);
  const times = new Float64Array(length);
  let decoding = 0;
  let sample = 0;
  for (const { count, value } of steps) {
    for (let k = 0; k < count; k++, decoding += value) times[sample++] = decoding;
  }
  sample = 0;
  for (const { count, value } of offsets ?? []) {
    for (let k = 0; k < count && sample < length; k++) times[sample++] += value;
  }
  let [start, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of times) {
    start = Math.min(start, time);
    last = Math.max(last, time);
  }
  return { length, times, duration: decoding, start, end: last + decoding / length };
}

function countShown({ times }: Times, edits: readonly Edit[]): number {
  let shown = 0;
  for (const { start, duration } of edits) {
    for (const time of times) if (time >= start && time < start + duration) shown++;
  }
  return shown;
}
