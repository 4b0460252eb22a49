import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { asLine } from '../../../src/shared/doctor/check-result.ts';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { ProxyDoctorFixture } from '../../support/doctor/proxy-doctor-fixture.ts';
import { CompanyProxy } from '../../support/proxy/company-proxy.ts';
import { eventually } from '../../support/poll.ts';
import { connector, secret } from '../../support/proxy/manifests.ts';
import { started } from '../../support/started.ts';

const main = path.join(import.meta.dirname, '../../../dist/main.js');
const caSecret = { namespace: 'connectors-system', name: 'connectors-proxy-ca' };

describe('doctor of the proxy', function () {
  this.timeout(60_000);
  let fixture: ProxyDoctorFixture;
  beforeEach(async () => void (fixture = started(await ProxyDoctorFixture.start())));

  const assertOnly = async (expected: RegExp, ...args: Parameters<ProxyDoctorFixture['problems']>): Promise<void> => {
    const problems = await fixture.problems(...args);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, expected);
  };
  /** The first line of the check that is not ok; others may follow from the same cause. */
  const problemOf = async (check: string, ...args: Parameters<ProxyDoctorFixture['problems']>): Promise<string> =>
    (await fixture.problems(...args)).find((line) => line.includes(` ${check}: `)) ?? '';
  const refuse = (verb: string, resource: string): void =>
    void fixture.cluster.api.faults.add({ verb, resource, effect: { kind: 'status', code: 500 } });
  it('finds nothing wrong when all is well, and changes nothing', async () => {
    const findings = await fixture.examine();
    assert.deepEqual(
      findings.map(({ level, check }) => `${level} ${check}`),
      [...['ok readiness', 'ok api-server', 'ok clock', 'ok feature-flags', 'ok rbac', 'ok ca', 'ok connectors']],
    );
    for (const finding of findings) assert.match(asLine(finding), /^ok {4}[-a-z]+ +\S.*\n$/);
    assert.deepEqual(fixture.cluster.api.requestsOf({ code: 403 }), []);
    const byDoctor = fixture.cluster.api.requestsOf({ verb: 'create', resource: 'selfsubjectaccessreviews' });
    assert.ok(byDoctor.length > 0);
  });

  it('fails where the process does not answer, or cannot serve', async () => {
    const [readiness = '', ...others] = await fixture.problems(['--http-address', '127.0.0.1:47']);
    assert.match(readiness, /^fail readiness: no response from http:\/\/127\.0\.0\.1:47\/readyz: connect ECONNREFUSED/);
    assert.deepEqual(others, []);
    fixture.cluster.put(secret(caSecret.name, 'kubernetes.io/tls', { 'tls.crt': '', 'tls.key': '' }, caSecret));
    const isReported = async (): Promise<boolean> =>
      (await problemOf('readiness')).startsWith('fail readiness: the proxy cannot serve: secret connectors-system/');
    await eventually('it is reported', isReported);
    assert.match(
      await problemOf('ca'),
      /^fail ca: secret \S+ cannot be used: .*tls\.crt or tls\.key is no PEM.*: fix it, or delete it/,
    );
  });

  it('asks the egress proxy for a tunnel', async () => {
    const company = started(await CompanyProxy.start({ login: { username: 'builds', password: 'right' } }));
    const directory = mkdtempSync(path.join(tmpdir(), 'egress-'));
    started({ remove: () => rmSync(directory, { recursive: true }) });
    const flags = ['--egress-proxy', `http://127.0.0.1:${company.port}`, '--egress-proxy-files', directory];
    const name = `egress proxy 127.0.0.1:${company.port}`;
    await assertOnly(
      new RegExp(`^fail egress-proxy: ${name} answered 407: it requires a user and a password: `),
      flags,
    );
    writeFileSync(path.join(directory, 'username'), 'builds');
    writeFileSync(path.join(directory, 'password'), 'wrong');
    await assertOnly(new RegExp(`^fail egress-proxy: ${name} answered 407: check the user and the password `), flags);
    writeFileSync(path.join(directory, 'password'), 'right');
    const found = (await fixture.examine(flags)).map(asLine).at(-1) ?? '';
    assert.match(
      found,
      new RegExp(`^ok {4}egress-proxy {3}${name} responds, and asks for no other credentials \\(50\\d `),
    );
    await company.stop();
    await assertOnly(new RegExp(`^fail egress-proxy: no connection to ${name} \\(ECONNREFUSED\\)$`), flags);
  });

  it('names the RoleBindings that Connectors lack, one for each namespace', async () => {
    const { cluster } = fixture;
    const login = { serviceAccount: 'deployer', audience: 'vault' };
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name: 'deployer' } };
    cluster.put(account, secret('identity', 'connectors.alauda.io/service-account-token', login));
    for (const name of ['a', 'b'])
      cluster.put(connector(name, fixture.tool.url(), { secret: 'identity', caSecret: 'tool-ca' }));
    cluster.put(connector('c', fixture.tool.url(), { namespace: 'other', secret: 'login' }));
    await cluster.becomes('SecretReady', 'False IdentityForbidden', 'a');
    await cluster.becomes('SecretReady', 'False IdentityForbidden', 'b');
    let problems: readonly string[] = [];
    await eventually('all are there', async () => (problems = await fixture.problems()).length === 2);
    const [first, second] = [...problems].sort();
    assert.match(first!, /^fail connectors: connector ci\/[ab]: the proxy cannot create tokens .* ci\/deployer: bind /);
    assert.match(second!, /^fail connectors: connector other\/c: the proxy cannot read secret other\/login: bind /);
  });

  describe('looks at the CA', () => {
    it('that is not there', async () => {
      refuse('create', 'secrets');
      fixture.cluster.api.delete('secrets', caSecret);
      assert.match(
        await problemOf('ca'),
        /^fail ca: secret connectors-system\/connectors-proxy-ca does not exist: a replica/,
      );
    });

    it('that has expired', async () => {
      const { certificate, key } = createCa({ now: () => Date.now() - 3640 * 86_400_000 });
      fixture.cluster.put(
        secret(caSecret.name, 'kubernetes.io/tls', { 'tls.crt': certificate, 'tls.key': key.expose() }, caSecret),
      );
      assert.equal(await problemOf('ca'), '');
      const clock = { now: () => Date.now() + 20 * 86_400_000 };
      assert.match(
        await problemOf('ca', [], { clock }),
        /^fail ca: the CA in secret \S+ has expired on [-\d]{10}, so that no program/,
      );
    });
  });

  it('fails for an API server that is away, and for no way to it', async () => {
    const outside = (): never => {
      throw new Error('not in a cluster');
    };
    await assertOnly(/^fail api-server: not in a cluster, or run it in the container of the proxy$/, [], {
      cluster: outside,
    });
    await fixture.cluster.api.goOffline();
    const problems = await fixture.problems();
    for (const check of ['api-server', 'feature-flags', 'rbac', 'ca']) {
      assert.ok(
        problems.some((line) => line.startsWith(`fail ${check}: `)),
        `${check}\n${problems.join('\n')}`,
      );
    }
    await fixture.cluster.api.goOnline();
  });

  describe('as a command', () => {
    const run = async (...flags: readonly string[]): Promise<{ readonly status: unknown; readonly output: string }> => {
      const child = spawn(process.execPath, [main, 'doctor', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr, [status]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close') as Promise<unknown[]>,
      ]);
      return { status, output: stdout + stderr };
    };

    it('prints a line per check, and ends with 1 when one fails', async () => {
      const { httpPort } = fixture.cluster.ports;
      const { status, output } = await run('--proxy', '--http-address', `127.0.0.1:${httpPort}`);
      assert.equal(status, 1, output);
      assert.match(output, /^ok {4}readiness {6}the proxy can serve$/m);
      assert.match(output, /^fail {2}api-server {5}.*, or run it in the container of the proxy$/m);
    });

    it('takes the flags of the proxy, and no others', async () => {
      const { status, output } = await run('--proxy', '--node-name', 'x');
      assert.equal(status, 2);
      assert.match(output, /^connectors-csi doctor: unknown flag "--node-name"/);
      const help = (await run('--proxy', '--help')).output;
      assert.match(help, /^Flags after --proxy:\n {2}--proxy-address ADDRESS/m);
      assert.doesNotMatch(help, /--kubelet-dir/);
    });
  });
});
