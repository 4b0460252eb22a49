import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import { CodedError } from '../../../../src/shared/errors.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import {
  conditionOf,
  conditionsIn,
  falseResult,
  trueResult,
  unknownResult,
  readiness,
} from '../../../../src/proxy/status/conditions.ts';
import type { ConditionResult } from '../../../../src/proxy/status/conditions.ts';
import type { Checked, RejectedCredential } from '../../../../src/proxy/status/connector-check.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { ConnectorStatus, missingClassResults } from '../../../../src/proxy/status/connector-status.ts';
import { connectorUrl } from '../../../../src/proxy/status/proxy-service.ts';
import type { ProxyService } from '../../../../src/proxy/status/proxy-service.ts';
import { connectorAnnotations } from '../../../../src/proxy/rules/request-rules.ts';
import { statusTimings } from '../../../../src/proxy/status/connector-status.ts';
import { connector, connectorClass, proxyService, statusService } from '../../../support/proxy/manifests.ts';

const all = (...results: readonly ConditionResult[]): Checked => ({
  results: [...results, readiness(results)],
  rejected: undefined,
});
const good = all(trueResult('SecretReady', 'Ready'));
const bad = all(falseResult('SecretReady', 'Unusable', 'its Secret does not exist'));
const { signal } = new AbortController();
const minuteMs = 60_000;

/** Connectors of one class with a clock of their own, as deployed. */
class Bench {
  nowMs = 0;
  chance = 0.5;
  found = bad;
  canWrite = true;
  checks: { readonly atMs: number; readonly known: RejectedCredential | undefined }[] = [];
  /** The status `Ready` of `ci/tool`, by when it was written. */
  readonly writes: (readonly [atMs: number, ready: unknown])[] = [];
  readonly #objects = new Map<string, JsonObject>();
  connectorClass: ReturnType<typeof parseConnectorClass> | CodedError | undefined = parseConnectorClass(
    connectorClass('any', { proxy: { ref: proxyService } }) as JsonObject,
  );
  readonly threads = new ThreadShares(() => this.nowMs);
  readonly status: ConnectorStatus;

