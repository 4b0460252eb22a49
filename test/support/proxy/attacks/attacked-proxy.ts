import { constants, setPriority } from 'node:os';
import { MemoryCgroup } from '../../soak/memory-cgroup.ts';
import type { KubeApi } from '../../kube-api/kube-api.ts';
import type { ProxyProcess, ProxyProcessOptions } from '../../e2e/proxy-process.ts';
import { deployedEnv, deployedMemoryBytes } from '../deployed-env.ts';
import { connector, connectorClass, proxyService } from '../manifests.ts';
import type { ConnectorOptions } from '../manifests.ts';
import { ProcessFixture } from '../process-fixture.ts';
import { ToolServer } from '../tool-server.ts';
import type { AttackCounts, AttackPlan, AttackingPod } from './attacks.ts';
import type { Bystanding } from './bystander.ts';
import { AttackerProcess, bystand, freePort } from './processes.ts';

/** A namespace that attacks, with a tool of its own. */
export interface HostileNamespace {
  readonly name: string;
  readonly toolPort: number;
}

const hosts = ['tool.example', 'hostile.example'];

/** Lets the account `builder` of a namespace use all its Connectors. */
function mayUse(namespace: string): readonly object[] {
  const metadata = { namespace, name: 'use' };
  const rules = [{ apiGroups: ['connectors.alauda.io'], resources: ['connectors'], verbs: ['get'] }];
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules },
    {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'use' },
      subjects: [{ kind: 'ServiceAccount', name: 'builder', namespace }],
    },
  ];
}

interface AttackedProxyOptions {
  /** Of the tools of hostile namespaces. */
  readonly scheme?: 'http' | 'https';
  readonly options?: ConnectorOptions;
  /** Objects of each hostile namespace, besides a Connector `tool` with its tool's address. */
  readonly objects?: (namespace: HostileNamespace) => readonly object[];
  /** Whether the proxy writes the status of all Connectors. */
  readonly isStatusWritten?: boolean;
  readonly place?: Pick<ProxyProcessOptions, 'nameServer'>;
}

/** The built proxy as deployed, with a namespace `ci` that uses it, and namespaces that attack it from other processes. */
export class AttackedProxy {
  readonly proxy: ProxyProcess;
  readonly hostile: readonly HostileNamespace[];
  readonly #fixture: ProcessFixture;
  readonly #tool: ToolServer;
  readonly #cgroup: MemoryCgroup | undefined;
  readonly #attackers: AttackerProcess[] = [];

  private constructor(
    fixture: ProcessFixture,
    tool: ToolServer,
    hostile: readonly HostileNamespace[],
    proxy: ProxyProcess,
    cgroup: MemoryCgroup | undefined,
  ) {
    this.#fixture = fixture;
    this.#tool = tool;
    this.hostile = hostile;
    this.proxy = proxy;
    this.#cgroup = cgroup;
  }

  /** @param count of the hostile namespaces. */
  static async start(
    count: number,
    {
      scheme = 'https',
      options = {},
      objects = () => [],
      isStatusWritten = false,
      place = {},
    }: AttackedProxyOptions = {},
  ): Promise<AttackedProxy> {
    const tool = await ToolServer.start('https');
    const hostile: HostileNamespace[] = [];
    for (let at = 0; at < count; at += 1) hostile.push({ name: `hostile-${at}`, toolPort: await freePort() });
    const all = [
      connector('tool', tool.url(), { caSecret: 'tool-ca' }),
      ...hostile.flatMap((namespace) => [
        connector('tool', `${scheme}://hostile.example:${namespace.toolPort}`, {
          ...options,
          namespace: namespace.name,
        }),
        ...objects(namespace),
      ]),
    ];
    const classes = isStatusWritten ? [connectorClass('any', { proxy: { ref: proxyService } })] : [];
    const permissions = ['ci', ...hostile.map(({ name }) => name)].flatMap(mayUse);
    const fixture = await ProcessFixture.start([...classes, ...all, ...permissions]);
    const cgroup = MemoryCgroup.make(deployedMemoryBytes());
    const flags = ['--tls-address', '127.0.0.1:0'];
    const entering = cgroup === undefined ? {} : { entering: cgroup.entering };
    // Another build, to compare with.
    const { ATTACKED_MAIN: main } = process.env;
    const built = main === undefined ? {} : { main };
    const proxy = await fixture.replica(hosts, flags, { ...place, ...built, env: deployedEnv(), ...entering });
    // In a cluster, the tools and the API server too are on other nodes. Only root may give a higher priority.
    if (process.getuid?.() === 0) setPriority(proxy.pid, constants.priority.PRIORITY_HIGHEST);
    return new AttackedProxy(fixture, tool, hostile, proxy, cgroup);
  }

  /** Pods of a hostile namespace, each with an address of its own. @param connectors that they name. */
  pods({ name }: HostileNamespace, count: number, connectors = ['tool']): readonly AttackingPod[] {
    const index = this.hostile.findIndex((namespace) => namespace.name === name);
    return Array.from({ length: count }, (_each, at) => ({
      address: `127.2.${index}.${at + 1}`,
      authorization: this.#authorization(name, `${name}-${at}`, connectors),
    }));
  }

  async attack(name: string, plan: Omit<AttackPlan, 'port' | 'tlsPort'>): Promise<AttackerProcess> {
    const { port, tlsPort } = this.proxy;
    const attacker = await AttackerProcess.start(name, { port, tlsPort, ...plan });
    this.#attackers.push(attacker);
    return attacker;
  }

  /** Requests of a pod of namespace `ci` to its own tool, and probes. */
  async bystand(requests: number, everyMs: number): Promise<Bystanding> {
    const result = await bystand({
      ...{ port: this.proxy.port, healthPort: this.#fixture.healthPort, requests, everyMs },
      address: '127.1.0.1',
      authorization: this.#authorization('ci', 'build-1', ['tool']),
      url: this.#tool.url(),
    });
    console.log(`      others: ${JSON.stringify(result)}`);
    return result;
  }

  /** Ends all attacks. @returns what came back, one after the other. */
  async endAttacks(): Promise<readonly AttackCounts[]> {
    const counts = await Promise.all(this.#attackers.splice(0).map((attacker) => attacker.stop()));
    console.log(`      attackers: ${JSON.stringify(counts)}`);
    return counts;
  }

  get api(): KubeApi {
    return this.#fixture.api;
  }

  async metric(name: string): Promise<number> {
    const text = await fetch(`http://127.0.0.1:${this.#fixture.healthPort}/metrics`).then((response) =>
      response.text(),
    );
    return Number(new RegExp(`^connectors_proxy_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 'NaN');
  }

  async stop(): Promise<void> {
    await this.endAttacks();
    await this.#fixture.stop();
    await this.#tool.stop();
    this.#cgroup?.remove();
  }

  #authorization(namespace: string, pod: string, connectors: readonly string[]): string {
    const token = this.#fixture.token({ namespace, pod });
    const user = connectors.map((name) => encodeURIComponent(`${namespace}/${name}`)).join(',');
    return `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`;
  }
}
