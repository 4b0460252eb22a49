import { isCelList, isCelMap } from '@bufbuild/cel';
import type { CelValue } from '@bufbuild/cel';

const perNode = 32;
/** A look-up of a time zone. */
const perTimeZone = 8192;
/** Longest text that is converted to a number or a time. Converting digits takes quadratic time. */
const maxConverted = 64;
/** Characters of a search pattern that can make a search slower; V8 looks at no more for its tables. */
const maxPattern = 256;

/** An evaluation that exceeds its work. */
class WorkExceeded extends Error {
  override readonly name = 'WorkExceeded';
}

/**
 * The work of one evaluation, counted in characters and nodes. Unlike a clock it depends on the expression and its input
 * alone, and it stops searches and conversions before they begin, which V8 cannot interrupt. It also limits the size of
 * values: a single allocation larger than the heap ends the process, and memory of bytes does not count as heap.
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
  charge(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw this.#exceed(`takes more than ${this.#limit} units of work`);
  }

  chargeNodes(count: number): void {
    this.charge(count * perNode);
  }

  /** Charges a call of a function before it runs. @throws {WorkExceeded} */
  chargeCall(name: string, values: readonly CelValue[]): void {
    this.chargeNodes(1);
    switch (name) {
      case '_==_':
      case '_!=_':
      case '@in':
        for (const value of values) this.#chargeDeep(value);
        return;
      case 'contains': {
        const [text = 0, pattern = 0] = values.map(sizeOf);
        this.charge(text + pattern + (text * Math.min(pattern, maxPattern)) / 8);
        return;
      }
      case 'matches':
        this.#chargeSearch(values);
        return;
      case 'int':
      case 'uint':
      case 'double':
      case 'timestamp':
      case 'duration':
        if (values.some((value) => sizeOf(value) > maxConverted)) {
          throw this.#exceed(`converts text of more than ${maxConverted} characters to a number or a time`);
        }
        return;
      default:
        for (const value of values) this.charge(sizeOf(value) * 2);
        if (name.startsWith('get') && values.length > 1) this.charge(perTimeZone);
    }
  }

  #exceed(message: string): WorkExceeded {
    this.#exceeded ??= new WorkExceeded(message);
    return this.#exceeded;
  }

  /**
   * The engine keeps a state for each place of the text that it has not seen alike. A state has the instructions that can
   * match there, in memory outside the heap.
   */
  #chargeSearch([text = '', pattern = '']: readonly CelValue[]): void {
    this.charge(sizeOf(text) * 16 + sizeOf(pattern) * 128);
    const instructions = typeof pattern === 'string' ? patternSize(pattern) : 0;
    this.charge(instructions * (128 + sizeOf(text) / 4));
  }

  /** Lists can hold the same list many times, so the depth of a value is no bound for its size. */
  #chargeDeep(value: CelValue): void {
    if (isCelList(value)) for (const element of value) this.#chargeNested(element);
    else if (isCelMap(value)) for (const [, element] of value) this.#chargeNested(element);
    else this.charge(sizeOf(value));
  }

  #chargeNested(value: CelValue): void {
    this.chargeNodes(1);
    this.#chargeDeep(value);
  }
}

function sizeOf(value: CelValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  return isCelList(value) || isCelMap(value) ? value.size : 1;
}

/** Parts of a pattern: quoted text, an escape, a class in brackets, a repetition with numbers, or a character. */
const parts =
  /\\Q[^]*?(?:\\E|$)|\\[pPx]\{[^}]{0,40}\}|\\[^]|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*\]?|\{(\d+)(?:,(\d*))?\}|[^]/g;

/** Most copies that RE2 makes; it rejects patterns with more. */
const maxCopies = 1001;

/**
 * Returns about how many instructions a pattern in RE2's syntax is compiled to, and not less than half of them. A
 * repetition such as `{100}` copies what it repeats.
 */
export function patternSize(pattern: string): number {
  let size = 0;
  /** Size of the part that a repetition would copy. */
  let last = 0;
  /** Sizes of the pattern before each group that is open. */
  const before: number[] = [];
  for (const [part, least, most = ''] of pattern.matchAll(parts)) {
    if (least !== undefined) {
      const copies = Math.min(Number(most === '' ? least : most), maxCopies);
      size += last * copies;
      last += last * copies;
    } else if (part === '(') {
      before.push(size);
      size += 1;
    } else if (part === ')') {
      size += 1;
      last = size - (before.pop() ?? 0);
    } else {
      const added = part.startsWith('\\Q') ? part.length : 1;
      size += added;
      // It belongs to the part before it, which a further repetition would copy with it.
      last = '*+?'.includes(part) ? last + added : added;
    }
  }
  return size;
}
