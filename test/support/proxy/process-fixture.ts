import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bindingsFor } from '../access/driver-rules.ts';
import { freePort } from '../e2e/programs.ts';
import { ProxyProcess } from '../e2e/proxy-process.ts';
import type { ProxyProcessOptions } from '../e2e/proxy-process.ts';
import { encodedSecret } from '../e2e/secret-data.ts';
import type { WrittenObject } from '../e2e/secret-data.ts';
import type { PolicyRule } from '../kube-api/access-rules.ts';
import { KubeApi } from '../kube-api/kube-api.ts';
import { eventually } from '../poll.ts';
import { serviceNames } from '../../../src/proxy/status/proxy-service.ts';
import { uidOf } from './keys.ts';
import { connectorClass, statusService } from './manifests.ts';
import { toolCa } from './tool-server.ts';

/** A Role or RoleBinding, of which others have the namespace and name only. */
interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly rules?: readonly PolicyRule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly { readonly namespace: string; readonly name: string }[];
}

/** Replicas of the built proxy as processes, with the permissions of deploy/, and the test API server that they read. */
export class ProcessFixture {
  readonly api: KubeApi;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'connectors-proxies-'));
  readonly #replicas: ProxyProcess[] = [];
  /** Of metrics and health of the last replica. */
  healthPort = 0;

  private constructor(api: KubeApi) {
    this.api = api;
    for (const binding of bindingsFor('proxy', { user: 'proxy' })) api.bind(binding);
    api.writeKubeconfig(path.join(this.#directory, 'kubeconfig'), { name: 'proxy' });
  }

  /**
   * @param objects all that the proxy reads; a class `any` and a Secret `tool-ca` with the tools' CA are there already.
   * RoleBindings are for service accounts.
   */
  static async start(objects: readonly object[]): Promise<ProcessFixture> {
    const fixture = new ProcessFixture(await KubeApi.start());
    fixture.#put([connectorClass(), toolCa, ...objects]);
    return fixture;
  }

  #put(objects: readonly object[]): void {
    const rbac = objects as readonly RbacObject[];
    for (const { kind, metadata, roleRef, subjects = [] } of rbac) {
      if (kind !== 'RoleBinding') continue;
      const { namespace } = metadata;
      const role = rbac.find(
        (each) =>
          each.rules !== undefined && each.metadata.namespace === namespace && each.metadata.name === roleRef?.name,
      );
      for (const subject of subjects) {
        this.api.bind({ serviceAccount: `${subject.namespace}/${subject.name}`, namespace, rules: role?.rules ?? [] });
      }
    }
    const others = (objects as readonly WrittenObject[]).filter(({ kind }) => !kind.startsWith('Role'));
    for (const object of others) this.api.put(encodedSecret(object));
  }

  /**
   * Starts a replica, and waits until it is ready.
   * @param hosts names that it alone finds. @param place its environment, and words that make it begin somewhere.
   */
  async replica(
    hosts: readonly string[],
    flags: readonly string[] = [],
    place: Pick<ProxyProcessOptions, 'env' | 'entering' | 'main' | 'nameServer'> = {},
  ): Promise<ProxyProcess> {
    const directory = path.join(this.#directory, `replica-${this.#replicas.length}`);
    mkdirSync(directory);
    const kubeconfig = path.join(this.#directory, 'kubeconfig');
    const healthAddress = `127.0.0.1:${(this.healthPort = await freePort())}`;
    const proxy = await ProxyProcess.start({
      ...{ directory, ...place },
      hosts: [...hosts, serviceNames(statusService)[0]],
      flags: ['--kubeconfig', kubeconfig, '--http-address', healthAddress, ...flags],
    });
    this.#replicas.push(proxy);
    await eventually('the proxy is ready', async () => (await fetch(`http://${healthAddress}/readyz`)).ok);
    return proxy;
  }

  /** Of the replicas' CA, PEM; empty until one is ready. */
  get authority(): string {
    const found = this.api.get('secrets', { namespace: 'connectors-system', name: 'connectors-proxy-ca' });
    const data = found?.['data'] as Readonly<Record<string, string>> | undefined;
    return Buffer.from(data?.['tls.crt'] ?? '', 'base64').toString();
  }

  /** A token of the account `ci/builder` and its pod `ci/build-1`, unless said otherwise. */
  token({ account = 'builder', namespace = 'ci', pod = 'build-1' } = {}): string {
    return this.api.identities.issueServiceAccount({
      ...{ namespace, name: account, pod: { name: pod, uid: uidOf(pod) } },
      ...{ audiences: ['connectors-proxy'], expirationSeconds: 1800 },
    }).token;
  }

  async stop(): Promise<void> {
    for (const replica of this.#replicas) await replica.stop();
    await this.api.stop();
    rmSync(this.#directory, { recursive: true });
  }
}
