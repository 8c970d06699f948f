// JSON of files, checked by a schema.
import * as v from 'valibot';
import { messageOf, SteadysegError } from './errors.js';
import { problemOf } from './problem.js';
import { MAX_SHARDS } from './shard.js';

/** A number of things, as files hold it. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

/** Which part of the work a file is of; 0 of 1 for all of it. */
export const shard = v.object({ index: count, count: v.pipe(count, v.minValue(1), v.maxValue(MAX_SHARDS)) });

/**
 * The value of JSON text that fits a schema.
 *
 * @param source what errors name: the file, and where in it.
 * @param expected what should be there, in words.
 * @throws SteadysegError for text that is no JSON or does not fit, naming the entry.
 */
export function parseJson<T>(schema: v.GenericSchema<unknown, T>, text: string, source: string, expected: string): T {
  const fail = (problem: unknown) => new SteadysegError(`${source}: expected ${expected}: ${messageOf(problem)}`);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (thrown) {
    throw fail(thrown);
  }
  const result = v.safeParse(schema, content);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue);
  throw fail(place === null ? problemOf(issue) : `${place}: ${problemOf(issue)}`);
}
