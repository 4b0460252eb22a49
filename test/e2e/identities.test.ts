import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kubernetesBackend } from '../../src/proxy/kubernetes-backend.ts';
import { parseProxyConfig } from '../../src/proxy/config.ts';
import { Proxy } from '../../src/proxy/proxy.ts';
import { inClusterConfig } from '../../src/shared/kube/load-cluster-config.ts';
import { kubeTimings } from '../../src/shared/kube/timings.ts';
import { createLog } from '../../src/shared/process/json-log.ts';
import { rendered } from '../support/deploy/manifests.ts';
import type { Manifest } from '../support/deploy/manifests.ts';
import { DockerRegistry } from '../support/e2e/docker-registry.ts';
import { GuardedServer, acceptsBasic, registryBehind } from '../support/e2e/guarded-server.ts';
import { writeImageLayout } from '../support/e2e/image-layout.ts';
import { missingPrograms, run } from '../support/e2e/programs.ts';
import { RegistryTokenService } from '../support/e2e/registry-token-service.ts';
import { imagePolicy } from '../support/e2e/tekton-step.ts';
import { ApiClient } from '../support/kubernetes/api-client.ts';
import { sharedControlPlane } from '../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../support/poll.ts';
import { FakeEntra, FakeGoogle, FakeSts } from '../support/proxy/cloud-providers.ts';
import { FakeEcr, ecrHost, ecrVpcHost } from '../support/proxy/ecr.ts';
import { connector, connectorClass, grant, proxyService, secret } from '../support/proxy/manifests.ts';
import { mismatchOf } from '../support/proxy/subject-verifier.ts';
import type { TrustedSubject } from '../support/proxy/subject-verifier.ts';
import { ToolServer, toolCa } from '../support/proxy/tool-server.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const hosts = {
  sts: 'vpce-0a1b2c-d3e4.sts.eu-west-1.vpce.amazonaws.com',
  googleSts: 'sts-ci.p.googleapis.com',
  impersonation: 'iamcredentials-ci.p.googleapis.com',
  entra: 'login.entra.example',
  acr: 'builds.azurecr.io',
  gar: 'europe-west1-docker.pkg.dev',
  tokens: 'tokens.example',
  api: 'api.example',
} as const;
const namespaces = ['connectors-system', 'ci'];
const group = 'rbac.authorization.k8s.io';
const proxyAccount = { kind: 'ServiceAccount', namespace: 'connectors-system', name: 'connectors-proxy' };

