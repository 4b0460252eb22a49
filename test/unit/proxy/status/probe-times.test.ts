import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.js';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.js';
import type { JsonObject } from '../../../../src/shared/json.js';
import { Generators } from '../../../../src/proxy/credentials/generator/generators.js';
import { ConditionEvaluator } from '../../../../src/proxy/status/condition-evaluator.js';
import { conditionsIn, isFalse, isTrue, isUnknown, readiness } from '../../../../src/proxy/status/conditions.js';
import type { ConditionResult } from '../../../../src/proxy/status/conditions.js';
import { newReconcileState } from '../../../../src/proxy/status/reconcile-state.js';
import { statusTimings } from '../../../../src/proxy/status/status-timings.js';
import { StatusUpdates } from '../../../../src/proxy/status/status-updates.js';
import { connector, connectorClass, statusService as service } from '../../../support/proxy/manifests.js';

const epochMs = Date.parse('2026-01-01T00:00:00Z');
const hourMs = 3_600_000;
const ca = { current: () => ({ certificate: 'CA' }) } as never;

/** A Connector whose status is written by the proxy, with a clock of its own. */
class Bench {
  nowMs = 0;
  isLive = true;
  hasAuthProbe = true;
  hasCapacity = true;
  /** By when they were written. */
  readonly writes: { readonly atMs: number; readonly conditions: readonly JsonObject[] }[] = [];
  #object = { ...connector('tool', 'https://tool.example'), metadata: { name: 'tool', namespace: 'ci' } } as JsonObject;
  readonly #class = parseConnectorClass(connectorClass('any', { proxy: { ref: service } }) as JsonObject);
  readonly state = newReconcileState(statusTimings, () => this.nowMs);
  readonly #objects = {
    hasReadClasses: true,
    keys: () => ['any'],
    connector: () => parseConnector(this.#object),
    connectorClass: () => this.#class,
  } as never;
  readonly #updates = new StatusUpdates({
    objects: this.#objects,
    evaluator: new ConditionEvaluator({
      objects: this.#objects,
      check: { check: () => Promise.resolve({ results: this.#results(), rejected: undefined }) },
      ca,
      timings: statusTimings,
      clock: { now: () => this.nowMs, random: () => 0.5 },
    }),
    generators: new Generators({ now: () => this.nowMs }),
    ca,
    service,
    audience: 'connectors-proxy',
    patches: {
      send: (_kind: string, object: JsonObject, { status }: { readonly status: JsonObject }) => {
        this.#object = { ...object, status: { ...(object['status'] as JsonObject | undefined), ...status } };
        this.writes.push({ atMs: this.nowMs, conditions: conditionsIn(this.#object) });
        return Promise.resolve(true);
      },
    } as never,
    timings: statusTimings,
    clock: { now: () => epochMs + this.nowMs },
    random: () => 0.5,
  });

  async until(endMs: number): Promise<void> {
    const { signal } = new AbortController();
    while (this.nowMs < endMs) {
      const nextMs = await this.#updates.ofConnector('ci/tool', this.state, signal);
      // What comes of the write itself.
      await this.#updates.ofConnector('ci/tool', this.state, signal);
      this.nowMs += Math.max(nextMs ?? 0, 1);
    }
  }

  /** Replaces the time in the status. */
  rewrite(time: string | undefined): void {
    const conditions = conditionsIn(this.#object).map((each) =>
      each['type'] === 'LivenessReady' ? { ...each, ...(time === undefined ? {} : { lastProbeTime: time }) } : each,
    );
    this.#object = { ...this.#object, status: { ...(this.#object['status'] as JsonObject), conditions } };
  }

  #results(): readonly ConditionResult[] {
    const probedMs = epochMs + this.nowMs;
    const liveness = this.isLive ? isTrue('LivenessReady', 'Answered') : isFalse('LivenessReady', 'Unreachable', 'no');
    const auth = isTrue('AuthReady', this.hasAuthProbe ? 'Accepted' : 'NonAuthProbe');
    const probed = this.hasCapacity ? { ...auth, probedMs } : isUnknown('AuthReady', 'NotChecked', 'no capacity');
    const results = [{ ...liveness, probedMs }, this.hasAuthProbe ? probed : auth];
    return [...results, readiness(results)];
  }
}

const timesOf = (conditions: readonly JsonObject[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(conditions.map((each) => [each['type'] as string, each['lastProbeTime']]));

describe('the time of the last probe in a status', () => {
  it('is that of conditions with a probe, and of no other', async () => {
    const bench = new Bench();
    await bench.until(1);
    assert.deepEqual(timesOf(bench.writes[0]!.conditions), {
      LivenessReady: '2026-01-01T00:00:00Z',
      AuthReady: '2026-01-01T00:00:00Z',
      Ready: undefined,
    });
    const other = new Bench();
    other.hasAuthProbe = false;
    await other.until(1);
    assert.equal(timesOf(other.writes[0]!.conditions)['AuthReady'], undefined);
  });

  it('alone is written once an hour, of some 12 probes', async () => {
    const bench = new Bench();
    await bench.until(10 * hourMs);
    const gaps = bench.writes.slice(1).map(({ atMs }, at) => atMs - bench.writes[at]!.atMs);
    assert.equal(gaps.length, 9);
    assert.ok(gaps.every((gap) => gap >= hourMs && gap < hourMs + 400_000));
    assert.equal(bench.writes.at(-1)?.conditions[0]?.['lastTransitionTime'], '2026-01-01T00:00:00Z');
  });

  it('is written with other changes', async () => {
    const bench = new Bench();
    await bench.until(hourMs / 2);
    bench.isLive = false;
    await bench.until(hourMs / 2 + 600_000);
    assert.equal(bench.writes.length, 2);
    const { atMs, conditions } = bench.writes[1]!;
    const time = new Date(epochMs + atMs).toISOString().replace('.000', '');
    assert.equal(timesOf(conditions)['LivenessReady'], time);
    assert.equal(timesOf(conditions)['AuthReady'], time);
  });

  it('stays with the last result while the proxy has no capacity for a probe', async () => {
    const bench = new Bench();
    await bench.until(1);
    bench.hasCapacity = false;
    await bench.until(hourMs / 2);
    assert.equal(bench.writes.length, 1);
    await bench.until(2 * hourMs);
    const { conditions } = bench.writes.at(-1)!;
    assert.equal(conditions.find(({ type }) => type === 'AuthReady')?.['reason'], 'Accepted');
    assert.equal(timesOf(conditions)['AuthReady'], '2026-01-01T00:00:00Z');
    assert.notEqual(timesOf(conditions)['LivenessReady'], '2026-01-01T00:00:00Z');
  });

  it('of another clock, or none, does not make the proxy write more often', async () => {
    for (const [time, writes] of [
      ['2026-01-01T00:59:00Z', 1],
      ['2027-01-01T00:00:00Z', 2],
      ['yesterday', 2],
    ] as const) {
      const bench = new Bench();
      await bench.until(1);
      bench.rewrite(time);
      await bench.until(hourMs / 2);
      assert.equal(bench.writes.length, writes, time);
    }
  });
});
