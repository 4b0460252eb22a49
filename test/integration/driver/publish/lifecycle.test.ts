import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { assertNoToken } from '../../../support/driver/canary.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const main = path.join(import.meta.dirname, '..', '..', '..', '..', 'dist', 'main.js');
const http = ['--http-address', '127.0.0.1:0'];

describe('the driver as a process', () => {
  let node: NodeSandbox;
  beforeEach(() => {
    node = started(new NodeSandbox());
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    it(`on ${signal} finishes the call that runs, takes no new one, leaves mounts alone, and exits with 0`, async () => {
      const driver = await DriverProcess.start(node, ['--not-found-wait', '60s', ...http]);
      const published = node.volume();
      await driver.kubelet.publishVolume(published);
      const volume = node.volume();
      const running = driver.kubelet.publishVolume(volume, { attributes: { connectors: 'late' } });
      const inFlight = /^connectors_csi_rpc_in_flight\{method="NodePublishVolume"\} 1$/m;
      await eventually('the publish runs', async () => inFlight.test((await driver.http('/metrics')).body));
      driver.signal(signal);
      await driver.untilLogged('Stopping');
      await assert.rejects(driver.kubelet.publishVolume(node.volume(), {}, { timeoutMs: 300 }));
      node.writeManifest('late.json', connector('late'));
      await running;
      assert.deepEqual(await driver.exited, { status: 0, signal: null });
      driver.assertNoToken();
      assert.ok(published.isMounted() && volume.isMounted());
      assert.equal(volume.read()['context.token'], volume.token);
      assert.deepEqual(fs.readdirSync(path.dirname(node.socketPath)), []);
    });
  }

  it('ends when it cannot have a socket or port that it needs, and leaves none behind', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    for (const [flags, message] of [
      [
        ['--http-address', `127.0.0.1:${port}`],
        /cannot listen on --http-address 127\.0\.0\.1:\d+: .*EADDRINUSE[^\n]*\n$/,
      ],
      [
        [...http, '--registration-dir', path.join(node.root, 'missing')],
        /cannot listen on .*-reg\.sock: there is no folder .*missing\n$/,
      ],
      [
        ['--endpoint', 'unix:///dev/null/none/csi.sock'],
        /cannot make the folder of \/dev\/null\/none\/csi\.sock: ENOTDIR[^\n]*\n$/,
      ],
    ] as const) {
      const driver = new DriverProcess(node, flags);
      assert.deepEqual(await driver.exited, { status: 1, signal: null });
      assert.match(driver.stderr, message);
      assert.equal(fs.existsSync(node.socketPath), false);
    }
    await new Promise((resolve) => taken.close(resolve));
  });

  it('given a wrong value prints what is wrong and how to go on, in what a termination message holds, and exits with 2', async () => {
    const driver = new DriverProcess(node, ['--not-found-wait', 'soon']);
    assert.deepEqual(await driver.exited, { status: 2, signal: null });
    assert.match(driver.stderr, /--not-found-wait "soon": must be a Go duration/);
    assert.match(
      driver.stderr,
      /^Usage: connectors-csi serve \[flags\]\n"connectors-csi serve --help" lists the flags\.$/m,
    );
    assert.ok(driver.stderr.length < 2048, driver.stderr);
    assert.equal(driver.stdout, '');
    assert.equal(fs.existsSync(node.socketPath), false);
  });

  it('without a node name, without manifests and without a command says which is missing', () => {
    const run = (...args: string[]) => {
      const env = { ...process.env, NODE_NAME: '' };
      return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env });
    };
    for (const [args, message] of [
      [['serve'], /--node-name NAME is required \(or environment NODE_NAME\)/],
      [['serve', '--node-name', 'n', '--connector-source', 'directory'], /needs --manifests DIR/],
      [[], /no command given/],
      [['sevre'], /unknown command "sevre"/],
    ] as const) {
      const { status, stderr, stdout } = run(...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.match(stderr, /^Usage: connectors-csi /m);
      assert.equal(stdout, '');
    }
  });

  it('prints all flags when asked for help, whatever else it was given', () => {
    const { status, stdout } = spawnSync(process.execPath, [main, 'serve', '--bogus', '-h'], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: connectors-csi serve \[flags\]\n[^]*\nFlags:\n {2}--endpoint URL/);
    assert.match(
      spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' }).stdout,
      /^Usage: connectors-csi COMMAND/,
    );
  });

  it('says from the start that it was given a directory that is not the kubelet’s', async () => {
    const driver = started(new DriverProcess(node, ['--kubelet-dir', path.join(node.root, 'other'), ...http]));
    await driver.untilLogged('Cannot publish volumes');
    assert.match(reasons(driver)[0] ?? '', /^\S+other has no folder "pods": set --kubelet-dir to /);
    await driver.untilLogged('Started');
    const { status, body } = await driver.http('/readyz');
    assert.equal(status, 503);
    assert.match(body, /other has no folder "pods"/);
    fs.mkdirSync(path.join(node.root, 'other', 'pods'), { recursive: true });
    assert.match((await driver.http('/readyz')).body, /^the kubelet has not registered/);
  });

  it('says from the start that publishes fail for want of the file of --proxy-ca-file, and is ready once it is there', async () => {
    const file = path.join(node.root, 'ca.pem');
    const driver = started(new DriverProcess(node, ['--proxy-ca-file', file, ...http]));
    await driver.untilLogged('Started');
    assert.match(reasons(driver)[0] ?? '', /^--proxy-ca-file .*ca\.pem of the driver cannot be used: ENOENT/);
    const { status, body } = await driver.http('/readyz');
    assert.equal(status, 503);
    assert.match(body, /^--proxy-ca-file .*ENOENT/);
    fs.writeFileSync(file, '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
    assert.match((await driver.http('/readyz')).body, /^the kubelet has not registered/);
    await driver.kubelet.publishVolume(node.volume());
  });

  it('serves metrics and health without a token, whatever it was asked', async () => {
    const driver = started(await DriverProcess.start(node, http));
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    await driver.kubelet.publishVolume(volume);
    await assertFails(
      driver.kubelet.publishVolume(node.volume(), { token: volume.token }),
      'PERMISSION_DENIED',
      /not bound/,
    );
    const get = (where: string) => driver.http(where);
    const metrics = await get('/metrics');
    assert.equal(metrics.status, 200);
    assertNoToken(metrics.body, 'the metrics');
    assert.match(metrics.body, /^connectors_csi_publishes_total\{outcome="ok",path="fresh"\} 1$/m);
    assert.match(metrics.body, /^connectors_csi_publishes_total\{outcome="ok",path="unchanged"\} 1$/m);
    assert.match(metrics.body, /^connectors_csi_publishes_total\{outcome="PERMISSION_DENIED",path=""\} 1$/m);
    assert.match(metrics.body, /^connectors_csi_published_volumes 1$/m);
    assert.deepEqual(await get('/healthz'), { status: 200, body: 'ok\n' });
    assert.match((await get('/readyz')).body, /^the kubelet has not registered/);
    fs.rmSync(node.manifestsDir, { recursive: true });
    assert.match((await get('/readyz')).body, /cannot be read/);
    assert.equal((await get('/healthz')).status, 200);
  });
});

