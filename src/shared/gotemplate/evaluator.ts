import { ExecFailure } from './arguments.ts';
import { ByteBuilder } from './byte-builder.ts';
import type { ByteString } from './byte-string.ts';
import { Expressions } from './expressions.ts';
import { formatValue } from './fmt/print.ts';
import type { Ref } from './function.ts';
import type { Budget } from './budget.ts';
import { LimitReached, stepCosts } from './limits.ts';
import { element, isTrue, listElement, opened } from './reference.ts';
import { quote } from './quote.ts';
import type { Templates } from './token-reader.ts';
import { type ActionNode, type AnyNode, type BranchNode, type Statement, type TemplateNode } from './tree.ts';
import { GoInt, GoMap, GoObject, GoSlice, type GoValue, int, int64 } from './values.ts';
import { Variables } from './variables.ts';

/** The elements of a range, one after the other. */
interface Iteration {
  readonly node: BranchNode;
  /** Variables to keep between two rounds. */
  readonly mark: number;
  readonly next: () => { readonly key: Ref; readonly element: Ref } | undefined;
}

/** A list of statements that is being run. */
interface Frame {
  readonly statements: readonly Statement[];
  next: number;
  dot: Ref;
  /** Variables to keep when the list is done. */
  readonly mark: number;
  /** Name of the template that the list is in, and where its variables start. */
  readonly template: ByteString;
  readonly base: number;
  /** Set for a range: what starts the list again; `else` for the else of a range, which a break leaves too. */
  readonly iteration: Iteration | 'else' | undefined;
  /** Templates around this list. */
  readonly depth: number;
}

/**
 * Runs a template. Lists of statements are kept on a stack of our own, so that templates may call each other as deep as
 * in Go, 100,000 levels, which the machine's stack could not hold.
 */
export class Evaluator {
  readonly #templates: Templates;
  readonly #budget: Budget;
  readonly #variables = new Variables();
  readonly #expressions: Expressions;
  readonly #frames: Frame[] = [];
  readonly #output = new ByteBuilder();

  constructor(templates: Templates, budget: Budget) {
    this.#templates = templates;
    this.#budget = budget;
    this.#expressions = new Expressions(budget, this.#variables);
  }

  /** Where the evaluator is, for messages. */
  get node(): AnyNode | undefined {
    return this.#expressions.node;
  }

  /** Actions that have printed `<no value>`. */
  readonly missing = new Set<ActionNode>();

  /** Name of the running template. */
  get template(): ByteString | undefined {
    return this.#frames.at(-1)?.template;
  }

