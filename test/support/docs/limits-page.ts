import { readFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';
import { driverLimits } from '../../../src/driver/limits.js';
import { proxyLimits } from '../../../src/proxy/limits.js';
import { limits as sharedLimits } from '../../../src/shared/limits/defaults.js';

const root = path.join(import.meta.dirname, '../../..');
const sources = ['src/driver/limits.ts', 'src/proxy/limits.ts', 'src/shared/limits/defaults.ts'];
const limits = { ...driverLimits, ...proxyLimits, ...sharedLimits };

/** docs/limits.md. */
export const limitsPage = path.join(root, 'docs/limits.md');

const head = `# Limits

Every limit on what pods, clients, tools and the API server can make the driver or the proxy use. The page is generated from
\`src/driver/limits.ts\`, \`src/proxy/limits.ts\` and \`src/shared/limits/defaults.ts\` by \`npm run generate:limits\`. A flag in the text sets the limit; the others are fixed.

A *part* of the free capacity is a dynamic share: one holder can have this part of what the other holders leave. Behavior over a limit is described in
[operations](operations.md#too-much-at-once) and in the [reference of the proxy](proxy-reference.md#limits).
`;

/** Returns the text of docs/limits.md. @throws {Error} for a limit without a comment. */
export async function limitsText(): Promise<string> {
  const sections: string[] = [];
  for (const property of sources.flatMap(limitsIn)) {
    const name = nameOf(property);
    const group = nestedIn(property);
    const [title = '', ...lines] =
      group === undefined ? [name, item([name], property)] : [name, commentOf(property), '', ...items([name], group)];
    sections.push(`## ${heading(title)}\n\n${lines.join('\n')}\n`);
  }
  const options = { ...(await resolveConfig(limitsPage)), filepath: limitsPage };
  return format([head, ...sections].join('\n'), options);
}

/** Returns the limits of a file. */
function limitsIn(source: string): readonly ts.PropertyAssignment[] {
  const text = readFileSync(path.join(root, source), 'utf8');
  const file = ts.createSourceFile(source, text, ts.ScriptTarget.Latest, true);
  const declaration = file.statements.find((statement) => ts.isVariableStatement(statement));
  return propertiesOf(declaration?.declarationList.declarations[0]?.initializer);
}

const acronyms: Readonly<Record<string, string>> = {
  api: 'API',
  csi: 'CSI',
  grpc: 'gRPC',
  yaml: 'YAML',
  tls: 'TLS',
  dns: 'DNS',
};

/** Returns the heading of a group: `toolSockets` becomes `Tool sockets`, `csiSocket` becomes `CSI socket`. */
function heading(name: string): string {
  const [first = '', ...rest] = name.replace(/Ms$/, '').split(/(?=[A-Z])/);
  const capitalized = acronyms[first] ?? `${first.charAt(0).toUpperCase()}${first.slice(1)}`;
  return [capitalized, ...rest.map((word) => word.toLowerCase())].join(' ');
}

function items(place: readonly string[], group: ts.ObjectLiteralExpression): readonly string[] {
  const properties = propertiesOf(group);
  const interval = properties.find((property) => nameOf(property) === 'everyMs');
  const isBucket = interval !== undefined && properties.some((property) => nameOf(property) === 'burst');
  return properties.flatMap((property) => {
    const inner = [...place, nameOf(property)];
    const nested = nestedIn(property);
    const indent = '  '.repeat(inner.length - 2);
    if (nested !== undefined)
      return [`${indent}- \`${nameOf(property)}\`: ${commentOf(property)}`, ...items(inner, nested)];
    if (isBucket && property === interval) return [];
    const isBurst = isBucket && nameOf(property) === 'burst';
    return [`${indent}${isBurst ? bucketItem(inner, property, interval) : item(inner, property)}`];
  });
}

/** A token bucket is one item. The reason of its interval follows a colon. */
function bucketItem(place: readonly string[], burst: ts.PropertyAssignment, interval: ts.PropertyAssignment): string {
  const every = shown([...place.slice(0, -1), 'everyMs']);
  const reason = /: (.*)$/.exec(commentOf(interval))?.[1];
  const text = `- \`burst\`: ${shown(place)}, then one more every ${every} (\`everyMs\`). ${commentOf(burst)}`;
  return reason === undefined ? text : `${text} Then ${reason}`;
}

function item(place: readonly string[], property: ts.PropertyAssignment): string {
  return `- \`${place.at(-1) ?? ''}\`: ${shown(place)}. ${commentOf(property)}`;
}

/** The value with the unit that its name says, in this name or in one around it. */
function shown(place: readonly string[]): string {
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

function propertiesOf(node: ts.Expression | undefined): readonly ts.PropertyAssignment[] {
  const object = node !== undefined && ts.isAsExpression(node) ? node.expression : node;
  if (object === undefined || !ts.isObjectLiteralExpression(object)) throw new Error('limits is no object literal');
  return object.properties.filter((property) => ts.isPropertyAssignment(property));
}

function nestedIn({ initializer }: ts.PropertyAssignment): ts.ObjectLiteralExpression | undefined {
  return ts.isObjectLiteralExpression(initializer) ? initializer : undefined;
}

function nameOf(property: ts.PropertyAssignment): string {
  return property.name.getText();
}

function commentOf(property: ts.PropertyAssignment): string {
  const text = ts
    .getJSDocCommentsAndTags(property)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    .join(' ')
    .replace(/\s+/g, ' ')
    .replace(/ ?See [\w./-]+(?: and [\w./-]+)?\.$/, '');
  if (text === '') throw new Error(`limit ${nameOf(property)} has no comment`);
  return text;
}
