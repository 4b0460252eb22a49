import { attributeTable } from '../../../src/driver/publish/attribute-table.js';
import type { AttributeKind, AttributeName } from '../../../src/driver/publish/attribute-table.js';

/**
 * What a value may look like, for judges without a parser: CEL and JSON Schema. In the syntax that RE2 (CEL, Go) and
 * ECMAScript share: no look-around, no Unicode classes. They never refuse what the parser takes.
 */
export interface ValueRule {
  /** The whole value matches it; a blank one always does. */
  readonly pattern: string;
  /** What `pattern` cannot count: a value that matches one of these is wrong. */
  readonly excesses: readonly string[];
  /** Follows the attribute's name: "must be …". */
  readonly message: string;
  /** Longer values are left to the driver, since matching them costs too much. Characters. */
  readonly maxJudged?: number;
}

/** What `String.prototype.trim` takes away, in ECMAScript; RE2 has another name for it. */
const blank = '\\s';
const gap = `[${blank}]*`;
const label = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(?:\\.${label})*`;
const longName = '[-.a-z0-9]{254}';
const longNamespace = '[-a-z0-9]{64}';

/** Matches where a value says anything at all. */
export const saysSomething = `[^${blank}]`;

/** The pattern in RE2's syntax, whose `\\s` knows ASCII alone. */
export function re2(pattern: string): string {
  return pattern.replaceAll(`[${blank}]`, `[${re2Blank}]`).replaceAll(`${blank}]`, `${re2Blank}]`);
}

const re2Blank = '\\s\\v\\pZ\\x{feff}';

function whole(item: string): string {
  return `^${gap}(?:${item}${gap})?$`;
}

/** With one comma at the end. */
function list(item: string): string {
  return whole(`${item}(?:${gap},${gap}${item})*(?:${gap},)?`);
}

const go = '(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h)';

/** JSON (RFC 8259), exact but for what is in a list or object inside a param's value. */
function params(): string {
  const space = '[ \\t\\n\\r]*';
  const text = '"(?:[^"\\\\\\x00-\\x1f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"';
  const number = '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?';
  const scalar = `(?:${text}|${number}|true|false|null)`;
  const many = (item: string): string => `${space}(?:${item}${space}(?:,${space}${item}${space})*)?`;
  const object = (value: string): string => `\\{${many(`${text}${space}:${space}${value}`)}\\}`;
  const nested = `[\\[{](?:[^"\\[\\]{}]|${text})*[\\[{](?:[^"]|${text})*[\\]}]`;
  const value = `(?:${scalar}|\\[${many(scalar)}\\]|${object(scalar)}|${nested})`;
  return `^${gap}$|^${space}${object(object(value))}${space}$`;
}

const { maxItems } = attributeTable.connectors;

const rules: Readonly<Record<AttributeKind, ValueRule>> = {
  'connector-list': {
    pattern: list(`(?:${label}/)?${subdomain}`),
    message: `must be 1 to ${maxItems} times NAME or NAMESPACE/NAME with single commas between, in lower-case letters, digits, "-" and "."`,
    excesses: [`^(?:[^,]*,){${maxItems}}${gap}[^,${blank}]`, `${longNamespace}/`, longName],
  },
  'connector-name': {
    pattern: whole(subdomain),
    message: 'must be the name of one connector, in lower-case letters, digits, "-" and "."',
    excesses: [longName],
  },
  'connector-namespace': {
    pattern: whole(label),
    message: 'must be the name of one namespace, in lower-case letters, digits and "-"',
    excesses: [longNamespace],
  },
  'selector-list': {
    pattern: list(`(?:!${gap})?[-._a-zA-Z0-9]+`),
    message: 'must be configuration names and !FILE with single commas between, in letters, digits, "-", "." and "_"',
    excesses: ['[-._a-zA-Z0-9]{254}'],
  },
  params: {
    pattern: params(),
    message: 'must be a JSON object {"CONFIGURATION": {"PARAM": value}}',
    excesses: [],
    maxJudged: 4096,
  },
  duration: {
    pattern: whole(`[-+]?(?:0|(?:${go})+)`),
    message: 'must be a Go duration such as 30m or 1h30m',
    excesses: [],
  },
};

export function ruleOf(name: AttributeName): ValueRule {
  return rules[attributeTable[name].kind];
}
