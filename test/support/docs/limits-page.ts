import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Expression, type ObjectProperty, parseSync } from 'oxc-parser';
import { driverLimits } from '../../../src/driver/limits.ts';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { limits as sharedLimits } from '../../../src/shared/limits/defaults.ts';
import { formatted } from './formatted.ts';

const root = path.join(import.meta.dirname, '../../..');
const sources = [
  ['src/driver/limits.ts', 'Driver'],
  ['src/proxy/limits.ts', 'Proxy'],
  ['src/shared/limits/defaults.ts', 'Objects and files'],
] as const;
const limits = { ...driverLimits, ...proxyLimits, ...sharedLimits };

/** docs/limits.md. */
export const limitsPage = path.join(root, 'docs/limits.md');

/** Groups whose file is not that of their section. */
const sectionOf: Readonly<Record<string, string>> = { connections: 'Proxy', watches: 'Driver' };

const page = (tables: Readonly<Record<string, string>>): string => `# Limits

The limits that you can meet or set. A flag in a row sets its limit, the others are fixed. Where many share a
capacity, the table has a *part*: one pod or namespace can take at most this part of what the others leave. With 1/2 of 1,024 publishes, the
first namespace can have 512 and a second one half of the other 512, so each further one gets some. The last eighth is kept for namespaces that use less
than a 64th.

## Driver

A publish over a limit gets \`ResourceExhausted\` before its request is parsed, with the share that is used up in the message, and the
kubelet retries. Mounted volumes keep their files, and unpublishing is never limited. A publish that waits for the API server, an object or
an approval is in flight, but not running. The log names the pod, at most once a minute, and \`connectors_csi_limit_rejections_total\` counts.

${tables['Driver'] ?? ''}
A volume can have the files of 32 connectors. A pod that keeps failing is tried four times a second; its other publishes get \`was not tried\` at once, except those of mounted volumes. While
3,000 failing volumes begin to retry, a first publish of another pod can wait for 3 s of CPU time, up to 14 s on a busy machine: the kubelet opens three connections for each attempt. [Sizing](sizing.md#memory-of-a-node) has the memory.

## Proxy

Each limit has a fixed memory per unit, and a test fills them at the deployed size, so no pod and no tool can end a replica. The
products are not taken at once: a request that takes 1.5 MiB has the connections that it uses in it. If you raise the
container's memory limit, raise the flags in proportion, and \`--max-tool-connections\` to at least 1.5 times \`--max-requests-in-flight\`. The names in the last column are [reasons of conditions](troubleshooting.md#a-connector-is-not-ready).

${tables['Proxy'] ?? ''}
Connectors and classes take up to 128 MiB (\`--max-object-memory\`), half of it for one namespace. The alert
\`ConnectorsProxyObjectsRejected\` reports rejected ones. Rules, CAs, Secrets, changed Connectors (\`503\` until they are parsed), probes,
TLS handshakes, tiny chunks and floods of 1xx count for a namespace's share of CPU time. Far over it, all requests get \`429\`. One
namespace can delay others by a second, each further one by a tenth; later all take half.

## Objects and files

${tables['Objects and files'] ?? ''}
Next: [admission](admission.md), which reports mistakes when manifests are applied.
`;

const rowsHead = '| limit | value | over it |\n| --- | --- | --- |\n';

/** Returns the text of docs/limits.md: the limits whose comment has `@listed`. */
export async function limitsText(): Promise<string> {
  const tables: Record<string, string> = {};
  for (const [source, title] of sources) {
    for (const limit of limitsIn(source)) {
      const section = sectionOf[limit.name] ?? title;
      const rows = rowsOf([], limit).join('');
      if (rows !== '') tables[section] = `${tables[section] ?? rowsHead}${rows}`;
    }
  }
  return formatted(limitsPage, page(tables));
}

interface Limit {
  readonly name: string;
  /** Without stars, in one line. */
  readonly comment: string;
  /** Undefined if it is no group. */
  readonly inner: readonly Limit[] | undefined;
}

/** Returns the limits of a file. */
function limitsIn(source: string): readonly Limit[] {
  const text = readFileSync(path.join(root, source), 'utf8');
  const { program, comments } = parseSync(source, text);
  const commentOf = ({ start }: ObjectProperty): string => {
    const before = comments.findLast(({ end }) => end <= start && text.slice(end, start).trim() === '');
    return (before?.value ?? '')
      .replace(/^\*|\n\s*\*/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  };
  const limitsOf = (expression: Expression | null | undefined): readonly Limit[] | undefined => {
    const object = expression?.type === 'TSAsExpression' ? expression.expression : expression;
    if (object?.type !== 'ObjectExpression') return undefined;
    const properties = object.properties.filter((property) => property.type === 'Property');
    return properties.map((property) => ({
      name: text.slice(property.key.start, property.key.end),
      comment: commentOf(property),
      inner: limitsOf(property.value),
    }));
  };
  const declared = program.body
    .map((statement) => (statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement))
    .find((statement) => statement?.type === 'VariableDeclaration');
  const found = limitsOf(declared?.declarations[0]?.init);
  if (found === undefined) throw new Error(`${source}: limits is no object literal`);
  return found;
}

/** Returns the rows of a limit, or of the limits in a group. */
function rowsOf(around: readonly string[], { name, comment, inner }: Limit): readonly string[] {
  const place = [...around, name];
  if (inner !== undefined) return inner.flatMap((limit) => rowsOf(place, limit));
  const [about = '', over] = comment.split('@listed ');
  return over === undefined ? [] : [`| ${firstSentence(name, about)} | ${shown(place)} | ${over} |\n`];
}

/** The value with its unit. A token bucket has the rate too. */
function shown(place: readonly string[]): string {
  const value = valueWithUnit(place);
  const everyMs = place.at(-1) === 'burst' ? valueWithUnit([...place.slice(0, -1), 'everyMs']) : undefined;
  return everyMs === undefined ? value : `${value}, then one more every ${everyMs}`;
}

/** The value with the unit that its name says, in this name or in one around it. */
function valueWithUnit(place: readonly string[]): string {
  let value: unknown = limits;
  for (const name of place) value = (value as Readonly<Record<string, unknown>>)[name];
  const values = (Array.isArray(value) ? value : [value]) as readonly number[];
  return values.map((number) => withUnit(number, place)).join(' and ');
}

function withUnit(value: number, place: readonly string[]): string {
  const name = place.at(-1) ?? '';
  if (place.slice(-2).some((each) => each.endsWith('Ms'))) return duration(value);
  if (/[bB]ytes$/.test(name) || place.includes('kernel')) return size(value);
  if (value < 1) return fraction(value);
  return value.toLocaleString('en-US');
}

function fraction(value: number): string {
  for (let denominator = 2; denominator <= 64; denominator += 1) {
    if (Number.isInteger(value * denominator)) return `${value * denominator}/${denominator}`;
  }
  throw new Error(`${value} is no fraction with a denominator of at most 64`);
}

function size(bytes: number): string {
  if (bytes % (1 << 20) === 0) return `${bytes >> 20} MiB`;
  return bytes % 1024 === 0 ? `${bytes >> 10} KiB` : `${bytes.toLocaleString('en-US')} bytes`;
}

function duration(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toLocaleString('en-US', { maximumSignificantDigits: 2 })} µs`;
  if (ms < 1000) return `${ms} ms`;
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}

function firstSentence(name: string, text: string): string {
  const [, sentence] = /^(.*?[^.])\.(?: |$)/.exec(text) ?? [];
  if (sentence === undefined) throw new Error(`limit ${name} has no sentence`);
  return sentence;
}
