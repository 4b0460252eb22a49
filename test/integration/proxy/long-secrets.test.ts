import assert from 'node:assert/strict';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { KubernetesSecrets } from '../../../src/proxy/secrets/kubernetes-secrets.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { neverAborted } from '../../support/domain.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { adminConfig, testClient } from '../../support/kube-client/test-client.ts';
import { started } from '../../support/started.ts';

const { burst, everyMs, longestMs } = proxyLimits.thread;

describe('Secrets that take long to parse', () => {
  it('use up the share of their namespace, and no other', async () => {
    const api = started(await KubeApi.start());
    for (const [namespace, name] of [
      ['hostile', 'a'],
      ['hostile', 'b'],
      ['ci', 'c'],
    ] as const) {
      api.put({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, data: {} });
    }
    let cpuMs = 0;
    let perReadMs = burst + longestMs / everyMs + 1;
    const threads = new ThreadShares(
      () => 0,
      () => (cpuMs += perReadMs),
    );
    const secrets = new KubernetesSecrets(testClient(adminConfig(api)), 'connectors-system', threads, silentLog);
    await secrets.get({ namespace: 'hostile', name: 'a' }, neverAborted);
    perReadMs = 0;
    await assert.rejects(async () => secrets.get({ namespace: 'hostile', name: 'b' }, neverAborted), { status: 429 });
    await secrets.get({ namespace: 'hostile', name: 'a' }, neverAborted);
    await secrets.get({ namespace: 'ci', name: 'c' }, neverAborted);
  });
});