function bound(role: string): Manifest {
  const metadata = { namespace: 'ci', name: role };
  const roleRef = { apiGroup: group, kind: 'ClusterRole', name: role };
  return { apiVersion: `${group}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects: [proxyAccount] };
}

/** Real tokens of a real API server, played providers that verify them, and real registries and programs. */
describe('workload identity with a real API server', function () {
  this.timeout(180_000);
  const plane = sharedControlPlane();
  const work = mkdtempSync(path.join(tmpdir(), 'identities-'));
  const stops: (() => unknown)[] = [];
  let admin: ApiClient;
  let proxy: Proxy;
  let port: number;
  let log = '';
  let builder: string;
  let sts: FakeSts;
  let google: FakeGoogle;
  let entra: FakeEntra;
  let addresses: Readonly<Record<'ecr' | 'gar' | 'acr' | 'api', string>>;

  const tokenOf = async (namespace: string, name: string, spec: object = {}): Promise<string> => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const where = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { code, text } = await admin.request({ method: 'POST', path: where, body });
    assert.equal(code, 201, text);
    return (JSON.parse(text) as { readonly status: { readonly token: string } }).status.token;
  };
  const identity = (type: string, keys: Readonly<Record<string, string>>): object =>
    secret(type, `connectors.alauda.io/${type}`, { serviceAccount: 'registry', ...keys });
  const put = (...objects: readonly object[]): Promise<void> => admin.apply(objects as readonly Manifest[]);

  before(async function () {
    const missing = missingPrograms('skopeo', 'docker-registry', 'curl');
    if (missing.length > 0) {
      console.log(`      skipped: not installed: ${missing.join(', ')}`);
      this.skip();
    }
    ({ admin } = plane());
    stops.push(async () => {
      for (const name of namespaces) await admin.remove({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    });
    await put(...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
    await admin.apply(rendered('crds'));
    const own = rendered('standalone').filter(
      ({ apiVersion, kind, metadata }) =>
        metadata.name?.startsWith('connectors-proxy') === true &&
        (apiVersion === `${group}/v1` || kind === 'ServiceAccount' || kind.startsWith('ValidatingAdmission')),
    );
    await admin.apply(own);
    const accounts = ['builder', 'registry'];
    await put(
      ...accounts.map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name } })),
      bound('connectors-proxy-credentials'),
      bound('connectors-proxy-identities'),
      ...grant('builder', ['ecr', 'gar', 'acr', 'api']),
      toolCa,
    );
    await eventually('the API server has the CRDs', async () => {
      const { code } = await admin.request({ path: '/apis/connectors.alauda.io/v1alpha1/connectors' });
      return code === 200;
    });
    await startTools();
    await startProxy();
  });
  after(async () => {
    for (const stop of stops.toReversed()) await stop();
    rmSync(work, { recursive: true });
    assert.ok(!log.includes('ISSUED') && !/eyJ[\w-]+\.eyJ/.test(log), 'a token is in the log');
  });

  async function startTools(): Promise<void> {
    const { text } = await admin.request({ path: '/openid/v1/jwks' });
    const trust = (audience: string): TrustedSubject => ({
      jwks: JSON.parse(text) as TrustedSubject['jwks'],
      ...{ issuer, audience, subject: 'system:serviceaccount:ci:registry' },
    });
    const keep = <T extends { stop(): unknown }>(part: T): T => {
      stops.push(() => part.stop());
      return part;
    };
    const registry = async (name: string, host: string, auth?: RegistryTokenService): Promise<DockerRegistry> =>
      keep(await DockerRegistry.start({ directory: path.join(work, name), host, ...(auth && { auth }) }));
    sts = new FakeSts(trust('sts.amazonaws.com'));
    google = new FakeGoogle(trust(`https://iam.googleapis.com/${new FakeGoogle(trust('')).provider}`));
    google.isImpersonationRequired = true;
    entra = new FakeEntra(trust('api://AzureADTokenExchange'), hosts.acr);

    const cloudHosts = [ecrHost, ecrVpcHost, hosts.sts, hosts.googleSts, hosts.impersonation, hosts.entra];
    const cloud = keep(await ToolServer.start('https', undefined, cloudHosts));
    const ecr = new FakeEcr(cloud);
    const serveEcr = cloud.answer;
    cloud.answer = (request, response, seen) => {
      const { host = '' } = seen.headers;
      const provider = host.includes('.sts.') ? sts : host.startsWith(hosts.entra) ? entra : google;
      if (!host.includes('.api.ecr.')) request.on('end', () => void provider.serve(seen, response));
      else {
        if (sts.issued !== undefined) ecr.keys = sts.issued;
        serveEcr(request, response, seen);
      }
    };
    const stored = registryBehind(await registry('ecr', 'stored.example'));
    const challenge = 'Basic realm="ECR",service="ecr.amazonaws.com"';
    const accepts = acceptsBasic('AWS', (password) => ecr.accepts(password));
    const guarded = keep(await GuardedServer.start({ host: ecrHost, accepts, serve: stored, challenge }));

    const ofGoogle = (login: string): boolean => google.accepts(login.replace('oauth2accesstoken:', ''));
    const garTokens = keep(await RegistryTokenService.start(hosts.tokens, ofGoogle));
    const gar = await registry('gar', hosts.gar, garTokens);

    const acrTokens = keep(await RegistryTokenService.start(hosts.tokens, (login) => entra.acceptsLogin(login)));
    const passOn = registryBehind(await registry('acr', hosts.acr, acrTokens));
    const acr = keep(await ToolServer.start('https', undefined, [hosts.acr]));
    acr.answer = (request, response, seen) => {
      if (seen.url === '/oauth2/exchange') request.on('end', () => void entra.serve(seen, response));
      else passOn(request, response);
    };

    const api = keep(await ToolServer.start('https', undefined, [hosts.api]));
    api.answer = (_request, response, { headers }) => {
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      void mismatchOf(token, trust('https://api.example'), Date.now()).then((mismatch) => {
        response.writeHead(mismatch === undefined ? 200 : 401).end(mismatch ?? 'in');
      });
    };
    addresses = {
      ecr: guarded.address,
      gar: gar.address,
      acr: acr.url(hosts.acr).replace('https://', ''),
      api: api.url(hosts.api).replace('https://', ''),
    };
    const of = (name: keyof typeof addresses, type: string, extensions: readonly string[] = []): object =>
      connector(name, `https://${addresses[name]}`, { secret: type, caSecret: 'tool-ca', extensions });
    await put(
      connectorClass('any', { proxy: { ref: proxyService } }),
      identity('aws-web-identity', { roleArn: sts.roleArn }),
      of('ecr', 'aws-web-identity', [cloud.url(hosts.sts), cloud.url(ecrVpcHost)]),
      identity('google-workload-identity', { provider: google.provider, impersonate: google.account }),
      of('gar', 'google-workload-identity', [
        ...[cloud.url(hosts.googleSts), cloud.url(hosts.impersonation), garTokens.url],
      ]),
      identity('azure-workload-identity', {
        ...{ tenantId: entra.tenantId, clientId: entra.clientId, authorityHost: `${hosts.entra}:${cloud.port}` },
      }),
      of('acr', 'azure-workload-identity', [cloud.url(hosts.entra), acrTokens.url]),
      identity('service-account-token', { audience: 'https://api.example' }),
      of('api', 'service-account-token'),
    );
  }

  async function startProxy(): Promise<void> {
    const folder = path.join(work, 'account');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'ca.crt'), plane().authority.certificate);
    writeFileSync(path.join(folder, 'token'), await tokenOf('connectors-system', 'connectors-proxy'));
    builder = await tokenOf('ci', 'builder', { audiences: ['connectors-proxy'] });
    const monotonicNow = (): number => performance.now();
    const cluster = inClusterConfig({ host: '127.0.0.1', port: String(plane().port), folder }, monotonicNow);
    const config = parseProxyConfig(
      [
        ...['--proxy-address', '127.0.0.1:0', '--http-address', '', '--allow-upstream-cidrs', '127.0.0.0/8'],
        ...['--shutdown-delay', '0s', '--drain-timeout', '0s'],
      ],
      {},
    );
    const clock = { now: Date.now };
    const written = createLog('debug', { write: (line: string) => void (log += line) });
    const { namespace, 'token-audience': audience } = config;
    proxy = new Proxy({
      config,
      createBackend: (metrics, threads) =>
        kubernetesBackend({
          ...{ cluster, timings: kubeTimings, namespace, audience, maxObjectBytes: 1 << 24 },
          ...{ metrics, threads, clock, monotonicNow, log: written },
        }),
      apiServer: [],
      ...{ clock, monotonicNow, log: written },
      lookUp: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
      statusTimings: { againMs: 200, unreadyMs: 500, minMs: 100, confirmMs: 100 },
    });
    ({ proxyPort: port } = await proxy.start());
    stops.push(() => proxy.stop());
    await eventually('the proxy is ready', () => proxy.notReadyReason() === undefined);
    mkdirSync(path.join(work, 'certs'));
    writeFileSync(path.join(work, 'certs', 'ca.crt'), proxy.authorityCertificate);
    writeFileSync(path.join(work, 'policy.json'), imagePolicy);
    await writeImageLayout(path.join(work, 'image'), 100_000);
  }

  /** Runs a script as a task with a volume of the Connector would. */
  const task = async (name: string, script: string): Promise<string> => {
    const url = `http://ci%2F${name}:${builder}@127.0.0.1:${port}`;
    const env = { http_proxy: url, https_proxy: url };
    const { status, output, stdout } = await run('sh', ['-ec', script], work, env);
    assert.equal(status, 0, output);
    return stdout;
  };

  for (const [name, provider] of [
    ['ecr', () => sts],
    ['gar', () => google],
    ['acr', () => entra],
  ] as const) {
    it(`skopeo pushes to ${name} and pulls from it`, async () => {
      const image = `docker://${addresses[name]}/team/app:1`;
      const flags = '--policy policy.json';
      await task(name, `skopeo ${flags} copy -q --dest-cert-dir certs oci:image ${image}`);
      await task(name, `skopeo ${flags} copy -q --src-cert-dir certs ${image} oci:back-${name}`);
      const configOf = (where: string): Promise<string> => task(name, `skopeo inspect --config --raw oci:${where}`);
      assert.equal(await configOf(`back-${name}`), await configOf('image'));
      assert.equal(provider().asked.length, name === 'ecr' ? 1 : 2);
    });
  }

  it('curl sends the token of the service account to a tool that trusts the cluster', async () => {
    const out = await task('api', `curl -sS --cacert certs/ca.crt https://${addresses.api}/api`);
    assert.equal(out, 'in');
  });

  it("the policy confines the proxy's own token, and no other", async () => {
    const token = await tokenOf('connectors-system', 'connectors-proxy');
    const stolen = new ApiClient({ url: plane().url, ca: plane().authority.certificate, token });
    const where = '/api/v1/namespaces/ci/serviceaccounts/registry/token';
    const ask = (spec: object, who = stolen): ReturnType<ApiClient['request']> => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      return who.request({ method: 'POST', path: where, body });
    };
    await eventually('the policy counts', async () => (await ask({})).code === 422);
    for (const audience of [issuer, 'connectors-proxy', 'https://kubernetes.default.svc']) {
      const { code, text } = await ask({ audiences: ['vault', audience], expirationSeconds: 600 });
      assert.match(text, /only for audiences other than the API server's and its own/);
      assert.equal(code, 422);
    }
    assert.match((await ask({ audiences: ['vault'], expirationSeconds: 7200 })).text, /at most an hour/);
    assert.equal((await ask({ audiences: ['vault'], expirationSeconds: 3600 })).code, 201);
    assert.equal((await ask({ expirationSeconds: 7200 }, admin)).code, 201);
    const elsewhere = '/api/v1/namespaces/connectors-system/serviceaccounts/connectors-proxy/token';
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['vault'] } };
    assert.equal((await stolen.request({ method: 'POST', path: elsewhere, body })).code, 403);
  });

  it('the status says what is missing, and that it is there again', async () => {
    const api = connector('api', `https://${addresses.api}`, { secret: 'other', caSecret: 'tool-ca' }) as Manifest;
    const reason = async (type: string): Promise<string> => {
      const { status } = (await admin.find(api)) as { status?: { conditions?: Record<string, string>[] } };
      return status?.conditions?.find((each) => each['type'] === type)?.['reason'] ?? '';
    };
    await admin.remove(bound('connectors-proxy-identities'));
    const keys = { serviceAccount: 'registry', audience: 'https://api.example' };
    await put(secret('other', 'connectors.alauda.io/service-account-token', keys), api);
    await eventually('it is forbidden', async () => (await reason('SecretReady')) === 'IdentityForbidden');
    await put(bound('connectors-proxy-identities'));
    await eventually('it is ready', async () => (await reason('Ready')) === 'Ready');
    await put(secret('other', 'connectors.alauda.io/service-account-token', { ...keys, serviceAccount: 'gone' }));
    const message = 'service account ci/gone does not exist: create it, or change serviceAccount\n';
    const get = `curl -sS --cacert certs/ca.crt https://${addresses.api}/api`;
    await eventually('it is missing', async () => (await task('api', get)) === message);
  });
});
