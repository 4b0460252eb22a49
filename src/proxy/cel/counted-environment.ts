import { CelScalar, celEnv, celFunc } from '@bufbuild/cel';
import type { CelEnv, CelFunc, CelValue } from '@bufbuild/cel';
import { counters } from './count-loops.ts';
import type { Work } from './work.ts';

const { DYN, INT } = CelScalar;

/**
 * Returns an environment of which each function charges its work before it runs. It is for expressions of which
 * `countLoops` counts the loops.
 * @param ownFunctions functions in addition to those of CEL.
 */
export function countedEnvironment(work: Work, ownFunctions: readonly CelFunc[] = []): CelEnv {
  const seen = new Set<string>();
  const counted = [...celEnv().funcs, ...ownFunctions].map((func) => {
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
