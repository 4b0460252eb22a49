import fc from 'fast-check';
import { parseVolumeAttributes } from '../../../src/driver/publish/attributes.ts';
import type { RefusedBlock } from './corpus.ts';

type Block = Readonly<Record<string, string>>;

/** What the driver finds wrong in attributes of a pod in namespace ci. */
export function problemsOf(block: Block): readonly string[] {
  return parseVolumeAttributes(block, 'ci', { maxTokenExpirationMs: 24 * 3_600_000 }).problems;
}

export const parserRefuses = (block: Block): boolean => problemsOf(block).length > 0;

const holdsVariable = (block: Block): boolean => Object.values(block).some((value) => value.includes('$('));
/** Wrong whatever Tekton puts in: the other mistakes are none of the variable's. */
export const isForTekton = ({ block, needsCluster }: RefusedBlock): boolean => !needsCluster && !holdsVariable(block);

const right = fc.constantFrom('oci', 'a.b', 'tools/harbor', ' git', 'x-y\u00a0', 'a/b');
const odd = fc.constantFrom('a-', 'A', '', ' ', '/', 'é', 'a'.repeat(64));
const list = fc
  .array(fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: odd }), { minLength: 1, maxLength: 4 })
  .map((words) => words.join(','));
const selector = fc.oneof(fc.constantFrom('x_y', '!ca.crt', '! .env', 'Settings'), odd);
const selectors = fc.array(selector, { maxLength: 3 }).map((words) => words.join(','));
const scalar = fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(fc.string(), scalar, { maxKeys: 3 }),
  fc.jsonValue(),
);
const object = fc.dictionary(fc.string(), fc.dictionary(fc.string(), value, { maxKeys: 3 }), { maxKeys: 3 });
const params = fc
  .tuple(object, fc.constantFrom(undefined, 1, '\t'))
  .map(([given, indent]) => JSON.stringify(given, undefined, indent));
const amount = fc.oneof(fc.nat(30), fc.nat(2000), fc.constantFrom('1.5', '.5', '010', '+1', '-1')).map(String);
const unit = fc.constantFrom('h', 'm', 'm', 's', 'ms', 'µs', 'd', '');
const duration = fc
  .array(
    fc.tuple(amount, unit).map((parts) => parts.join('')),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => parts.join(''));

/** Attributes of which the parser accepts some. */
export const anyBlock: fc.Arbitrary<Block> = fc.record(
  {
    connectors: list,
    'configuration.names': selectors,
    'configuration.params': fc.oneof(
      params,
      params.map((text) => text.replace(/[,}\]]/, '')),
    ),
    'token.expiration': duration,
    'csi.storage.k8s.io/x': odd,
  },
  { requiredKeys: ['connectors'], noNullPrototype: true },
);
