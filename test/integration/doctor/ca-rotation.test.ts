import assert from 'node:assert/strict';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.js';
import { ProxyDoctorFixture } from '../../support/doctor/proxy-doctor-fixture.js';
import { eventually } from '../../support/poll.js';
import { secret } from '../../support/proxy/manifests.js';
import { ProxyClient } from '../../support/proxy/proxy-client.js';

const namespace = 'connectors-system';

describe('a rotation of the CA', function () {
  this.timeout(120_000);
  let fixture: ProxyDoctorFixture;
  before(async () => void (fixture = await ProxyDoctorFixture.start()));
  after(() => fixture.stop());

  /** A program that has read `ca.crt` once, and sends requests until it is stopped. */
  function runProgram(): { readonly count: () => number; readonly stop: () => Promise<void> } {
    const { cluster, tool } = fixture;
    const { port } = cluster.ports;
    const client = new ProxyClient(port, 'ci/tool', cluster.token(), cluster.replicas[0]!.authorityCertificate);
    const state = { isOver: false, count: 0 };
    const running = (async () => {
      while (!state.isOver) {
        assert.equal((await client.getSecurely(`${tool.url()}/`)).status, 200);
        state.count += 1;
      }
    })();
    running.catch(() => undefined);
    const stop = (): Promise<void> => {
      state.isOver = true;
      return running;
    };
    return { count: () => state.count, stop };
  }

  async function lineOf(check: string): Promise<string> {
    const results = await fixture.examine();
    return results
      .filter((result) => result.check === check)
      .map(({ level, text }) => `${level} ${text}`)
      .join('\n');
  }

  it('has steps that doctor names, while programs that have read the CA before each step go on', async () => {
    const { cluster } = fixture;
    cluster.allow('tool');
    const before = cluster.replicas[0]!.authorityCertificate;
    const found = cluster.api.get('secrets', { namespace, name: 'connectors-proxy-ca' });
    const oldKey = Buffer.from((found?.['data'] as { 'tls.key': string })['tls.key'], 'base64').toString();
    // Later than the one that the proxy has just made.
    const next = createCa({ now: () => Date.now() + 3_600_000 });
    assert.match(await lineOf('rotation'), /^ok none: /);
    for (const [certificates, key, line] of [
      [
        `${before}${next.certificate}`,
        oldKey,
        /^warn step 1 of 3: in secret connectors-system\/connectors-proxy-ca the old/,
      ],
      [`${next.certificate}${before}`, next.key.expose(), /^warn step 2 of 3: in secret \S+ the new CA signs/],
      [next.certificate, next.key.expose(), /^ok none: /],
    ] as const) {
      const program = runProgram();
      await eventually('the program runs', () => program.count() > 0);
      const data = { 'tls.crt': certificates, 'tls.key': key };
      cluster.put(secret('connectors-proxy-ca', 'kubernetes.io/tls', data, { namespace }));
      await eventually('the proxy has it', () => cluster.replicas[0]!.authorityCertificate === certificates);
      await eventually('volumes get it', async () => (await lineOf('status')).startsWith('ok '));
      assert.match(await lineOf('rotation'), line);
      assert.match(await lineOf('ca'), /^ok the CA in secret/);
      const until = program.count() + 2;
      await eventually('the program goes on', () => program.count() >= until);
      await program.stop();
    }
  });

  it('does not call the CA expired because the one before it has', async () => {
    const { cluster } = fixture;
    const [current, expired] = [0, 3640].map((days) => createCa({ now: () => Date.now() - days * 86_400_000 }));
    const data = { 'tls.crt': `${current!.certificate}${expired!.certificate}`, 'tls.key': current!.key.expose() };
    cluster.put(secret('connectors-proxy-ca', 'kubernetes.io/tls', data, { namespace }));
    await eventually('the proxy has it', () => cluster.replicas[0]!.authorityCertificate === data['tls.crt']);
    assert.match(await lineOf('ca'), /^ok the CA in secret .* is good until/);
    assert.match(await lineOf('rotation'), /^warn step 2 of 3/);
  });
});
