import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { ConnectorCheck } from '../../../../src/proxy/status/connector-check.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { noCredential } from '../../../../src/proxy/tool/tool-credential.ts';
import { neverAborted } from '../../../support/domain.ts';
import { connector, connectorClass } from '../../../support/proxy/manifests.ts';

const { burst } = proxyLimits.thread;

describe('a check of a Connector', () => {
  it('charges its rules to its namespace', async () => {
    let cpuMs = 0;
    const threads = new ThreadShares(
      () => 0,
      () => (cpuMs += 40),
    );
    const check = new ConnectorCheck({
      credentials: { of: () => Promise.resolve(noCredential) } as never,
      trust: { of: () => Promise.resolve({}) } as never,
      ca: { current: () => ({ certificate: '' }) } as never,
      secrets: {} as never,
      probes: { liveness: () => Promise.resolve(undefined), auth: () => Promise.resolve(undefined) } as never,
      threads,
      isThisProxy: () => false,
    });
    const tool = parseConnector(
      connector('tool', 'https://tool.example', { rules: { rules: '- allow: { paths: [/a] }' } }) as JsonObject,
    );
    const ofClass = parseConnectorClass(connectorClass() as JsonObject);
    const { results } = await check.check(tool, ofClass, undefined, neverAborted);
    assert.equal(results.find(({ type }) => type === 'Ready')?.status, 'True');
    const { everyMs } = proxyLimits.thread;
    assert.deepEqual([threads.of('ci').delayMs(burst), threads.of('other').delayMs(burst)], [40 * everyMs, 0]);
  });
});
