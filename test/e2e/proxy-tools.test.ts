import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { DriverProcess } from '../support/driver/driver-process.js';
import { connector } from '../support/driver/manifests.js';
import { NodeSandbox } from '../support/driver/node-sandbox.js';
import type { TestVolume } from '../support/driver/test-volume.js';
import { freePort, missingPrograms, run, runTask, untilListening } from '../support/e2e/programs.js';
import { eventually } from '../support/poll.js';
import { Squid, proxiedHost } from '../support/e2e/squid.js';
import { CertificateAuthority } from '../support/kube-api/certificates.js';

/**
 * Real programs with a mounted volume and a real proxy between them and their servers. The servers are on this machine
 * under a name that only the proxy can resolve, so that a program that went around the proxy would fail.
 */
describe('programs that use a mounted volume', function () {
  const authority = new CertificateAuthority();
  let node: NodeSandbox;
  let driver: DriverProcess;
  let squid: Squid;
  let volume: TestVolume;
  const cleanups: (() => unknown)[] = [];

  before(async function () {
    const missing = missingPrograms('squid', 'curl', 'git', 'skopeo', 'buildah', 'netavark', 'docker-registry');
    const reason = missing.length > 0 ? `not installed: ${missing.join(', ')}` : Squid.problem();
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    node = new NodeSandbox();
    cleanups.push(() => node.remove());
    fs.mkdirSync(path.join(node.root, 'squid'));
    squid = await Squid.start(path.join(node.root, 'squid'));
    cleanups.push(() => squid.stop());
    const proxyUrl = `http://127.0.0.1:${squid.port}/namespaces/ci/connectors/harbor`;
    node.writeManifest(
      'harbor.json',
      connector('harbor', { proxyUrl, caCerts: authority.certificate }),
      connector('github', { proxyUrl }),
    );
    driver = await DriverProcess.start(node);
    cleanups.push(() => driver.stop());
    volume = node.volume();
    await driver.kubelet.publish(volume.publishRequest());
    squid.allow('ci/harbor', volume.token);
  });
  after(async () => {
    for (const clean of cleanups.reverse()) await clean();
  });

  const listen = async (server: Server): Promise<number> => {
    cleanups.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  const serveFiles = (root: string): Promise<number> =>
    listen(
      createServer((request, response) => {
        const { pathname } = new URL(request.url ?? '/', 'http://localhost');
        fs.readFile(path.join(root, path.normalize(pathname)), (error, content) => {
          response.writeHead(error ? 404 : 200).end(content);
        });
      }),
    );

  /** Squid writes of a request after it has answered it. */
  const untilServed = async (request: RegExp): Promise<void> => {
    const isServed = (): boolean => squid.served().some((line) => request.test(line));
    await eventually('squid has written of it', isServed, 10_000).catch(() =>
      assert.fail(`${String(request)} in:\n${squid.served().join('\n')}`),
    );
  };

  it('curl: through the proxy, as who the volume says, and refused without it', async () => {
    const port = await listen(createServer((_request, response) => response.end('hello')));
    const url = `http://${proxiedHost}:${port}/page`;
    assert.deepEqual(await runTask(volume.target, `curl -sSf ${url}`), { status: 0, stdout: 'hello', output: 'hello' });
    await untilServed(/^GET http:\/\/tools\.test:\d+\/page$/);
    const without = await run('curl', ['-sf', url], '/');
    assert.equal(without.status, 6, 'the name is known to the proxy only');
    const stranger = await run('curl', ['-sf', '-x', `http://127.0.0.1:${squid.port}`, url], '/');
    assert.notEqual(stranger.status, 0);
    await eventually('squid has written that it denied it', () => squid.refusals() > 0);
  });

  it("curl: over TLS through CONNECT, trusting the volume's ca.crt", async () => {
    const { certificate, key } = authority.issue({ commonName: proxiedHost, hosts: [proxiedHost] });
    const port = await listen(
      createTlsServer({ cert: certificate, key }, (_request, response) => response.end('secret')),
    );
    const { stdout, output } = await runTask(
      volume.target,
      `curl -sSf --cacert ca.crt https://${proxiedHost}:${port}/`,
    );
    assert.equal(stdout, 'secret', output);
    await untilServed(new RegExp(`^CONNECT ${proxiedHost}:${port}$`));
  });

  it('curl: with the token as it is after a refresh, when the proxy no longer takes the old one', async () => {
    const port = await listen(createServer((_request, response) => response.end('hello')));
    const get = () => runTask(volume.target, `curl -sSf http://${proxiedHost}:${port}/renewed`);
    volume.renewToken();
    squid.allow('ci/harbor', volume.token);
    await eventually('the old token is refused', async () => (await get()).status !== 0);
    await driver.kubelet.publish(volume.publishRequest());
    assert.equal((await get()).stdout, 'hello');
  });

  it('curl: as several connectors at once', async () => {
    const port = await listen(createServer((_request, response) => response.end('both')));
    const both = node.volume();
    await driver.kubelet.publish(both.publishRequest({ attributes: { connectors: 'harbor,github' } }));
    squid.allow('ci/harbor,ci/github', both.token);
    const { stdout, output } = await runTask(both.target, `curl -sSf http://${proxiedHost}:${port}/several`);
    squid.allow('ci/harbor', volume.token);
    assert.equal(stdout, 'both', output);
  });

  it('git: clones', async () => {
    const work = path.join(node.root, 'git');
    fs.mkdirSync(work);
    const script = `
      git init -q -b main source && cd source
      echo content >file && git add file
      git -c user.name=ci -c user.email=ci@example.com commit -q -m first
      cd .. && git clone -q --bare source bare.git && git -C bare.git update-server-info`;
    const made = await run('sh', ['-ec', script], work);
    assert.equal(made.status, 0, made.output);
    const port = await serveFiles(work);
    const cloned = await runTask(
      volume.target,
      `git clone -q http://${proxiedHost}:${port}/bare.git ${work}/clone && cat ${work}/clone/file`,
    );
    assert.equal(cloned.stdout, 'content\n', cloned.output);
    await untilServed(/^GET http:\/\/tools\.test:\d+\/bare\.git\/info\/refs/);
  });

  describe('with a registry', () => {
    let registry: string;
    let work: string;
    before(async () => {
      work = path.join(node.root, 'registry');
      fs.mkdirSync(work);
      const port = await freePort();
      const file = path.join(work, 'registry.yml');
      const configuration = {
        version: 0.1,
        storage: { filesystem: { rootdirectory: path.join(work, 'blobs') } },
        http: { addr: `127.0.0.1:${port}` },
      };
      fs.writeFileSync(file, JSON.stringify(configuration));
      fs.writeFileSync(
        path.join(work, 'policy.json'),
        JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }),
      );
      fs.writeFileSync(path.join(work, 'payload'), 'from the image\n');
      const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
      cleanups.push(() => child.kill('SIGKILL'));
      await untilListening(port);
      registry = `docker://${proxiedHost}:${port}`;
    });

    const buildah = () => `buildah --storage-driver vfs --root ${work}/storage --runroot ${work}/run`;

    it('buildah: builds from scratch and pushes; skopeo: copies back', async () => {
      const built = await runTask(
        volume.target,
        `
        container=$(${buildah()} from scratch)
        ${buildah()} copy -q $container ${work}/payload /payload
        ${buildah()} commit -q --signature-policy ${work}/policy.json $container built
        ${buildah()} push -q --signature-policy ${work}/policy.json --tls-verify=false built ${registry}/team/app:1`,
        { BUILDAH_ISOLATION: 'chroot', TMPDIR: work },
      );
      assert.equal(built.status, 0, built.output);
      await untilServed(/^PUT http:\/\/tools\.test:\d+\/v2\/team\/app\/manifests\/1$/);
      const copied = await runTask(
        volume.target,
        `skopeo --policy ${work}/policy.json copy -q --src-tls-verify=false ${registry}/team/app:1 dir:${work}/image
         skopeo --policy ${work}/policy.json copy -q --dest-tls-verify=false dir:${work}/image ${registry}/team/copy:1
         skopeo inspect --tls-verify=false --format '{{.Digest}}' ${registry}/team/copy:1`,
        { TMPDIR: work },
      );
      assert.equal(copied.status, 0, copied.output);
      assert.match(copied.stdout.trim().split('\n').at(-1) ?? '', /^sha256:[0-9a-f]{64}$/);
      await untilServed(/^GET http:\/\/tools\.test:\d+\/v2\/team\/app\/manifests\/1$/);
      await untilServed(/^PUT http:\/\/tools\.test:\d+\/v2\/team\/copy\/manifests\/1$/);
    });
  });
});
