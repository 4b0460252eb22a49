import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { examine } from '../../../src/cli/doctor/doctor.ts';
import type { DriverContext } from '../../../src/cli/doctor/doctor.ts';
import type { CheckResult } from '../../../src/shared/doctor/check-result.ts';
import { parseServeConfig } from '../../../src/driver/config.ts';
import { pluginRegistration } from '../../../src/driver/csi/services.ts';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import type { Syscalls } from '../../../src/driver/host/syscalls.ts';
import { inClusterConfig } from '../../../src/shared/kube/load-cluster-config.ts';
import { Cluster } from '../driver/cluster.ts';
import type { InProcessDriver } from '../driver/in-process-driver.ts';
import { connector } from '../driver/manifests.ts';
import { wrapSyscalls } from '../host/syscall-wrapper.ts';
import { eventually } from '../poll.ts';
import { ProxyFixture } from '../proxy/proxy-fixture.ts';

const mountFlags = { BIND: 4096, PRIVATE: 1 << 18, SHARED: 1 << 20 } as const;

/** A node in a cluster on which everything is as it should be, with a driver that the kubelet has accepted, and a proxy. */
export class DoctorFixture {
  readonly cluster: Cluster;
  /** To which connector ci/harbor leads. */
  readonly proxy: ProxyFixture;
  readonly kubeletDir: string;
  readonly #syscalls = loadSyscalls();
  driver!: InProcessDriver;
  #port = 0;

  private constructor(cluster: Cluster, proxy: ProxyFixture) {
    this.cluster = cluster;
    this.proxy = proxy;
    cluster.put(connector('harbor', { proxyUrl: this.proxyUrl }));
    this.kubeletDir = cluster.node.kubeletDir;
    fs.mkdirSync(path.join(this.kubeletDir, 'plugins_registry'));
    // As Bidirectional propagation leaves the container's mount of this directory.
    this.#syscalls.mount(this.kubeletDir, this.kubeletDir, '', mountFlags.BIND, '');
    this.setPropagation('SHARED');
  }

  static async start(): Promise<DoctorFixture> {
    const fixture = new DoctorFixture(await Cluster.start(), await ProxyFixture.start([]));
    await fixture.#startDriver();
    return fixture;
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.cluster.stop();
  }

  get proxyUrl(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  setPropagation(kind: 'SHARED' | 'PRIVATE'): void {
    this.#syscalls.mount('', this.kubeletDir, '', mountFlags[kind], '');
  }

  get registrationSocket(): string {
    return path.join(this.kubeletDir, 'plugins_registry', 'connectors-csi-reg.sock');
  }

  /** Flags of the driver and, where nothing else is said, of doctor. */
  get flags(): string[] {
    return [
      ...this.cluster.node.flags,
      ...['--connector-source', 'kubernetes', '--manifests', ''],
      ...[
        '--registration-dir',
        path.dirname(this.registrationSocket),
        '--kubelet-endpoint',
        this.cluster.node.socketPath,
      ],
      ...['--http-address', `127.0.0.1:${this.#port}`],
    ];
  }

  async examine(flags: readonly string[] = [], changes: Partial<DriverContext> = {}): Promise<readonly CheckResult[]> {
    const { host, port, folder } = this.cluster.credentials;
    return examine({
      config: parseServeConfig([...this.flags, ...flags], {}),
      cluster: () => inClusterConfig({ host, port, folder }, () => performance.now()),
      syscalls: kernelWithNoswap(this.#syscalls),
      clock: { now: () => Date.now() },
      signal: new AbortController().signal,
      ...changes,
    });
  }

  /** What is not well, as `level check: text`. */
  async problems(flags?: readonly string[], changes?: Partial<DriverContext>): Promise<readonly string[]> {
    const findings = await this.examine(flags, changes);
    return findings.filter(({ level }) => level !== 'ok').map(({ level, check, text }) => `${level} ${check}: ${text}`);
  }

  async #startDriver(): Promise<void> {
    this.driver = await this.cluster.readyDriver({ flags: this.flags });
    this.#port = portOf(this.driver);
    await this.#register();
  }

  /** The kubelet's answer to the driver's registration. */
  async #register(): Promise<void> {
    const client = new pluginRegistration.Registration(
      `unix://${this.registrationSocket}`,
      credentials.createInsecure(),
    );
    try {
      await promisify(client.notifyRegistrationStatus.bind(client))({ plugin_registered: true });
    } finally {
      client.close();
    }
    const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${this.#port}/readyz`)).ok;
    await eventually('the driver is ready', isReady);
  }
}

/** Whatever kernel the tests run on. */
function kernelWithNoswap(base: Syscalls): Syscalls {
  return wrapSyscalls(base, (call, [, key]) => (call === 'fsconfig' && key === 'noswap' ? 0 : undefined));
}

function portOf({ log }: InProcessDriver): number {
  return Number(/"port":(\d+)/.exec(log)?.[1]);
}
