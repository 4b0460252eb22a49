import { createHash, createHmac } from 'node:crypto';
import { CelScalar, celEnv, celFunc } from '@bufbuild/cel';
import type { CelEnv, CelFunc, CelValue } from '@bufbuild/cel';
import type { Work } from './work.js';

const { BYTES, DYN, INT, STRING } = CelScalar;

/** Functions that the analysis of an expression inserts. Their names cannot be written in an expression. */
export const counters = { nodes: '@nodes', range: '@range' } as const;

/** Functions in addition to those of CEL. */
function ownFunctions(): readonly CelFunc[] {
  const sha256 = (data: string | Uint8Array): Uint8Array => createHash('sha256').update(data).digest();
  const hmac = (key: string | Uint8Array, data: string | Uint8Array): Uint8Array =>
    createHmac('sha256', key).update(data).digest();
  const texts = [STRING, BYTES] as const;
  return [
    ...texts.map((type) => celFunc('base64.encode', [type], STRING, (data) => Buffer.from(data).toString('base64'))),
    ...texts.map((type) => celFunc('sha256', [type], BYTES, sha256)),
    ...texts.flatMap((key) => texts.map((data) => celFunc('hmac.sha256', [key, data], BYTES, hmac))),
    celFunc('hex.encode', [BYTES], STRING, (data) => Buffer.from(data).toString('hex')),
  ];
}

/** Returns the functions of expressions, each of which charges its work before it runs. */
export function generatorEnvironment(work: Work): CelEnv {
  const seen = new Set<string>();
  const counted = [...celEnv().funcs, ...ownFunctions()].map((func) => {
    // The overloads of a name are tried in turn.
    const isFirst = !seen.has(func.name);
    seen.add(func.name);
    return isFirst ? countedFunction(func, work) : func;
  });
  return celEnv({
    funcs: [
      ...counted,
      celFunc(counters.nodes, [DYN, INT], DYN, (value, nodes) => {
        work.chargeNodes(Number(nodes));
        return value;
      }),
      countedFunction(
        celFunc(counters.range, [DYN], DYN, (value) => value),
        work,
      ),
    ],
  });
}

function countedFunction(func: CelFunc, work: Work): CelFunc {
  const call: CelFunc['call'] = (id, target, args) => {
    const values: readonly CelValue[] = target === undefined ? args : [target, ...args];
    work.chargeCall(func.name, values);
    return func.call(id, target, args);
  };
  return Object.create(func, { call: { value: call } }) as CelFunc;
}
