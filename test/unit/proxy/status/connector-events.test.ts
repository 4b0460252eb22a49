import assert from 'node:assert/strict';
import { parseConnector } from '../../../../src/connectors/parse-connector.js';
import type { Connector } from '../../../../src/connectors/model.js';
import { CodedError } from '../../../../src/errors.js';
import type { JsonObject } from '../../../../src/json.js';
import type { KubeClient } from '../../../../src/kube/kube-client.js';
import { limits } from '../../../../src/limits/defaults.js';
import { isFalse, isTrue, isUnknown } from '../../../../src/proxy/status/conditions.js';
import type { ConditionResult } from '../../../../src/proxy/status/conditions.js';
import { ConnectorEvents } from '../../../../src/proxy/status/connector-events.js';
import { connector } from '../../../support/proxy/manifests.js';
import { createLog } from '../../../../src/process/json-log.js';

const { repeatMs } = limits.connectorEvents;
const missing = isFalse('CACertReady', 'CACertSecretNotFound', 'no Secret');
const ready = isTrue('CACertReady', 'Ready');

/** Events of a proxy whose API server takes all, with a clock of its own. */
class Bench {
  nowMs = 0;
  readonly created: JsonObject[] = [];
  readonly patched: JsonObject[] = [];
  readonly outcomes: string[] = [];
  readonly events: ConnectorEvents;

  constructor() {
    const client = {
      clock: { now: () => this.nowMs, random: () => 0 },
      problem: undefined,
      create: (_: unknown, event: JsonObject) => Promise.resolve(void this.created.push(event)),
      patch: (_: unknown, patch: JsonObject) => Promise.resolve(void this.patched.push(patch)),
    };
    this.events = new ConnectorEvents({
      client: client as unknown as KubeClient,
      instance: 'proxy-1',
      observer: { connectorEvent: (outcome) => void this.outcomes.push(outcome) },
      clock: { now: () => this.nowMs },
      log: createLog('silent', { write: () => undefined }),
    });
  }

  async checked(results: readonly ConditionResult[], uid = 'a', name = 'tool'): Promise<void> {
    this.events.checked(connectorWith(uid, name), results);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function connectorWith(uid: string, name: string): Connector {
  const object = { ...connector(name, 'https://tool.example'), metadata: { name, namespace: 'ci', uid } };
  const parsed = parseConnector(object);
  if (parsed instanceof CodedError) throw parsed;
  return parsed;
}

describe('events on Connectors', () => {
  let bench: Bench;
  beforeEach(() => void (bench = new Bench()));

  it('are one for a problem that lasts, whose count is told every five minutes', async () => {
    for (let round = 0; round < 3; round += 1) await bench.checked([missing]);
    assert.deepEqual([bench.created.length, bench.patched.length], [1, 0]);
    bench.nowMs += repeatMs;
    await bench.checked([missing]);
    await bench.checked([missing]);
    bench.nowMs += repeatMs;
    await bench.checked([missing]);
    assert.equal(bench.created.length, 1);
    assert.deepEqual(
      bench.patched.map(({ series }) => (series as { readonly count: bigint }).count),
      [4n, 6n],
    );
    assert.deepEqual(bench.outcomes, ['written', 'written', 'written']);
  });

  it('are made anew after the problem was mended, after a change, and for a Connector that was created again', async () => {
    await bench.checked([missing]);
    await bench.checked([ready]);
    await bench.checked([missing]);
    await bench.checked([isFalse('CACertReady', 'InvalidCACert', 'no certificate')]);
    await bench.checked([isFalse('CACertReady', 'InvalidCACert', 'too many')]);
    await bench.checked([isFalse('CACertReady', 'InvalidCACert', 'too many')], 'b');
    assert.deepEqual(
      bench.created.map(({ reason, note }) => [reason, note]),
      [
        ['CACertSecretNotFound', 'no Secret'],
        ['CACertSecretNotFound', 'no Secret'],
        ['InvalidCACert', 'no certificate'],
        ['InvalidCACert', 'too many'],
        ['InvalidCACert', 'too many'],
      ],
    );
    assert.deepEqual(
      bench.created.map(({ regarding }) => (regarding as { readonly uid: string }).uid),
      ['a', 'a', 'a', 'a', 'b'],
    );
  });

  it('last while the CA cannot be checked, and end with the Connector or the Lease', async () => {
    await bench.checked([missing]);
    await bench.checked([isUnknown('CACertReady', 'NotChecked', 'no answer')]);
    await bench.checked([missing]);
    assert.equal(bench.created.length, 1);
    bench.events.gone('ci/tool');
    await bench.checked([missing]);
    assert.equal(bench.created.length, 2);
    bench.events.clear();
    await bench.checked([missing]);
    assert.equal(bench.created.length, 3);
    bench.events.stop();
    await bench.checked([missing], 'c');
    assert.equal(bench.created.length, 3);
  });

  it('are of no other condition, and of no other reason', async () => {
    await bench.checked([isFalse('SecretReady', 'Unreadable', 'x')]);
    await bench.checked([isFalse('CACertReady', 'Unreadable', 'x')]);
    await bench.checked([]);
    assert.equal(bench.created.length, 0);
  });

  it('are few for one Connector, and others have theirs', async () => {
    for (let round = 0; round < 20; round += 1) {
      await bench.checked([missing]);
      await bench.checked([ready]);
    }
    const { burst } = limits.connectorEvents.ofConnector;
    assert.equal(bench.created.length, burst);
    assert.equal(bench.outcomes.filter((outcome) => outcome === 'dropped').length, 20 - burst);
    await bench.checked([missing], 'b', 'other');
    assert.equal(bench.created.length, burst + 1);
  });
});
