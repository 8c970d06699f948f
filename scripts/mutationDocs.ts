// The mistakes that the tests must see, as a page.
import type { Mutation } from './mutations/mutation.js';

export function mutationPage(mutations: readonly Mutation[]): string {
  const cell = (text: string) => (text === '' ? 'nothing' : `\`${text.replaceAll('|', '\\|')}\``);
  const rows = mutations.map(
    ({ file, from, to, tests }) => `| \`src/${file}.ts\` | ${cell(from)} | ${cell(to)} | \`${tests}\` |`,
  );
  return `<!-- Written by \`npm run docs\` from scripts/mutations; changes here are lost. -->
# Mistakes that the tests see

\`npm run mutations\` makes each of these ${mutations.length} changes in the compiled code, one at a time, and expects the named tests to fail,
without the reference material. \`npm run mutations -- train/\` makes those of files whose path holds \`train/\`.

| file | instead of | stands | seen by |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
