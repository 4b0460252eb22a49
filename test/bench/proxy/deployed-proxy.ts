import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bindingsFor } from '../../support/access/driver-rules.ts';
import { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import type { ProxyProcessOptions } from '../../support/e2e/proxy-process.ts';
import { eventually } from '../../support/poll.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { deployedEnv } from '../../support/proxy/deployed-env.ts';
import { connector, connectorClass } from '../../support/proxy/manifests.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';

const user = 'proxy';
const service = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };
/** The built proxy as deploy/ runs it: the API server as its source, log level info to a pipe that is read. */
interface DeployedProxy {
  readonly proxy: ProxyProcess;
  /** Of the CA that clients trust, PEM. */
  readonly authority: string;
  /** User name and password of a client that may use the Connector. */
  readonly login: string;
  readonly stop: () => Promise<void>;
}

export interface ToolLogin {
  readonly username: string;
  readonly password: string;
}

/** @param host of the tool, which the proxy alone finds. @param login that the tool's Secret holds. */
export async function deployedProxy(
  host: string,
  toolPort: number,
  login: ToolLogin,
  options: Pick<ProxyProcessOptions, 'main' | 'entering'>,
): Promise<DeployedProxy> {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-proxy-'));
  const api = await KubeApi.start();
  for (const binding of bindingsFor('proxy', { user })) api.bind(binding);
  putObjects(api, `https://${host}:${toolPort}`, login);
  const kubeconfig = path.join(directory, 'kubeconfig');
  api.writeKubeconfig(kubeconfig, { name: user });
  const proxy = await ProxyProcess.start({
    directory,
    hosts: [host],
    flags: ['--kubeconfig', kubeconfig, '--log-level', 'info', '--http-address', '127.0.0.1:0'],
    env: deployedEnv(),
    ...options,
  });
  return {
    proxy,
    authority: await authorityIn(api),
    login: `ci%2Ftool:${tokenOf(api)}`,
    stop: async () => {
      await proxy.stop();
      await api.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

function putObjects(api: KubeApi, address: string, { username, password }: ToolLogin): void {
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  const data = {
    username: encoded(username),
    password: encoded(password),
    'ca.crt': encoded(toolAuthority.certificate),
  };
  api.put(connectorClass('any', { proxy: { ref: service } }) as KubeObject);
  api.put(connector('tool', address, { secret: 'login', caSecret: 'login' }) as KubeObject);
  const metadata = { namespace: 'ci', name: 'login' };
  api.put({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/basic-auth', data });
  api.bind({
    serviceAccount: 'ci/builder',
    namespace: 'ci',
    rules: [
      {
        verbs: ['get'],
        apiGroups: ['connectors.alauda.io'],
        resources: ['connectors'],
        resourceNames: ['tool'],
      },
    ],
  });
}

function tokenOf(api: KubeApi): string {
  return api.identities.issueServiceAccount({
    namespace: 'ci',
    name: 'builder',
    audiences: ['connectors-proxy'],
    expirationSeconds: 7200,
    pod: { name: 'build-1', uid: 'b1c6dd2b-6a3a-4b7a-9d27-0d6e2e3b3c12' },
  }).token;
}

async function authorityIn(api: KubeApi): Promise<string> {
  let secret: KubeObject | undefined;
  await eventually('the proxy has made its CA', () => {
    secret = api.get('secrets', { namespace: service.namespace, name: 'connectors-proxy-ca' });
    return secret !== undefined;
  });
  const { 'tls.crt': certificate = '' } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(certificate, 'base64').toString();
}