  constructor(service: ProxyService = statusService) {
    this.status = new ConnectorStatus({
      objects: {
        hasReadClasses: true,
        keys: () => ['any'],
        connector: (name: string) => parseConnector(this.#objects.get(name)!),
        connectorClass: () => this.connectorClass,
      } as never,
      check: {
        check: (_connector, _class, known) => {
          this.checks.push({ atMs: this.nowMs, known });
          return Promise.resolve(this.found);
        },
      },
      ca: { current: () => ({ certificate: '' }) } as never,
      service,
      writer: {
        addressAt: () => ({}),
        write: (_kind, object, wanted) => {
          if (!this.canWrite) return Promise.resolve(false);
          const { name, namespace } = object['metadata'] as { readonly name: string; readonly namespace: string };
          const written = { ...object, status: { ...wanted } };
          const ready = conditionOf(conditionsIn(written), 'Ready')?.['status'];
          if (ready !== conditionOf(conditionsIn(object), 'Ready')?.['status']) this.writes.push([this.nowMs, ready]);
          this.#objects.set(`${namespace}/${name}`, written);
          return Promise.resolve(true);
        },
      },
      timings: statusTimings,
      threads: this.threads,
      clock: { now: () => this.nowMs },
      kubeClock: { now: () => this.nowMs, random: () => this.chance },
    });
    this.put('tool');
  }

  put(name: string, generation = 1n, status: object = {}, annotations: object = {}): void {
    const object = connector(name, 'https://tool.example') as { readonly metadata: object };
    const metadata = { ...object.metadata, generation, annotations };
    this.#objects.set(`ci/${name}`, { ...object, metadata, status } as JsonObject);
  }

  /** Reconciles `ci/tool` whenever it is due. @returns seconds between two checks. */
  async until(endMs: number): Promise<readonly number[]> {
    this.checks = [];
    while (this.nowMs < endMs) {
      const next = await this.status.reconcile('ci/tool', signal);
      this.nowMs += next === 'retry' ? statusTimings.retryMs : (next ?? Infinity);
    }
    return this.checks.slice(1).map(({ atMs }, at) => (atMs - this.checks[at]!.atMs) / 1_000);
  }
}

describe('the status of a Connector', () => {
  let bench: Bench;
  beforeEach(() => void (bench = new Bench()));

  it('is checked again after 2, 4, 8 … seconds while it is not ready, then each minute', async () => {
    assert.deepEqual(await bench.until(5 * minuteMs), [2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('is checked more rarely where a namespace has thousands that are not ready', async () => {
    const count = 2_000;
    for (let at = 0; at < count; at += 1) {
      bench.put(`other-${at}`);
      await bench.status.reconcile(`ci/other-${at}`, signal);
    }
    const [first = 0] = await bench.until(2 * minuteMs);
    const { burst, everyMs } = proxyLimits.unreadyChecks;
    assert.equal(first * 1_000, (count + 1 - burst) * everyMs);
  });

  it('is checked once the namespace has the larger part of its share again, as others that are due too', async () => {
    const { burst, reservedMs, everyMs } = proxyLimits.thread;
    bench.threads.of('other').charge(2 * burst);
    await bench.status.reconcile('ci/tool', signal);
    assert.equal(bench.checks.length, 1);
    bench.threads.of('ci').charge(burst - reservedMs + 10);
    const due: unknown[] = [];
    for (let at = 0; at <= proxyLimits.unreadyChecks.burst; at += 1) {
      bench.put(`other-${at}`);
      due.push(await bench.status.reconcile(`ci/other-${at}`, signal));
    }
    assert.equal(bench.checks.length, 1);
    assert.deepEqual([due[0], due.at(-1)], [10 * everyMs, 10 * everyMs + 2 * proxyLimits.unreadyChecks.everyMs]);
    bench.nowMs += 10 * everyMs;
    await bench.status.reconcile('ci/other-0', signal);
    assert.equal(bench.checks.length, 2);
  });

  it('is checked every five minutes while it is ready, and soon once it is not', async () => {
    bench.found = good;
    assert.deepEqual(await bench.until(15 * minuteMs), [300, 300]);
    bench.found = bad;
    assert.deepEqual((await bench.until(bench.nowMs + minuteMs)).slice(0, 4), [8, 2, 4, 8]);
  });

  it('shows a change for the worse that a second check confirms, and one for the better at once', async () => {
    bench.found = good;
    await bench.until(1);
    bench.found = bad;
    await bench.until(bench.nowMs + 1);
    assert.deepEqual(bench.writes, [[0, 'True']], 'seen once');
    bench.found = good;
    await bench.until(bench.nowMs + 1);
    assert.equal(bench.writes.length, 1, 'not confirmed');
    bench.found = bad;
    await bench.until(bench.nowMs + 30_000);
    const [, worse] = bench.writes;
    assert.deepEqual(worse, [bench.checks[1]!.atMs, 'False']);
    assert.equal(bench.checks[1]!.atMs - bench.checks[0]!.atMs, statusTimings.confirmMs);
    bench.found = good;
    await bench.until(bench.nowMs + 1);
    assert.deepEqual(bench.writes.slice(2), [[bench.checks[0]!.atMs, 'True']]);
  });

  it('shows at once what is wrong with a new spec, and is checked at most once a second', async () => {
    bench.found = good;
    await bench.until(1);
    [bench.found, bench.checks] = [bad, []];
    for (let generation = 2n; generation < 50n; generation += 1n) {
      bench.nowMs += 100;
      bench.put('tool', generation);
      await bench.status.reconcile('ci/tool', signal);
    }
    assert.ok(bench.checks.length <= 5);
    assert.equal(bench.writes.at(-1)?.[1], 'False');
  });

  it('is checked soon after each of its inputs has changed: spec, class, and each annotation of either', async () => {
    const ofClass = (generation: bigint, annotations: object): void => {
      const object = connectorClass('any', { proxy: { ref: proxyService } }) as { readonly metadata: object };
      const metadata = { ...object.metadata, generation, annotations };
      bench.connectorClass = parseConnectorClass({ ...object, metadata } as JsonObject);
    };
    const changes: readonly (() => void)[] = [
      () => bench.put('tool', 2n),
      () => ofClass(2n, {}),
      ...connectorAnnotations.flatMap((name) => [
        () => bench.put('tool', 1n, {}, { [name]: '1' }),
        () => bench.put('tool', 1n, {}, { [name]: '2' }),
        () => ofClass(1n, { [name]: '1' }),
        () => ofClass(1n, { [name]: '2' }),
      ]),
    ];
    bench.found = good;
    await bench.status.reconcile('ci/tool', signal);
    for (const change of changes) {
      bench.nowMs += statusTimings.minMs;
      bench.checks = [];
      await bench.status.reconcile('ci/tool', signal);
      assert.equal(bench.checks.length, 0, 'nothing has changed');
      change();
      await bench.status.reconcile('ci/tool', signal);
      assert.equal(bench.checks.length, 1, String(change));
    }
  });

  it('stays while a check fails for another reason than the Connector', async () => {
    bench.found = good;
    await bench.until(1);
    bench.found = all(unknownResult('SecretReady', 'NotChecked', 'the API server does not respond'));
    await bench.until(bench.nowMs + minuteMs);
    assert.deepEqual(bench.writes, [[0, 'True']]);
  });

  it('sends a rejected credential once more to confirm it, then every five minutes, also if nothing can be written', async () => {
    for (const canWrite of [true, false]) {
      bench = new Bench();
      bench.found = good;
      await bench.until(1);
      bench.canWrite = canWrite;
      const result = falseResult('AuthReady', 'Rejected', 'wrong password');
      bench.found = { ...all(result), rejected: { readId: '1', result } };
      await bench.until(bench.nowMs + 11 * minuteMs);
      const [first, ...others] = bench.checks.flatMap(({ atMs, known }) => (known === undefined ? [atMs] : []));
      assert.deepEqual(others[0]! - first!, statusTimings.confirmMs);
      const gaps = others.slice(1).map((atMs, at) => atMs - others[at]!);
      assert.equal(gaps.length, 2);
      assert.ok(gaps.every((gap) => gap >= statusTimings.checkMs));
    }
  });

  it('is written by the proxy whose address it has, where its class is gone or cannot be read', () => {
    for (const found of [undefined, new CodedError('FAILED_PRECONDITION', 'it is malformed')]) {
      bench.connectorClass = found;
      for (const [name, isOfThisProxy] of [
        [statusService.name, true],
        ['second-proxy', false],
      ] as const) {
        const url = connectorUrl({ ...statusService, name }, { namespace: 'ci', name: 'tool' });
        bench.put('tool', 1n, { proxy: { httpAddress: { url } } });
        assert.equal(bench.status.ofThisProxy('ci/tool') !== undefined, isOfThisProxy);
      }
      bench.put('tool');
      assert.ok(bench.status.ofThisProxy('ci/tool'), 'a new one is the default proxy’s');
    }
  });

  it('of a new Connector without a class is not written by a proxy that the chart’s classes do not name', () => {
    bench = new Bench({ ...statusService, name: 'second-proxy' });
    bench.connectorClass = undefined;
    assert.equal(bench.status.ofThisProxy('ci/tool'), undefined);
  });

  it('says what to do about a class that does not exist', () => {
    const made = parseConnector(connector('tool', 'https://tool.example') as JsonObject);
    assert.equal(
      missingClassResults(made, [])[0]?.message,
      'connectorclass any does not exist: no ConnectorClass exists, create it',
    );
    assert.equal(
      missingClassResults(made, ['oci', 'git'])[0]?.message,
      'connectorclass any does not exist: create it, or change spec.connectorClassName to one that exists (git, oci)',
    );
  });
});
