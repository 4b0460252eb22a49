import { randomBytes } from 'node:crypto';
import type { CallContext } from './function.js';

/**
 * How much one render may do. Chosen by measuring hostile templates, so that none holds the process for 50 ms or grows it
 * by 16 MB on an idle machine. Counted, not timed: the same template gives the same result under every load.
 */
export interface RenderLimits {
  /** Work: a step is what takes about a fifth of a microsecond at most: looking at one element, say. */
  readonly steps: number;
  /** Memory of all values made during the render, in bytes. */
  readonly memoryBytes: number;
  /** Bytes of output. */
  readonly outputBytes: number;
  /** Templates within templates; Go's own bound, and its wording when it is reached, is 100,000. */
  readonly templateDepth: number;
}

export const defaultLimits: RenderLimits = {
  steps: 220_000,
  memoryBytes: 4 << 20,
  outputBytes: 1 << 20,
  templateDepth: 100_000,
};

/** What a template's text may be, so that compiling keeps to the same bounds. */
export const parseLimits = {
  textBytes: 1 << 20,
  /** Nodes of the tree. */
  nodes: 30_000,
  /** Parentheses and blocks within each other. */
  depth: 200,
} as const;

/** Lists and maps within each other, when they are printed, compared, copied or written as JSON; also ends cycles. */
const maxValueDepth = 500;

/** A bound was reached. Inside the engine only: the evaluator adds the place and throws a TemplateLimitError. */
export class LimitReached extends Error {
  override readonly name = 'LimitReached';
}

/**
 * To be called at every level of a recursion over a value, which a template can make as deep as it likes, and cyclic.
 * @throws {LimitReached} when `depth` is more than the stack is sure to hold.
 */
export function ensureDepth(depth: number): void {
  if (depth > maxValueDepth) throw new LimitReached(`value nests more than ${maxValueDepth.toString()} levels deep`);
}

/** Steps of what every template consists of, as measured. */
export const stepCosts = { statement: 2, round: 2, operand: 2, field: 2, call: 12 } as const;

/** What is left of the limits of a render, or of several that share them. */
export class Budget implements CallContext {
  readonly #limits: RenderLimits;
  readonly #clock: () => number;
  #steps = 0;
  #memory = 0;

  constructor(limits: RenderLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
  }

  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.#limits.steps) {
      throw new LimitReached(`template takes more than ${this.#limits.steps.toString()} steps`);
    }
  }

  allocate(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > this.#limits.memoryBytes) {
      throw new LimitReached(`template needs more than ${this.#limits.memoryBytes.toString()} bytes of memory`);
    }
    this.charge(bytes >> 6);
  }

  /** @throws {LimitReached} when this much output is too much. */
  ensureOutput(bytes: number): void {
    if (bytes > this.#limits.outputBytes) {
      throw new LimitReached(`output is larger than ${this.#limits.outputBytes.toString()} bytes`);
    }
  }

  now(): number {
    return this.#clock();
  }

  randomBytes(count: number): Uint8Array {
    this.allocate(count);
    this.charge(20);
    return randomBytes(count);
  }
}
