import { randomBytes } from 'node:crypto';
import type { CallContext } from './function.ts';
import { curvePrivateKey, type CurveKeyKind } from './private-keys.ts';
import { LimitReached, type RenderLimits, stepCosts } from './limits.ts';
import type { SlowTask } from './slow-work.ts';

/**
 * A render has used up its budget in the main thread. The caller must render again from the start, in a thread that
 * serves no calls. The template has not failed: nothing in the engine catches this error.
 */
export class MainThreadBudgetExceeded extends Error {
  override readonly name = 'MainThreadBudgetExceeded';
}

/** Environment in which a render runs. */
export interface RenderEnvironment {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Does slow work; absent: the main thread has no time for it. */
  readonly slowWork?: (task: SlowTask) => string;
  /** Steps after which a render leaves the main thread; absent: it stays to its end. */
  readonly mainThreadSteps?: number;
  /** CPU time that this render has used, in milliseconds, and the time after which it leaves the main thread. */
  readonly mainThreadTime?: { readonly usedMs: () => number; readonly maxMs: number };
}

/** Steps between two readings of the CPU time: about 0.2 ms. */
const stepsPerReading = 1000;

/** Usage of the limits of a render, or of several renders that share them. */
export class Budget implements CallContext {
  readonly limits: RenderLimits;
  /** Actions of successful renders that have printed `<no value>`, in words. */
  readonly missing: string[] = [];
  readonly #environment: RenderEnvironment;
  readonly #mainThreadSteps: number;
  /** Steps after which the limits are checked. */
  #checkAt: number;
  readonly #slowResults = new Map<string, string>();
  #steps = 0;
  #memory = 0;
  #slowTasks = 0;

  constructor(limits: RenderLimits, environment: RenderEnvironment) {
    this.limits = limits;
    this.#environment = environment;
    this.#mainThreadSteps = Math.min(limits.steps, environment.mainThreadSteps ?? Infinity);
    this.#checkAt = environment.mainThreadTime === undefined ? this.#mainThreadSteps : 0;
  }

  /** Steps charged so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether the render can leave the main thread. */
  get canMoveToThread(): boolean {
    return this.#mainThreadSteps < this.limits.steps;
  }

  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.#checkAt) this.#check();
  }

  #check(): void {
    const { mainThreadTime } = this.#environment;
    const isOver =
      this.#steps > this.#mainThreadSteps ||
      (mainThreadTime !== undefined && mainThreadTime.usedMs() > mainThreadTime.maxMs);
    this.#checkAt = Math.min(this.#mainThreadSteps, this.#steps + stepsPerReading);
    if (!isOver) return;
    if (this.#steps <= this.limits.steps) throw new MainThreadBudgetExceeded();
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
    return this.#environment.clock();
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
    const { slowWork } = this.#environment;
    if (slowWork === undefined) throw new MainThreadBudgetExceeded();
    this.#slowTasks++;
    if (this.#slowTasks > this.limits.slowTasks) {
      throw new LimitReached(`template asks for more than ${this.limits.slowTasks.toString()} slow hashes or keys`);
    }
    const result = slowWork(task);
    this.#slowResults.set(id, result);
    return result;
  }
}
