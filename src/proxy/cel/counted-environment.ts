import { CelScalar, celEnv, celFunc, parse, plan } from '@bufbuild/cel';
import type { CelEnv, CelFunc, CelValue } from '@bufbuild/cel';
import type { Work } from './work.ts';

const { DYN, INT } = CelScalar;

/**
 * Returns an environment for `planIn`, of which each function charges its work before it runs.
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

/** An expression that can be evaluated. */
export interface Planned {
  readonly evaluate: ReturnType<typeof plan>;
  /** Offsets in the expression, by the id that an error of the evaluation has. */
  readonly offsets: Readonly<Record<string, number>>;
}

/** Compiles an expression of which each round of a loop charges its work. @throws the error of the parser. */
export function planIn(environment: CelEnv, cel: string): Planned {
  const parsed = parse(cel);
  const offsets = parsed.sourceInfo?.positions ?? {};
  countIn(parsed.expr);
  return { evaluate: plan(environment, parsed), offsets };
}

function countedFunction(func: CelFunc, work: Work): CelFunc {
  const call: CelFunc['call'] = (id, target, args) => {
    const values: readonly CelValue[] = target === undefined ? args : [target, ...args];
    work.chargeCall(func.name, values);
    return func.call(id, target, args);
  };
  return Object.create(func, { call: { value: call } }) as CelFunc;
}

type Expr = NonNullable<ReturnType<typeof parse>['expr']>;

/** Functions that `countIn` inserts. Their names cannot be written in an expression. */
const counters = { nodes: '@nodes', range: '@range' } as const;

/**
 * Inserts calls that charge each round of a loop by its nodes, and the list by its size before it is copied.
 * @returns the number of nodes.
 */
function countIn(node: Expr | undefined): number {
  if (node === undefined) return 0;
  const { exprKind: kind } = node;
  switch (kind.case) {
    case 'selectExpr':
      return 1 + countIn(kind.value.operand);
    case 'callExpr':
      return 1 + countIn(kind.value.target) + sumOf(kind.value.args);
    case 'listExpr':
      return 1 + sumOf(kind.value.elements);
    case 'structExpr': {
      const { entries } = kind.value;
      const keys = entries.map(({ keyKind }) => (keyKind.case === 'mapKey' ? keyKind.value : undefined));
      return 1 + sumOf([...keys, ...entries.map(({ value }) => value)]);
    }
    case 'comprehensionExpr': {
      const loop = kind.value;
      const perRound = sumOf([loop.loopCondition, loop.loopStep]);
      const nodes = 1 + perRound + sumOf([loop.iterRange, loop.accuInit, loop.result]);
      loop.iterRange = callOf(counters.range, [loop.iterRange]);
      loop.loopCondition = callOf(counters.nodes, [loop.loopCondition, integer(perRound)]);
      return nodes;
    }
    default:
      return 1;
  }
}

function sumOf(nodes: readonly (Expr | undefined)[]): number {
  return nodes.reduce((sum, node) => sum + countIn(node), 0);
}

/** Returns nodes for the evaluator, which reads only these members of them. */
function callOf(name: string, args: readonly (Expr | undefined)[]): Expr {
  return { id: 0n, exprKind: { case: 'callExpr', value: { function: name, args } } } as unknown as Expr;
}

/** As `callOf`: the members that the evaluator reads. */
function integer(value: number): Expr {
  const constantKind = { case: 'int64Value', value: BigInt(value) };
  return { id: 0n, exprKind: { case: 'constExpr', value: { constantKind } } } as unknown as Expr;
}
