import { isCelList, isCelMap } from '@bufbuild/cel';
import type { CelValue } from '@bufbuild/cel';

const perNode = 32;

/** An evaluation that exceeds its work. */
class WorkExceeded extends Error {
  override readonly name = 'WorkExceeded';
}

/**
 * The work of one evaluation, counted in characters and nodes. The author of a class is trusted, but can be wrong: clients,
 * tools and owners of Secrets choose the size of what an expression sees, and one allocation larger than the heap ends the
 * process. Unlike a clock, the count depends on the expression and its input alone.
 */
export class Work {
  readonly #limit: number;
  #left = 0;
  #exceeded: WorkExceeded | undefined;

  /** @param limit units of one evaluation. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs an evaluation with all of the work. Its errors have no stack trace, which costs more than the rest of a round. */
  evaluate<T>(run: () => T): T {
    this.#left = this.#limit;
    this.#exceeded = undefined;
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return run();
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  /** The problem of the evaluation that ran last, which CEL can hide in another error; undefined if it had enough work. */
  get exceeded(): WorkExceeded | undefined {
    return this.#exceeded;
  }

  /** @throws {WorkExceeded} */
  chargeNodes(count: number): void {
    this.#charge(count * perNode);
  }

  /** Charges a call of a function for all that it can read, before it runs. @throws {WorkExceeded} */
  chargeCall(name: string, values: readonly CelValue[]): void {
    this.chargeNodes(1);
    const perCharacter = name === 'matches' ? 16 : 2;
    for (const value of values) this.#charge(sizeOf(value) * perCharacter);
  }

  #charge(units: number): void {
    this.#left -= units;
    if (this.#left >= 0) return;
    this.#exceeded ??= new WorkExceeded(`takes more than ${this.#limit} units of work`);
    throw this.#exceeded;
  }
}

function sizeOf(value: CelValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  return isCelList(value) || isCelMap(value) ? value.size : 1;
}
