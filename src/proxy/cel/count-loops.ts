import type { parse } from '@bufbuild/cel';

type ParsedExpr = ReturnType<typeof parse>;
type Expr = NonNullable<ParsedExpr['expr']>;

/** Functions that `countLoops` inserts. Their names cannot be written in an expression. */
export const counters = { nodes: '@nodes', range: '@range' } as const;

/** Inserts calls that charge each round of a loop by its nodes, and the list by its size before it is copied. */
export function countLoops(parsed: ParsedExpr): void {
  countIn(parsed.expr);
}

/** @returns the number of nodes. */
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
