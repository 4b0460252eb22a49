import type { CallContext } from './function.js';
import { Recording, type RecordingMark } from './recording.js';
import type { SlowTask } from './slow-work.js';

/**
 * How much one render may do. Chosen by measuring hostile templates, so that none holds the process for 50 ms or grows it
 * by 16 MB. Counted, not timed: the same template gives the same result under every load.
 */
export interface RenderLimits {
  /** Work: a step is what takes about a fifth of a microsecond at most: looking at one element, say. */
  readonly steps: number;
  /** Memory of all values made during the render, in bytes. */
  readonly memoryBytes: number;
  /** Bytes of output. */
  readonly outputBytes: number;
  /** Steps after which a render pauses at its next statement, so that others have their turn. */
  readonly sliceSteps: number;
  /** Templates within templates. Go's own bound is 100,000; so many take 40 MB. */
  readonly templateDepth: number;
  /** Hashes and keys that take long, and that it waits for. */
  readonly slowTasks: number;
}

export const defaultLimits: RenderLimits = {
  steps: 220_000,
  memoryBytes: 4 << 20,
  outputBytes: 1 << 20,
  sliceSteps: 20_000,
  templateDepth: 10_000,
  slowTasks: 8,
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
export const stepCosts = { statement: 2, round: 2, operand: 2, field: 2, call: 12, slowTask: 1_000 } as const;

/** What is left of the limits of a render, or of several that share them. */
export class Budget implements CallContext {
  readonly limits: RenderLimits;
  readonly #recording: Recording;
  #steps = 0;
  #memory = 0;
  #pauseAt: number;
  #slowTasks = 0;

  constructor(limits: RenderLimits, clock: () => number) {
    this.limits = limits;
    this.#recording = new Recording(clock);
    this.#pauseAt = limits.sliceSteps;
  }

  /** What was charged so far. */
  get steps(): number {
    return this.#steps;
  }

  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.limits.steps) {
      throw new LimitReached(`template takes more than ${this.limits.steps.toString()} steps`);
    }
  }

  allocate(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > this.limits.memoryBytes) {
      throw new LimitReached(`template needs more than ${this.limits.memoryBytes.toString()} bytes of memory`);
    }
    this.charge(bytes >> 6);
  }

  /** @throws {LimitReached} when this much output is too much. */
  ensureOutput(bytes: number): void {
    if (bytes > this.limits.outputBytes) {
      throw new LimitReached(`output is larger than ${this.limits.outputBytes.toString()} bytes`);
    }
  }

  /** Whether enough was done since the last pause. */
  get isPauseDue(): boolean {
    return this.#steps >= this.#pauseAt;
  }

  endPause(): void {
    this.#pauseAt = this.#steps + this.limits.sliceSteps;
  }

  now(): number {
    return this.#recording.now();
  }

  randomBytes(count: number): Uint8Array {
    this.allocate(count);
    this.charge(40);
    return this.#recording.randomBytes(count);
  }

  resultOf(task: SlowTask): string {
    this.charge(stepCosts.slowTask);
    return this.#recording.resultOf(task);
  }

  /** A point to start again from: what was taken from outside since is given out again, and memory is free again. */
  get mark(): BudgetMark {
    return { memory: this.#memory, recording: this.#recording.mark };
  }

  returnTo({ memory, recording }: BudgetMark): void {
    this.#memory = memory;
    this.#recording.returnTo(recording);
  }

  /** Adds the result of a task that was waited for. */
  addResult(result: string): void {
    this.#recording.addResult(result);
  }

  /** @throws {LimitReached} when the render may not wait for one more. */
  countSlowTask(): void {
    this.#slowTasks++;
    if (this.#slowTasks > this.limits.slowTasks) {
      throw new LimitReached(`template asks for more than ${this.limits.slowTasks.toString()} slow hashes or keys`);
    }
  }
}

export interface BudgetMark {
  readonly memory: number;
  readonly recording: RecordingMark;
}
