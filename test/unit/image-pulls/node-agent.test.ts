import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { parseImagePullsConfig } from '../../../src/image-pulls/flags.ts';
import { NodeAgent } from '../../../src/image-pulls/node-agent.ts';
import { proxyOriginIn } from '../../../src/image-pulls/node-files.ts';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { NodeDirectories } from '../../support/image-pulls/node-directories.ts';
import { keptLog } from '../../support/log-lines.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

describe('NodeAgent', () => {
  let node: NodeDirectories;
  let found: readonly string[] | Error;
  let asked: string[];
  let agent: NodeAgent;
  let lines: string[];
  beforeEach(() => {
    node = started(new NodeDirectories());
    writeFileSync(node.at('ca.crt'), createCa({ now: Date.now }).certificate);
    asked = [];
    const kept = keptLog();
    ({ lines } = kept);
    agent = new NodeAgent({
      task: 'install',
      config: parseImagePullsConfig([...node.flags, '--ca-file', node.at('ca.crt'), '--interval', '1ms'], {
        POD_NAMESPACE: 'tools',
      }),
      lookUp: (host) => {
        asked.push(host);
        return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
      },
      log: kept.log,
      retryMs: 1,
    });
  });

  const origin = (): string | undefined => proxyOriginIn(node.read('containerd', 'connectors.local', 'hosts.toml'));

  it('resolves the Service in the namespace of the proxy, and prefers IPv4', async () => {
    found = ['fd00::7', '10.0.0.9', '10.0.0.8'];
    assert.equal(await agent.attempt(), true);
    assert.deepEqual(asked, ['connectors-proxy-service.tools.svc']);
    assert.equal(origin(), 'https://10.0.0.8');
    found = ['fd00::7'];
    await agent.attempt();
    assert.equal(origin(), 'https://[fd00::7]');
  });

  it('keeps the last address while the name cannot be resolved, still follows the CA, and tries again', async () => {
    found = ['10.0.0.8'];
    await agent.attempt();
    found = Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    const other = createCa({ now: Date.now }).certificate;
    writeFileSync(node.at('ca.crt'), other);
    const stopping = new AbortController();
    const running = agent.run(stopping.signal);
    await eventually('it has tried several times', () => asked.length > 5);
    assert.equal(origin(), 'https://10.0.0.8');
    assert.ok(node.read('containerd', 'connectors.local', 'ca.crt').includes(other.trim()));
    assert.match(
      agent.notReadyReason() ?? '',
      /^cannot resolve --proxy-host connectors-proxy-service\.tools\.svc: ENOTFOUND: is there a Service/,
    );
    assert.equal(lines.filter((line) => line.includes('cannot resolve')).length, 1);
    found = ['10.0.0.9'];
    await eventually('it has followed', () => origin() === 'https://10.0.0.9');
    await eventually('it is ready', () => agent.notReadyReason() === undefined);
    stopping.abort();
    await running;
  });

  it('reports a Service without an address', async () => {
    found = [];
    assert.equal(await agent.attempt(), false);
    assert.match(agent.notReadyReason() ?? '', /has no address: create its Service/);
  });
});
