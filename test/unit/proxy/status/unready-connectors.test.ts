import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.js';
import { UnreadyConnectors } from '../../../../src/proxy/status/condition-evaluator.js';

const { unreadyEveryMs } = proxyLimits.status;

function unready(counts: Readonly<Record<string, number>>): UnreadyConnectors {
  const connectors = new UnreadyConnectors();
  for (const [namespace, count] of Object.entries(counts)) {
    for (let at = 0; at < count; at += 1) connectors.add(`${namespace}/${at}`);
  }
  return connectors;
}

describe('the limit on checks of Connectors that are not ready', () => {
  it('is kept by all of them together', () => {
    const counts = { a: 5_000, b: 100, c: 1 };
    const connectors = unready(counts);
    const perSecond = Object.entries(counts).map(
      ([namespace, count]) => (count * 1_000) / connectors.intervalMs(`${namespace}/0`),
    );
    assert.ok(Math.abs(perSecond.reduce((sum, each) => sum + each) - 1_000 / unreadyEveryMs) < 1e-9);
  });

  it('is shared equally by namespaces, whatever number of Connectors each has', () => {
    const connectors = unready({ hostile: 5_000, ci: 1 });
    assert.equal(connectors.intervalMs('ci/0'), 2 * unreadyEveryMs);
    assert.equal(connectors.intervalMs('hostile/0'), 5_000 * 2 * unreadyEveryMs);
  });

  it('is back when they are ready or gone', () => {
    const connectors = unready({ hostile: 3, ci: 1 });
    for (const at of [0, 1, 1, 2]) connectors.delete(`hostile/${at}`);
    connectors.delete('other/0');
    connectors.add('ci/0');
    assert.equal(connectors.intervalMs('ci/0'), unreadyEveryMs);
    assert.equal(connectors.intervalMs('hostile/0'), 0);
    connectors.clear();
    assert.equal(connectors.intervalMs('ci/0'), 0);
  });
});
