import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.js';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.js';
import type { JsonObject } from '../../../../src/shared/json.js';
import { isFalse, isTrue, merged } from '../../../../src/proxy/status/conditions.js';
import type { ConditionResult } from '../../../../src/proxy/status/conditions.js';
import { ConditionEvaluator } from '../../../../src/proxy/status/condition-evaluator.js';
import { newReconcileState } from '../../../../src/proxy/status/reconcile-state.js';
import { statusTimings } from '../../../../src/proxy/status/status-timings.js';
import { connector, connectorClass } from '../../../support/proxy/manifests.js';

const good: readonly ConditionResult[] = [isTrue('Ready', 'Ready')];
const bad: readonly ConditionResult[] = [isFalse('Ready', 'Unusable', 'its Secret does not exist')];
const { signal } = new AbortController();

/** A judge of one Connector with a clock of its own, as deployed. */
class Bench {
  nowMs = 0;
  chance = 1;
  findings = bad;
  checks: number[] = [];
  readonly connector = parseConnector(connector('tool', 'https://tool.example') as JsonObject);
  readonly memory = newReconcileState(statusTimings, () => this.nowMs);
  readonly judge = new ConditionEvaluator({
    objects: {
      connectorClass: () => this.#class,
      keys: () => ['any'],
    },
    check: {
      check: () => {
        this.checks.push(this.nowMs);
        return Promise.resolve({ results: this.findings, rejected: undefined });
      },
    },
    ca: { current: () => ({ certificate: '' }) } as never,
    timings: statusTimings,
    clock: { now: () => this.nowMs, random: () => this.chance },
  });
  readonly #class = parseConnectorClass(connectorClass('any', { proxy: { ref: {} } }) as JsonObject);

  /** Checks whenever it is due. @returns seconds between two checks. */
  async until(endMs: number): Promise<readonly number[]> {
    this.checks = [];
    while (this.nowMs < endMs) {
      await this.judge.evaluate(this.connector, this.memory, signal);
      this.nowMs += this.judge.untilNextMs(this.memory);
    }
    return this.checks.slice(1).map((at, index) => (at - this.checks[index]!) / 1_000);
  }

  /** How long the findings have to wait, where `written` are in the status. */
  waitMs(written: readonly ConditionResult[]): number {
    const conditions = merged([], written, 1n, 0);
    return this.judge.waitMs(this.memory, this.findings, conditions, 1n);
  }
}

describe('a Connector', () => {
  it('that is not ready is checked soon at first, and each minute after ten', async () => {
    const bench = new Bench();
    const gaps = await bench.until(1_000_000);
    assert.deepEqual(gaps.slice(0, 5), [2, 4, 8, 10, 10]);
    assert.deepEqual(gaps.slice(-6), [60, 60, 60, 60, 60, 60]);
    assert.ok(gaps.slice(3, 60).every((gap) => gap === 10));
  });

  it('that is not ready waits for the others, as many as there are by then', async () => {
    const bench = new Bench();
    bench.chance = 0;
    await bench.judge.evaluate(bench.connector, bench.memory, signal);
    for (let at = 0; at < 999; at += 1) {
      const other = parseConnector(connector(`other-${at}`, 'https://tool.example') as JsonObject);
      await bench.judge.evaluate(
        other,
        newReconcileState(statusTimings, () => bench.nowMs),
        signal,
      );
    }
    const gaps = await bench.until(160_000);
    assert.deepEqual([bench.checks[0], ...gaps], [50_000, 50, 50]);
  });

  it('that is ready is checked every five minutes on average', async () => {
    const bench = new Bench();
    bench.findings = good;
    bench.chance = 0.5;
    assert.deepEqual(await bench.until(1_000_000), [300, 300, 300]);
  });

  it('that turns not ready again starts again', async () => {
    const bench = new Bench();
    await bench.until(800_000);
    bench.findings = good;
    await bench.judge.evaluate(bench.connector, bench.memory, signal);
    bench.nowMs += bench.judge.untilNextMs(bench.memory);
    bench.findings = bad;
    assert.deepEqual((await bench.until(bench.nowMs + 20_000)).slice(0, 3), [2, 4, 8]);
  });

  it('is checked within five seconds of a request that contradicts its status, and told of eight seconds after it', async () => {
    const bench = new Bench();
    bench.findings = good;
    await bench.judge.evaluate(bench.connector, bench.memory, signal);
    bench.nowMs += 1_000;
    assert.equal(bench.judge.requested(bench.memory, false), 4_000);
    assert.equal(bench.judge.requested(bench.memory, false), undefined, 'it is being looked into');
    bench.findings = bad;
    bench.nowMs += 4_000;
    assert.equal(await bench.judge.evaluate(bench.connector, bench.memory, signal), true);
    assert.equal(bench.waitMs(good), 4_000);
    bench.nowMs += 4_000;
    assert.equal(await bench.judge.evaluate(bench.connector, bench.memory, signal), true);
    assert.equal(bench.waitMs(good), 0);
  });

  it('that was never checked is checked at once for a request', () => {
    const bench = new Bench();
    assert.equal(bench.judge.requested(bench.memory, false), 0);
  });

  it('that is ready again is told of at once, four times in a row', () => {
    const bench = new Bench();
    bench.findings = good;
    for (let change = 0; change < 4; change += 1) {
      assert.equal(bench.waitMs(bad), 0);
      bench.memory.changes.acquire();
    }
    assert.equal(bench.waitMs(bad), statusTimings.quietMs);
  });
});
