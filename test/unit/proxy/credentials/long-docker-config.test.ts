import assert from 'node:assert/strict';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { mainAddressOf } from '../../../../src/proxy/connectors/tool-address.ts';
import type { ToolAddress } from '../../../../src/proxy/connectors/tool-address.ts';
import { ToolCredentials } from '../../../../src/proxy/credentials/tool-credentials.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { parseSecret } from '../../../../src/proxy/secrets/secret-source.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { neverAborted } from '../../../support/domain.ts';
import { connector, secret } from '../../../support/proxy/manifests.ts';

const { burst, everyMs } = proxyLimits.thread;

describe('a .dockerconfigjson that takes long to parse', () => {
  it('is charged to its namespace', async () => {
    let cpuMs = 0;
    const threads = new ThreadShares(
      () => 0,
      () => (cpuMs += 40),
    );
    const config = JSON.stringify({ auths: { 'tool.example': { username: 'robot', password: 'x' } } });
    const login = parseSecret(
      secret('login', 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': config }) as JsonObject,
    );
    const credentials = new ToolCredentials({
      ...({ clock: { now: () => 0 }, monotonicNow: () => 0 } as never as ConstructorParameters<
        typeof ToolCredentials
      >[0]),
      secrets: { get: () => login } as never,
      threads,
    });
    const tool = parseConnector(connector('tool', 'https://tool.example', { secret: 'login' }) as JsonObject);
    await credentials.of(tool, undefined, mainAddressOf(tool) as ToolAddress, neverAborted);
    assert.deepEqual([threads.of('ci').delayMs(burst), threads.of('other').delayMs(burst)], [40 * everyMs, 0]);
  });
});
