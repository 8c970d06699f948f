// The keys of a training configuration as a page, from the schema that checks them.
import * as v from 'valibot';

type Schema = v.GenericSchema;

/** What is read of a schema besides valibot's own functions. */
interface Parts {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly wrapped?: Schema;
  readonly options?: readonly (Schema | string)[];
  readonly items?: readonly Schema[];
  readonly item?: Schema;
  readonly key?: Schema;
  readonly value?: Schema;
  readonly default?: unknown;
  readonly pipe?: readonly Action[];
}

/** A link of a pipe: a check, or a schema with a pipe of its own. */
interface Action {
  readonly type: string;
  readonly requirement?: unknown;
  readonly pipe?: readonly Action[];
}

/** One line of the page. */
interface Row {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
}

/** The page; `schema` is an object of keys with descriptions. @throws Error for a key without one. */
export function configPage(schema: Schema): string {
  const rows = rowsOf(schema, '');
  return `<!-- Written by \`npm run docs\` from the schema; changes here are lost. -->
# Training configuration

A YAML file for \`steadyseg train\`. Every key can also be given after the file, as \`optimizer.rate=0.02\`. A key that is not
listed here is an error. "–" means that the key is not set unless you do; **required** ones have no default. The defaults
are the published recipe.

| key | value | default | |
| --- | --- | --- | --- |
${rows.map(({ key, type, fallback, description }) => `| \`${key}\` | ${type} | ${fallback} | ${description} |`).join('\n')}
`;
}

function partsOf(schema: Schema): Parts {
  return schema as unknown as Parts;
}

/** The schema within `optional`. */
function inner(schema: Schema): Schema {
  const { wrapped } = partsOf(schema);
  return wrapped ? inner(wrapped) : schema;
}

function rowsOf(schema: Schema, prefix: string): Row[] {
  const { entries = {} } = partsOf(inner(schema));
  return Object.entries(entries).flatMap(([name, entry]) => {
    const key = prefix + name;
    const description = v.getDescription(entry);
    const { value } = partsOf(inner(entry));
    const byName = value !== undefined && partsOf(inner(value)).entries !== undefined;
    if (byName) {
      const group = { key, type: 'names with keys', fallback: fallbackText(entry), description: description ?? '' };
      return [group, ...rowsOf(value, `${key}.NAME.`)];
    }
    const nested = partsOf(inner(entry)).entries !== undefined;
    if (description === undefined && !nested) throw new Error(`the key ${key} has no description`);
    if (!nested)
      return [{ key, type: typeText(inner(entry)), fallback: fallbackText(entry), description: description ?? '' }];
    const optional = partsOf(entry).type === 'optional' && partsOf(entry).default === undefined;
    const group = { key, type: 'keys', fallback: optional ? '–' : '', description: description ?? 'the keys below' };
    return [group, ...rowsOf(entry, `${key}.`)];
  });
}

function fallbackText(schema: Schema): string {
  const { type, default: fallback } = partsOf(schema);
  if (type !== 'optional') return '**required**';
  return fallback === undefined ? '–' : `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
}

function typeText(schema: Schema): string {
  const { type, options = [], items = [], item, value, pipe = [] } = partsOf(schema);
  const list = (schemas: readonly Schema[]) => schemas.map((one) => typeText(inner(one)));
  switch (type) {
    case 'picklist':
      return options.map((option) => `\`${String(option)}\``).join(', ');
    case 'union':
      return list(options.filter((option) => typeof option !== 'string')).join(', or ');
    case 'tuple':
      return `[${list(items).join(', ')}]`;
    case 'array':
      return item ? `list of ${typeText(inner(item))}` : 'list';
    case 'record':
      return value ? `names with ${typeText(inner(value))}` : 'names';
    case 'number':
      return numberText(pipe);
    case 'string':
      return 'text';
    default:
      return type;
  }
}

function numberText(pipe: readonly Action[]): string {
  const actions = pipe.flatMap(flat);
  const bound = (type: string) => actions.find((action) => action.type === type)?.requirement;
  const whole = actions.some(({ type }) => type === 'integer') ? 'whole number' : 'number';
  const [least, above, most, below] = ['min_value', 'gt_value', 'max_value', 'lt_value'].map(bound);
  if (least !== undefined && most !== undefined) return `${whole} ${least} to ${most}`;
  if (least !== undefined && below !== undefined) return `${whole} from ${least}, below ${below}`;
  if (least !== undefined) return `${whole} ≥ ${least}`;
  return above === undefined ? whole : `${whole} > ${above}`;
}

function flat(action: Action): Action[] {
  return action.pipe ? action.pipe.flatMap((one) => (one === action ? [one] : flat(one))) : [action];
}
