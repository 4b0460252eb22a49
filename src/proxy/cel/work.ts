import { isCelList, isCelMap } from '@bufbuild/cel';
import type { CelValue } from '@bufbuild/cel';

const perNode = 32;
/** A look-up of a time zone. */
const perTimeZone = 8192;
/** Characters of a text to find that can make the search slower; V8 looks at no more for its tables. */
const maxSought = 256;

/** An evaluation that exceeds its work. */
class WorkExceeded extends Error {
  override readonly name = 'WorkExceeded';
}

/**
 * The work of one evaluation, counted in characters and nodes. The author of a class is trusted, but can be wrong: clients,
 * tools and owners of Secrets choose the size of what an expression sees, and one allocation larger than the heap ends the
 * process. Unlike a clock, the count depends on the expression and its input alone, and it stops searches and conversions
 * before they begin, which V8 cannot interrupt.
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
    for (const value of values) this.#charge(sizeOf(value) * 2);
    const [text = 0, second = 0] = values.map(sizeOf);
    if (name === 'contains') this.#charge((text * Math.min(second, maxSought)) / 8);
    else if (name === 'matches') {
      // The engine keeps a state, with the instructions that match, for each place of the text that it has not seen alike.
      const size = typeof values[1] === 'string' ? patternSize(values[1]) : 0;
      this.#charge(text * 16 + second * 128 + size * (128 + text / 4));
    } else if (/^(?:u?int|double|timestamp|duration)$/.test(name)) this.#charge(text ** 2 / 64); // Digits: quadratic.
    else if (name.startsWith('get') && values.length > 1) this.#charge(perTimeZone);
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

/**
 * Returns the instructions that a pattern is compiled to, and not less than half of them. A repetition such as `{100}`
 * copies a character, or a group: then all before it counts, because where the group begins takes a parser.
 */
export function patternSize(pattern: string): number {
  let [size, end] = [0, 0];
  for (const { 0: part, 1: least, 2: most, index } of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    size += index - end;
    end = index + part.length;
    const copied = /[)*+?}]/.test(pattern[index - 1] ?? '') ? size : 1;
    // RE2 rejects patterns with more than 1,000 copies.
    size += copied * Math.min(Number(most === undefined || most === '' ? least : most), 1001);
  }
  return size + pattern.length - end;
}