/** The reasons of the errors in the log. */
function reasons(driver: DriverProcess): readonly string[] {
  return driver.logLines().flatMap(({ level, reason }) => (level === 'error' ? String(reason) : []));
}

describe('the directory of manifests', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  beforeEach(async () => {
    node = started(new NodeSandbox());
    driver = started(await DriverProcess.start(node));
  });

  const addressOf = async (connectors: string): Promise<string | undefined> => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume, { attributes: { connectors } });
    return volume.read()['connector.status.proxyAddress'];
  };

  it('keeps the last good objects of a file that broke, and names it', async () => {
    const good = connector('fragile', { proxyUrl: 'http://good.example' });
    node.writeManifest('fragile.yaml', good);
    assert.equal(await addressOf('fragile'), 'http://good.example');
    node.writeManifest('fragile.yaml', 'kind: Connector\n  metadata: [');
    assert.equal(await addressOf('fragile'), 'http://good.example');
    assert.equal(await addressOf('harbor'), 'http://proxy.example:8080/namespaces/ci/connectors/harbor');
    await driver.untilLogIs(({ level, file }) => (level === 'error' ? file : undefined), ['fragile.yaml']);
    node.writeManifest('fragile.yaml', connector('fragile', { proxyUrl: 'http://better.example' }));
    assert.equal(await addressOf('fragile'), 'http://better.example');
  });

  it('of which a file was never good says so to whom asks for what may be in it', async () => {
    node.writeManifest('bad.yaml', '{');
    await assertFails(addressOf('hidden'), 'NOT_FOUND', /may be in a file that cannot be read: bad\.yaml: /);
  });
});

describe('a directory of manifests that is missing at the start', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  let missing: string;
  beforeEach(async () => {
    node = started(new NodeSandbox());
    missing = path.join(node.root, 'missing');
    driver = started(new DriverProcess(node, ['--manifests', missing, ...http]));
    await driver.untilLogged('Started');
  });

  it('is reported by /readyz and by each publish, until it is there', async () => {
    const { status, body } = await driver.http('/readyz');
    assert.deepEqual([status, body], [503, `the directory ${missing} of --manifests cannot be read (ENOENT)\n`]);
    await assertFails(
      driver.kubelet.publishVolume(node.volume()),
      'UNAVAILABLE',
      /^the directory .*missing of --manifests cannot be read \(ENOENT\)$/,
    );
    fs.renameSync(node.manifestsDir, missing);
    await driver.kubelet.publishVolume(node.volume());
    assert.match((await driver.http('/readyz')).body, /^the kubelet has not registered/);
  });
});
