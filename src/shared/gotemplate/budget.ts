import { randomBytes } from 'node:crypto';
import type { CallContext } from './function.js';
import { curvePrivateKey, type CurveKeyKind } from './private-keys.js';
import { LimitReached, type RenderLimits, stepCosts } from './limits.js';
import type { SlowTask } from './slow-work.js';

/**
 * A render has used up the budget of this thread. The caller must render again from the start, in a thread that serves
 * no calls. The template has not failed: nothing in the engine catches this error.
 */
export class TooLongHere extends Error {
  override readonly name = 'TooLongHere';
}

/** Environment in which a render runs. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Does slow work; absent: there is no time for it here. */
  readonly slowWork?: (task: SlowTask) => string;
  /** Steps after which the render is to go on elsewhere; absent: it stays to its end. */
  readonly stepsHere?: number;
  /** CPU time that this render has used, in milliseconds, and the time after which it is to go on elsewhere. */
  readonly timeHere?: { readonly usedMs: () => number; readonly maxMs: number };
}

/** Steps between two readings of the CPU time: about 0.2 ms. */
const stepsPerReading = 1000;

/** Usage of the limits of a render, or of several renders that share them. */
export class Budget implements CallContext {
  readonly limits: RenderLimits;
  /** Actions of successful renders that have printed `<no value>`, in words. */
  readonly missing: string[] = [];
  readonly #surroundings: Surroundings;
  readonly #stepsHere: number;
  /** Steps after which the limits are checked. */
  #checkAt: number;
  readonly #slowResults = new Map<string, string>();
  #steps = 0;
  #memory = 0;
  #slowTasks = 0;

  constructor(limits: RenderLimits, surroundings: Surroundings) {
    this.limits = limits;
    this.#surroundings = surroundings;
    this.#stepsHere = Math.min(limits.steps, surroundings.stepsHere ?? Infinity);
    this.#checkAt = surroundings.timeHere === undefined ? this.#stepsHere : 0;
  }

  /** Steps charged so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether the render may be sent elsewhere. */
  get isBrief(): boolean {
    return this.#stepsHere < this.limits.steps;
  }

  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.#checkAt) this.#check();
  }

  #check(): void {
    const { timeHere } = this.#surroundings;
    const isOver = this.#steps > this.#stepsHere || (timeHere !== undefined && timeHere.usedMs() > timeHere.maxMs);
    this.#checkAt = Math.min(this.#stepsHere, this.#steps + stepsPerReading);
    if (!isOver) return;
    if (this.#steps <= this.limits.steps) throw new TooLongHere();
    throw new LimitReached(`template takes more than ${this.limits.steps.toString()} steps`);
  }

  allocate(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > this.limits.memoryBytes) {
      throw new LimitReached(`template needs more than ${this.limits.memoryBytes.toString()} bytes of memory`);
    }
    this.charge(bytes >> 6);
  }

  /** Memory in use: what `returnTo` goes back to. */
  get memory(): number {
    return this.#memory;
  }

  /** At the end of a template, whose values are garbage but for the output, of which `kept` bytes stay. */
  returnTo(memory: number, kept: number): void {
    this.#memory = memory + kept;
  }

  /** @throws {LimitReached} when this much output is too much. */
  ensureOutput(bytes: number): void {
    if (bytes > this.limits.outputBytes) {
      throw new LimitReached(`output is larger than ${this.limits.outputBytes.toString()} bytes`);
    }
  }

  now(): number {
    return this.#surroundings.clock();
  }

  randomBytes(count: number): Uint8Array {
    this.allocate(count);
    this.charge(40);
    return randomBytes(count);
  }

  privateKey(kind: CurveKeyKind): string {
    this.charge(stepCosts.curveKey);
    return curvePrivateKey(kind);
  }

  /** A result is kept for all renders that share the budget; but no two new keys are the same. */
  slowResult(task: SlowTask): string {
    this.charge(stepCosts.slowTask);
    const isNewKey = task.kind === 'rsaKey' || task.kind === 'dsaKey';
    const id = JSON.stringify(task);
    const known = isNewKey ? undefined : this.#slowResults.get(id);
    if (known !== undefined) return known;
    const { slowWork } = this.#surroundings;
    if (slowWork === undefined) throw new TooLongHere();
    this.#slowTasks++;
    if (this.#slowTasks > this.limits.slowTasks) {
      throw new LimitReached(`template asks for more than ${this.limits.slowTasks.toString()} slow hashes or keys`);
    }
    const result = slowWork(task);
    this.#slowResults.set(id, result);
    return result;
  }
}
