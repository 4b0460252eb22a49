import { examineProxy } from '../../../src/proxy/doctor/proxy-doctor.ts';
import type { ProxyConfig } from '../../../src/proxy/config.ts';
import type { DiagnosticContext } from '../../../src/shared/doctor/program-checks.ts';
import type { CheckResult } from '../../../src/shared/doctor/check-result.ts';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import { eventually } from '../poll.ts';
import { ClusterFixture } from '../proxy/cluster-fixture.ts';
import { connector, connectorClass, proxyService, secret } from '../proxy/manifests.ts';
import { ToolServer, toolCa } from '../proxy/tool-server.ts';

/** A proxy in a cluster, its Connector ci/tool, and everything as it should be. */
export class ProxyDoctorFixture {
  readonly cluster: ClusterFixture;
  readonly tool: ToolServer;

  private constructor(cluster: ClusterFixture, tool: ToolServer) {
    this.cluster = cluster;
    this.tool = tool;
    cluster.put(
      connectorClass('any', { proxy: { ref: proxyService }, livenessProbe: { http: { path: '/' } } }),
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'any' }),
      toolCa,
    );
    cluster.bindCredentials('ci');
  }

  static async start(): Promise<ProxyDoctorFixture> {
    const fixture = new ProxyDoctorFixture(await ClusterFixture.start(), await ToolServer.start('https'));
    await fixture.cluster.replica({ httpAddress: '127.0.0.1:0', flags: ['--tls-address', '127.0.0.1:0'] });
    await fixture.untilWritten();
    return fixture;
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    await this.tool.stop();
  }

  async untilWritten(name = 'tool'): Promise<void> {
    await eventually('the status is written', () => this.cluster.condition('Ready', name) !== '', 30_000);
    const ofClass = (): unknown => this.cluster.api.get('connectorclasses', { name: 'any' })?.['status'];
    await eventually('that of the class too', () => ofClass() !== undefined, 30_000);
  }

  examine(
    flags: readonly string[] = [],
    changes: Partial<DiagnosticContext<ProxyConfig>> = {},
  ): Promise<readonly CheckResult[]> {
    const { httpPort } = this.cluster.ports;
    return examineProxy({
      config: parseProxyConfig(['--http-address', `127.0.0.1:${httpPort}`, ...flags], {}),
      cluster: () => this.cluster.clusterConfig(),
      clock: { now: Date.now },
      signal: new AbortController().signal,
      ...changes,
    });
  }

  /** What is not well, as `level check: text`. */
  async problems(...args: Parameters<ProxyDoctorFixture['examine']>): Promise<readonly string[]> {
    const findings = await this.examine(...args);
    return findings.filter(({ level }) => level !== 'ok').map(({ level, check, text }) => `${level} ${check}: ${text}`);
  }
}
