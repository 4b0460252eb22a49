import { quote } from '../../../shared/message-text.js';
import type { Expr, ParsedExpr } from '../../cel/count-loops.js';
import { ExpressionError } from './result.js';

type Kind<Case extends string> = Extract<Expr['exprKind'], { readonly case: Case }>['value'];

const typeNames: ReadonlySet<string> = new Set('int uint double bool string bytes list map null_type type'.split(' '));
/** Operators that the evaluator implements without a function. */
const operators: ReadonlySet<string> = new Set(['_[_]', '_?_:_', '_&&_', '_||_', '@not_strictly_false']);

/** Properties of a compiled expression. */
export interface Analysis {
  /** Whether it uses neither `request` nor `now`. */
  readonly isFixed: boolean;
  /** Keys of the Secret that it reads, by the id that an error of the evaluation has. */
  readonly keys: ReadonlyMap<string, string>;
  positionOf(id: bigint | undefined): string | undefined;
}

/**
 * Checks a parsed expression.
 * @param functions names of all functions.
 * @throws {ExpressionError} that names the position of a mistake.
 */
export function analyse(source: string, parsed: ParsedExpr, functions: ReadonlySet<string>): Analysis {
  const { expr, sourceInfo } = parsed;
  const offsets = sourceInfo?.positions ?? {};
  const place = (id: bigint | undefined): string | undefined => {
    const offset = id === undefined ? undefined : offsets[String(id)];
    return offset === undefined ? undefined : positionOf(source, offset);
  };
  const walk = new Walk(functions, (node, problem) => {
    throw new ExpressionError(`${place(node.id) ?? 'line 1, column 1'}: ${problem}`);
  });
  walk.visit(expr, new Set());
  return { isFixed: walk.isFixed, keys: walk.keys, positionOf: place };
}

class Walk {
  readonly #functions: ReadonlySet<string>;
  readonly #fail: (node: Expr, problem: string) => never;
  readonly keys = new Map<string, string>();
  isFixed = true;

  constructor(functions: ReadonlySet<string>, fail: (node: Expr, problem: string) => never) {
    this.#functions = functions;
    this.#fail = fail;
  }

  /** Visits a node and those below it. @param variables of the loops around it. */
  visit(node: Expr | undefined, variables: ReadonlySet<string>): void {
    if (node === undefined) return;
    const below = (child: Expr | undefined): void => this.visit(child, variables);
    const { exprKind: kind } = node;
    switch (kind.case) {
      case 'identExpr':
        return this.#visitName(node, kind.value.name, variables);
      case 'selectExpr':
        if (!kind.value.testOnly) this.#notesKey(node, kind.value.operand, kind.value.field);
        return below(kind.value.operand);
      case 'callExpr':
        if (this.#checkCall(node, kind.value)) below(kind.value.target);
        return kind.value.args.forEach(below);
      case 'listExpr':
        return kind.value.elements.forEach(below);
      case 'structExpr':
        if (kind.value.messageName !== '') this.#fail(node, `${quote(kind.value.messageName)} is no function`);
        return kind.value.entries.forEach(({ keyKind, value }) => {
          if (keyKind.case === 'mapKey') below(keyKind.value);
          below(value);
        });
      case 'comprehensionExpr':
        return this.#visitLoop(kind.value, variables);
      default:
    }
  }

  #visitName(node: Expr, name: string, variables: ReadonlySet<string>): void {
    if (variables.has(name)) return;
    if (name === 'request' || name === 'now') this.isFixed = false;
    else if (name !== 'secret' && !typeNames.has(name)) {
      this.#fail(node, `unknown name ${quote(name)}: there are secret, request and now`);
    }
  }

  #notesKey(node: Expr, operand: Expr | undefined, key: string): void {
    if (isName(operand, 'secret')) this.keys.set(String(node.id), key);
  }

  /** @returns whether its target is an expression, and not the first part of a name such as `base64.encode`. */
  #checkCall(node: Expr, { target, function: name, args }: Kind<'callExpr'>): boolean {
    const { exprKind } = target ?? {};
    if (exprKind?.case === 'identExpr' && this.#functions.has(`${exprKind.value.name}.${name}`)) return false;
    if (!operators.has(name) && !this.#functions.has(name)) {
      const prefix = exprKind?.case === 'identExpr' ? `${exprKind.value.name}.` : '';
      this.#fail(node, `unknown function ${quote(`${prefix}${name}`)}`);
    }
    const [list, index] = args;
    const key = index?.exprKind.case === 'constExpr' ? index.exprKind.value.constantKind : undefined;
    // The evaluator reports a missing key with the id of the map.
    if (name === '_[_]' && list !== undefined && key?.case === 'stringValue') this.#notesKey(list, list, key.value);
    return true;
  }

  #visitLoop(loop: Kind<'comprehensionExpr'>, variables: ReadonlySet<string>): void {
    const inside = new Set([...variables, loop.iterVar, loop.accuVar]);
    this.visit(loop.iterRange, variables);
    this.visit(loop.accuInit, variables);
    for (const each of [loop.loopCondition, loop.loopStep, loop.result]) this.visit(each, inside);
  }
}

function isName(node: Expr | undefined, name: string): boolean {
  return node?.exprKind.case === 'identExpr' && node.exprKind.value.name === name;
}

/** Returns the position of an offset for messages: `line 2, column 7`. */
function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
