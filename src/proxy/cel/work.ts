import { isCelList, isCelMap } from '@bufbuild/cel';
import type { CelValue } from '@bufbuild/cel';
import { patternSize } from './pattern-size.js';

const perNode = 32;
/** Longest text that is converted to a number or a time. Converting digits takes quadratic time. */
const maxConverted = 64;
/** Characters of a search pattern that can make a search slower; V8 looks at no more for its tables. */
const maxPattern = 256;

/** An evaluation that exceeds its work. */
export class WorkExceeded extends Error {
  override readonly name = 'WorkExceeded';
}

/**
 * The work of one evaluation, counted in characters and nodes. Unlike a clock it depends on the expression and its input
 * alone, and it stops searches and conversions before they begin, which V8 cannot interrupt. It also limits the size of
 * values. A single allocation larger than the heap of a thread would end the whole process, and memory of bytes does not
 * count as heap.
 */
export class Work {
  readonly #limit: number;
  #left: number;

  /** @param limit units of one evaluation. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  reset(): void {
    this.#left = this.#limit;
  }

  /** @throws {WorkExceeded} */
  charge(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new WorkExceeded(`takes more than ${this.#limit} units of work`);
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
          throw new WorkExceeded(`converts text of more than ${maxConverted} characters to a number or a time`);
        }
        return;
      default:
        for (const value of values) this.charge(sizeOf(value) * 2);
        // Time zones are looked up in tables of the system.
        if (name.startsWith('get') && values.length > 1) this.charge(4096);
    }
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