  /**
   * Runs the named template with `data` as its dot.
   * @returns the output.
   * @throws {ExecFailure} for what is an error in Go.
   * @throws {LimitReached}
   */
  run(name: ByteString, data: GoValue): Buffer {
    this.#enter(name, this.#templates.get(name) ?? [], data, 0);
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const statement = frame.statements[frame.next];
      if (statement === undefined) {
        this.#finish(frame);
      } else {
        frame.next++;
        this.#budget.charge(stepCosts.statement);
        this.#execute(statement, frame);
      }
    }
    return this.#output.toBytes();
  }

  #execute(statement: Statement, frame: Frame): void {
    switch (statement.kind) {
      case 'text':
        this.#write(statement.text);
        break;
      case 'action':
        this.#action(statement, frame);
        break;
      case 'if':
      case 'with':
        this.#condition(statement, frame);
        break;
      case 'range':
        this.#range(statement, frame);
        break;
      case 'template':
        this.#callTemplate(statement, frame);
        break;
      default:
        this.#leaveLoop(statement.kind);
    }
  }

  #write(text: ByteString): void {
    this.#budget.ensureOutput(this.#output.length + text.length);
    this.#budget.allocate(text.length);
    this.#output.add(text);
  }

  #action(node: ActionNode, { dot }: Frame): void {
    this.#expressions.node = node;
    const value = this.#expressions.pipeline(dot, node.pipe);
    if (node.pipe.declarations.length > 0) return;
    this.#expressions.node = node;
    const shown = opened(value);
    if (shown === undefined) this.missing.add(node);
    this.#write(shown === undefined ? '<no value>' : formatValue(this.#budget, shown));
  }

  #condition(node: BranchNode, frame: Frame): void {
    const mark = this.#variables.mark;
    const value = this.#expressions.pipeline(frame.dot, node.pipe);
    if (isTrue(value)) this.#push(frame, node.list, node.kind === 'with' ? value : frame.dot, mark);
    else if (node.elseList !== undefined) this.#push(frame, node.elseList, frame.dot, mark);
    else this.#variables.dropTo(mark);
  }

  #push(around: Frame, statements: readonly Statement[], dot: Ref, mark: number, iteration?: Frame['iteration']): void {
    const { template, base, depth } = around;
    this.#frames.push({ statements, next: 0, dot, mark, template, base, depth, iteration });
  }

  /** Starts a template: it sees no variables but `$`. */
  #enter(template: ByteString, statements: readonly Statement[], dot: Ref, depth: number): void {
    const { mark } = this.#variables;
    this.#variables.declare('$', dot);
    this.#variables.base = mark;
    this.#frames.push({ statements, next: 0, dot, mark, template, base: mark, depth, iteration: undefined });
  }

  /** At the end of a list: the next round of a range, or back to the list around it. */
  #finish(frame: Frame): void {
    const { iteration } = frame;
    if (iteration !== undefined && iteration !== 'else' && this.#nextRound(frame, iteration)) return;
    this.#frames.pop();
    this.#variables.dropTo(frame.mark);
    this.#variables.base = this.#frames.at(-1)?.base ?? 0;
  }

  #range(node: BranchNode, frame: Frame): void {
    this.#expressions.node = node;
    const outer = this.#variables.mark;
    const value = this.#expressions.pipeline(frame.dot, node.pipe);
    const iteration: Iteration = { node, mark: this.#variables.mark, next: this.#elements(value, node) };
    this.#push(frame, node.list, frame.dot, outer, iteration);
    const pushed = this.#frames.at(-1);
    if (pushed === undefined || this.#nextRound(pushed, iteration)) return;
    this.#frames.pop();
    if (node.elseList === undefined) this.#variables.dropTo(outer);
    else this.#push(frame, node.elseList, frame.dot, outer, 'else');
  }

  /** Sets up the next round; false when there is none. */
  #nextRound(frame: Frame, { node, mark, next }: Iteration): boolean {
    this.#budget.charge(stepCosts.round);
    this.#variables.dropTo(mark);
    const round = next();
    if (round === undefined) return false;
    const { declarations, isAssign } = node.pipe;
    const [first, second] = declarations;
    if (isAssign && first !== undefined) {
      this.#expressions.assign(first, second === undefined ? round.element : round.key);
      if (second !== undefined) this.#expressions.assign(second, round.element);
    } else if (first !== undefined) {
      this.#variables.setRecent(1, round.element);
      if (second !== undefined) this.#variables.setRecent(2, round.key);
    }
    frame.dot = round.element;
    frame.next = 0;
    return true;
  }

  /** Returns the elements of a range: of lists, of maps in the order of their keys, numbers from 0, none for nil. */
  #elements(value: Ref, { pipe }: BranchNode): Iteration['next'] {
    const ranged = opened(value);
    if (ranged === undefined || ranged === null) return () => undefined;
    if (ranged instanceof GoSlice) return sliceElements(ranged);
    if (ranged instanceof GoMap) return this.#mapElements(ranged);
    const count = integerOf(ranged);
    const shown = (): ByteString => formatValue(this.#budget, ranged);
    if (count === undefined) throw new ExecFailure("range can't iterate over ", shown());
    if (pipe.declarations.length > 1) {
      throw new ExecFailure("can't use ", shown(), ' to iterate over more than one variable');
    }
    return numbers(ranged, count);
  }

  /** Entries as they are before the first round, as in Go, whatever the body does to the map. */
  #mapElements(map: GoMap): Iteration['next'] {
    this.#budget.allocate(map.entries.size * 64);
    this.#budget.charge(map.entries.size * 8);
    const entries = map
      .sortedKeys()
      .map((key) => ({ key, element: element(map.elementType, map.entries.get(key) ?? null) }));
    let position = 0;
    return () => entries[position++];
  }

  #callTemplate(node: TemplateNode, frame: Frame): void {
    this.#expressions.node = node;
    const statements = this.#templates.get(node.name);
    if (statements === undefined) throw new ExecFailure(`template ${quote(node.name)} not defined`);
    const { templateDepth } = this.#budget.limits;
    if (frame.depth === templateDepth) {
      throw new LimitReached(`exceeded maximum template depth (${templateDepth.toString()})`);
    }
    const dot = node.pipe === undefined ? undefined : this.#expressions.pipeline(frame.dot, node.pipe);
    this.#enter(node.name, statements, dot, frame.depth + 1);
  }

  /**
   * Drops the lists up to that of the range; `continue` leaves it at its end. In the else of a range, which the parser
   * lets pass only within another range, `break` leaves the else alone and `continue` goes on with the other range: so it
   * is in Go.
   */
  #leaveLoop(kind: 'break' | 'continue'): void {
    const isLeft = ({ iteration }: Frame): boolean =>
      iteration !== undefined && (kind === 'break' || iteration !== 'else');
    let frame = this.#frames.at(-1);
    while (frame !== undefined && !isLeft(frame)) {
      this.#frames.pop();
      frame = this.#frames.at(-1);
    }
    if (frame === undefined) return;
    if (kind === 'continue') {
      frame.next = frame.statements.length;
      return;
    }
    this.#frames.pop();
    this.#variables.dropTo(frame.mark);
  }
}

function integerOf(value: GoValue): bigint | undefined {
  if (value instanceof GoInt) return value.value;
  return value instanceof GoObject ? value.type.integer?.(value.data) : undefined;
}

function sliceElements(slice: GoSlice): Iteration['next'] {
  let position = 0;
  return () => {
    if (position >= slice.length) return undefined;
    const key = int(position);
    return { key, element: listElement(slice, position++) };
  };
}

/** Numbers below `count`, of the type of the value that is ranged over. */
function numbers(ranged: GoValue, count: bigint): Iteration['next'] {
  let next = 0n;
  const typed = (value: bigint): GoValue => {
    if (!(ranged instanceof GoObject)) return new GoInt(ranged instanceof GoInt ? ranged.kind : 'int', value);
    const { type } = ranged;
    return type.fromInteger === undefined ? int64(value) : new GoObject(type, type.fromInteger(value));
  };
  return () => (next < count ? { key: undefined, element: typed(next++) } : undefined);
}
