import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import type { ProbeVerdict } from '../../../../src/proxy/probe/probe-verdict.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { ToolProbes } from '../../../../src/proxy/probe/tool-probes.ts';
import { mainAddressOf } from '../../../../src/proxy/connectors/tool-address.ts';
import type { ToolAddress } from '../../../../src/proxy/connectors/tool-address.ts';
import { noCredential } from '../../../../src/proxy/tool/tool-credential.ts';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { neverAborted } from '../../../support/domain.ts';
import { connector, connectorClass } from '../../../support/proxy/manifests.ts';

const { burst } = proxyLimits.thread;

describe('ToolProbes', () => {
  let cpuMs: number;
  /** What an evaluation takes. */
  let evaluationMs: number;
  let threads: ThreadShares;
  let probes: ToolProbes;

  beforeEach(() => {
    cpuMs = 0;
    evaluationMs = 0;
    threads = new ThreadShares(
      () => 0,
      () => (cpuMs += evaluationMs),
    );
    probes = new ToolProbes({
      client: {
        send: () => ({
          response: Promise.resolve({ status: 200, rawHeaders: [], body: undefined }),
          end: () => undefined,
          destroy: () => undefined,
        }),
      } as never,
      timeoutMs: 60_000,
      threads,
    });
  });

  function probe(namespace: string): Promise<ProbeVerdict | undefined> {
    const tool = parseConnector(connector('tool', 'https://tool.example', { namespace }) as JsonObject);
    const spec = { livenessProbe: { http: { path: '/' } } };
    const used = {
      connector: tool,
      connectorClass: parseConnectorClass(connectorClass('any', spec) as JsonObject),
      origin: mainAddressOf(tool) as ToolAddress,
      trust: {} as never,
      secret: undefined,
      credential: noCredential,
    };
    return probes.liveness(used, neverAborted);
  }

  it('charges evaluations to the namespace of the Connector', async () => {
    evaluationMs = 2 * burst;
    assert.equal((await probe('slow'))?.verdict, 'success');
    assert.deepEqual([threads.of('slow').delayMs(0) > 0, threads.of('other').delayMs(burst)], [true, 0]);
  });
});
