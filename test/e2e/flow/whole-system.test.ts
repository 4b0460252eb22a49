import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.js';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import { serviceName, toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { needsKnownPorts } from '../../support/e2e/host-names.js';
import { columnsOf, kubectl } from '../../support/e2e/kubectl.js';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.js';
import { eventually } from '../../support/poll.js';
import { secret } from '../../support/proxy/manifests.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const host = 'hub.test';
const programs = ['curl', 'buildah', 'skopeo', 'netavark', 'docker-registry', 'kubectl', 'git'];

describe('a Secret and a Connector, and nothing that anybody does by hand', function () {
  this.timeout(300_000);
  let registry: DockerRegistry;
  let volume: TestVolume;
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture({ hosts: [host], isAtService: true }, programs, async (fixture) => {
    const auth = { username: 'robot', password: toolPassword };
    registry = await DockerRegistry.start({ directory: path.join(fixture.work, 'hub'), host, auth });
    fixture.onStop(() => registry.stop());
    const folder = path.join(fixture.work, 'image');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    writeFileSync(path.join(folder, 'policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    fixture.useClass('oci');
    fixture.allow(['hub']);
    fixture.put(loginWith(toolPassword));
    fixture.connect('hub', registry.url, { className: 'oci', auth: 'tokenAuth', secret: 'hub' });
  });

  const loginWith = (password: string): object =>
    secret('hub', 'cpaas.io/distribution-registry-token', { username: 'robot', password });

  /** Waits for a condition, and prints how long that took: a figure, and no verdict. */
  const measured = async (
    what: string,
    type: string,
    expected: string,
    name = 'hub',
    namespace = 'ci',
  ): Promise<void> => {
    const startMs = performance.now();
    const found = (): string => {
      const { conditions = [] } = (use.fixture.api.get('connectors', { namespace, name })?.['status'] ?? {}) as {
        conditions?: readonly { type: string; status: string; reason: string }[];
      };
      const condition = conditions.find((each) => each.type === type);
      return `${condition?.status ?? ''} ${condition?.reason ?? ''}`;
    };
    await eventually(`${what}: ${type} is ${expected}`, () => found() === expected, 120_000);
    console.log(`      ${what}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  };
  /** Runs the script until it fails. */
  const untilItFails = (script: string): Promise<void> =>
    eventually('it fails', async () => {
      const environment = containersEnvironment(use.fixture.work);
      return (await use.fixture.try(volume, script, environment)).status !== 0;
    });

  const becomes = (condition: string): Promise<string> =>
    kubectl(use.fixture, `kubectl -n ci wait --timeout=60s --for=condition=${condition} connector/hub`);
  const task = (script: string): Promise<string> =>
    use.fixture.task(
      volume,
      `mkdir -p $HOME/ca; cp ca.crt $HOME/ca\n${script}`,
      containersEnvironment(use.fixture.work),
    );
  const inspect = (): string =>
    `skopeo inspect --cert-dir $HOME/ca --format '{{.Digest}}' docker://${registry.address}/team/app:1`;

  it('become ready, which kubectl shows', async () => {
    await becomes('Ready');
    const { Class, Address, Ready, Reason, Proxy } = await columnsOf(use.fixture, 'hub');
    assert.deepEqual(
      { Class, Address, Ready, Reason, Proxy },
      {
        Class: 'oci',
        Address: registry.url,
        Ready: 'True',
        Reason: 'Ready',
        Proxy: `http://${serviceName}/namespaces/ci/connectors/hub`,
      },
    );
    const { api } = use.fixture;
    const writers = api.requests.filter(({ resource, verb }) => resource.startsWith('connector') && verb === 'patch');
    assert.ok(
      writers.length >= 2 && writers.every(({ user, subresource }) => user === 'proxy' && subresource === 'status'),
    );
    assert.equal(api.list('leases').length, 1);
  });

  it('lead programs to the address that the volume has', async () => {
    volume = await use.fixture.volume({ attributes: { connectors: 'hub' } });
    const files = volume.read();
    assert.match(files['.env'] ?? '', new RegExp(`^https_proxy=http://ci%2Fhub:[^@]+@${serviceName}:80$`, 'm'));
    const [storage, policy] = ['--root $HOME/b --runroot $HOME/b-run', '--signature-policy $HOME/image/policy.json'];
    await task(`buildah ${storage} bud -q ${policy} --tag built $HOME/image
      buildah ${storage} push -q ${policy} --cert-dir $HOME/ca built docker://${registry.address}/team/app:1`);
    assert.ok(registry.served.includes('PUT /v2/team/app/manifests/1'));
    assert.match(await task(inspect()), /^sha256:[0-9a-f]{64}\n$/);
    const tags = '{"name":"team/app","tags":["1"]}\n';
    assert.equal(await task(`curl -sSf --cacert ca.crt ${registry.url}/v2/team/app/tags/list`), tags);
    // And without being told of a proxy.
    const reverse = `unset http_proxy https_proxy
      curl -sSf --oauth2-bearer "$(cat context.token)" "$(cat connector.status.proxyAddress)/v2/team/app/tags/list"`;
    assert.equal(await task(reverse), tags);
  });

  it('lead git there too, by the file of its class', async () => {
    const { fixture } = use;
    const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;
    const refs = `${'0123456789'.repeat(4)}\trefs/heads/main\n`;
    const server = await ToolServer.start(
      'https',
      ({ headers, url = '' }, response) => {
        if (headers.authorization !== basic) response.writeHead(401).end();
        else response.end(url.startsWith('/app.git/info/refs') ? refs : 'ref: refs/heads/main\n');
      },
      [host],
    );
    fixture.onStop(() => server.stop());
    fixture.useClass('git');
    fixture.connect('code', server.url(host), { className: 'git', secret: 'login' });
    fixture.allow(['code']);
    await kubectl(fixture, 'kubectl -n ci wait --for=condition=SecretReady connector/code');
    const code = fixture.node.volume();
    const params = JSON.stringify({ gitconfig: { proxy: 'forward', mountPath: code.target } });
    await fixture.publish(code, {
      connectors: 'code',
      'configuration.names': 'gitconfig',
      'configuration.params': params,
    });
    const script = `unset http_proxy https_proxy
      git ls-remote ${server.url(host)}/app.git refs/heads/main`;
    const env = { GIT_CONFIG_GLOBAL: path.join(code.target, '.gitconfig'), GIT_TERMINAL_PROMPT: '0' };
    assert.equal(await fixture.task(code, script, env), refs);
  });

  let edits = 0;
  /** Changes the Connector, so that the proxy checks it at once. */
  const edit = (): void => {
    edits += 1;
    const extensions = [`https://alias-${edits}.test`];
    use.fixture.connect('hub', registry.url, { className: 'oci', auth: 'tokenAuth', secret: 'hub', extensions });
  };

  it('tell of a wrong password, and of the right one', async () => {
    use.fixture.put(loginWith('wrong'));
    await untilItFails(inspect());
    edit();
    await measured('a wrong password is told after a change', 'AuthReady', 'False Rejected');
    await becomes('LivenessReady');
    const shown = await columnsOf(use.fixture, 'hub');
    assert.deepEqual([shown['Ready'], shown['Reason']], ['False', 'Rejected']);
    assert.match(shown['Message'] ?? '', /answered 401 to the credential in Secret ci\/hub: see whether it is right/);
    use.fixture.put(loginWith(toolPassword));
    await measured('the right one is found without any request', 'Ready', 'True Ready');
    await task(inspect());
  });

  it('tell of a tool that has gone, and of its coming back', async () => {
    registry.stop();
    await untilItFails(inspect());
    edit();
    await measured('a dead registry is told after a change', 'LivenessReady', 'False Unreachable');
    const shown = await columnsOf(use.fixture, 'hub');
    assert.deepEqual([shown['Ready'], shown['Reason']], ['False', 'Unreachable']);
    await registry.goOn();
    await measured('a registry that is back is found without any request', 'Ready', 'True Ready');
    await task(inspect());
  });
});
