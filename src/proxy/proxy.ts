import type { Log } from '../shared/log.ts';
import { SharedQuota } from '../shared/limits/shared-quota.ts';
import { limits } from '../shared/limits/defaults.ts';
import { proxyLimits } from './limits.ts';
import { HealthServer } from '../shared/process/health-server.ts';
import { version } from '../shared/version.ts';
import type { ProxyBackend } from './backend.ts';
import { ConnectorAuthorizer } from './auth/connector-authorizer.ts';
import { caProblem } from './certificates/certificate-authority.ts';
import { LeafCertificates } from './certificates/leaf-certificates.ts';
import { serviceOf } from './config.ts';
import { ClientLimiter } from './server/client-limiter.ts';
import { ConnectHandler } from './server/connect-handler.ts';
import { ConnectionLimiter } from './server/connection-limiter.ts';
import { ExchangeSlots } from './server/exchange-slots.ts';
import { ProxyServer } from './server/proxy-server.ts';
import { RequestHandler } from './server/request-handler.ts';
import { Router } from './server/router.ts';
import { RuleEnforcer } from './server/rule-enforcer.ts';
import { ProxyMetrics } from './proxy-metrics.ts';
import type { LeaseTimings } from './status/leader-elector.ts';
import { serviceNames } from './status/proxy-service.ts';
import { ConnectorCheck } from './status/connector-check.ts';
import { StatusController } from './status/status-controller.ts';
import { ToolProbes } from './probe/tool-probes.ts';
import { statusTimings as defaultTimings } from './status/connector-status.ts';
import type { StatusTimings } from './status/connector-status.ts';
import { ThreadShares } from './thread-shares.ts';
import { createToolAccess } from './tool-access.ts';
import type { ToolAccess, ToolAccessOptions } from './tool-access.ts';
import { ToolSockets } from './tool/tool-sockets.ts';
import { Via } from './tool/via.ts';

export interface ProxyParts extends Omit<ToolAccessOptions, 'backend' | 'service' | 'sockets' | 'threads'> {
  /** @param metrics where the backend reports its requests. */
  readonly createBackend: (metrics: ProxyMetrics, threads: ThreadShares) => ProxyBackend;
  readonly log: Log;
  /** Timings of the status controller that tests shorten. */
  readonly statusTimings?: Partial<StatusTimings & LeaseTimings>;
}

/** Ports that the proxy listens on. */
interface ProxyPorts {
  readonly proxyPort: number;
  /** Undefined without `--tls-address`. */
  readonly tlsPort: number | undefined;
  /** Undefined without `--http-address`. */
  readonly httpPort: number | undefined;
}

/** Creates the parts of the proxy and runs it. */
export class Proxy {
  readonly #parts: ProxyParts;
  readonly #backend: ProxyBackend;
  readonly #threads: ThreadShares;
  readonly #tools: ToolAccess;
  readonly #leaves: LeafCertificates;
  readonly #server: ProxyServer;
  readonly #health: HealthServer | undefined;
  readonly #status: StatusController | undefined;
  readonly metrics: ProxyMetrics;
  #isStopping = false;

  constructor(parts: ProxyParts) {
    const { config, clock, log, monotonicNow } = parts;
    this.#parts = parts;
    const connections = new ConnectionLimiter(config['max-connections']);
    const requests = new SharedQuota(config['max-requests-in-flight'], proxyLimits.requestsInFlight.share);
    const toolSockets = new ToolSockets({ ...proxyLimits.toolSockets, total: config['max-tool-connections'] });
    this.metrics = new ProxyMetrics(version, {
      limits: {
        connections,
        requests_in_flight: requests,
        tool_connections: toolSockets,
      },
      isReady: () => this.notReadyReason() === undefined,
      caExpiresAtSeconds: () => this.#caExpiresAtSeconds(),
      connectorsByReady: () => this.#status?.countByReady() ?? {},
      objectLimitBytes: config['max-object-memory'],
      objects: () => this.#backend.load(),
      ...(config['write-status'] ? { isLeaseHeld: () => this.#status?.isLeader === true } : {}),
    });
    this.#threads = new ThreadShares(monotonicNow);
    this.#backend = parts.createBackend(this.metrics, this.#threads);
    this.#leaves = new LeafCertificates(() => this.#backend.ca.current(), clock);
    this.#tools = createToolAccess({
      ...parts,
      ...{ backend: this.#backend, service: serviceOf(config), sockets: toolSockets, threads: this.#threads },
    });
    this.#server = this.#createServer(connections, requests);
    this.#status = this.#createStatusController();
    const address = config['http-address'];
    this.#health =
      address &&
      new HealthServer({
        address,
        metrics: { text: () => this.metrics.text(), contentType: this.metrics.contentType },
        unhealthyReason: () => (this.#server.isListening || this.#isStopping ? undefined : 'the proxy does not listen'),
        notReadyReason: () => this.notReadyReason(),
        limits: limits.healthPort,
        log,
      });
  }

  /**
   * Starts the proxy.
   * @returns the ports that it listens on.
   * @throws {CodedError} if it cannot listen. All parts have been stopped then.
   */
  async start(): Promise<ProxyPorts> {
    const { config, log } = this.#parts;
    try {
      this.#backend.start();
      const httpPort = await this.#health?.start();
      const { port: proxyPort, tlsPort } = await this.#server.start();
      this.#tools.self.start([
        { host: config['proxy-address'].host, port: proxyPort },
        ...(tlsPort === undefined ? [] : [{ host: config['tls-address']?.host, port: tlsPort }]),
        ...(httpPort === undefined ? [] : [{ host: config['http-address']?.host, port: httpPort }]),
      ]);
      this.#status?.start();
      log.info('Listening', { port: proxyPort, tlsPort });
      return { proxyPort, tlsPort, httpPort };
    } catch (error) {
      await this.#end(0);
      throw error;
    }
  }

  /** Stops the proxy: reports not ready, closes the listener, waits for requests in flight, and aborts the rest. */
  async stop(): Promise<void> {
    const { config } = this.#parts;
    this.#isStopping = true;
    await new Promise((resolve) => setTimeout(resolve, config['shutdown-delay']));
    await this.#end(config['drain-timeout']);
  }

  /** The certificate of the CA that clients must trust, PEM. @throws {CodedError} while there is none. */
  get authorityCertificate(): string {
    return this.#backend.ca.current().certificate;
  }

  /** Returns why no request can be served now; undefined if the proxy is ready. */
  notReadyReason(): string | undefined {
    if (this.#isStopping) return 'the proxy is stopping';
    return this.#backend.problem() ?? caProblem(this.#backend.ca);
  }

  async #end(drainMs: number): Promise<void> {
    // First, so that another replica can write status while transfers end here.
    await this.#status?.stop();
    await this.#server.stop(drainMs);
    this.#tools.client.close();
    this.#tools.self.stop();
    this.#backend.stop();
    this.#health?.stop();
  }

  #caExpiresAtSeconds(): number {
    return caProblem(this.#backend.ca) === undefined ? this.#backend.ca.current().expiresAtMs / 1000 : 0;
  }

  /** Creates the controller that writes status; undefined if this proxy writes none. */
  #createStatusController(): StatusController | undefined {
    const { config, clock, log, statusTimings: timings = {} } = this.#parts;
    const { status, ca, secrets } = this.#backend;
    if (status === undefined || !config['write-status']) return undefined;
    const { client, resolver, credentials, trust, generators } = this.#tools;
    const observer = this.metrics;
    const threads = this.#threads;
    const { probeMs: timeoutMs = defaultTimings.probeMs } = timings;
    return new StatusController({
      ...status,
      check: new ConnectorCheck({
        ...{ credentials, trust, ca, secrets },
        probes: new ToolProbes({ client, timeoutMs, threads }),
        threads,
        isThisProxy: ({ host, port }) => resolver.isSelf(host, port),
      }),
      service: serviceOf(config),
      audience: config['token-audience'],
      isCaConfigMapPublished: config['publish-ca-config-map'],
      ...{ ca, clock, observer, log, threads, timings, generators },
    });
  }

  #createServer(connections: ConnectionLimiter, requests: SharedQuota): ProxyServer {
    const { config, clock, log, monotonicNow } = this.#parts;
    const { tokens, authorizer: rbac, approvals, flags, connectors } = this.#backend;
    const { client, self, credentials, trust, trustStores } = this.#tools;
    const audience = config['token-audience'];
    const authorizer = new ConnectorAuthorizer({ tokens, authorizer: rbac, approvals, audience, clock, flags });
    const router = new Router({
      authorizer,
      ...{ connectors, credentials, trust, trustStores },
      rules: new RuleEnforcer(this.metrics, this.#threads),
      unmatchedHosts: config['unmatched-hosts'],
      via: new Via(() => this.#backend.identity()),
      isSelfName: (host) => self.isSelfName(host),
    });
    const exchange = {
      client,
      timings: {
        idleMs: config['idle-timeout'],
        responseMs: config['response-header-timeout'],
        graceMs: proxyLimits.transferGraceMs,
      },
      clock,
      monotonicNow,
    };
    const observed = { observer: this.metrics, log };
    const common = { authorizer, router, exchange, threads: this.#threads, ...observed };
    return new ProxyServer({
      address: config['proxy-address'],
      tls: config['tls-address'] && {
        address: config['tls-address'],
        // Nodes connect to the address of the Service, because they do not resolve its name.
        certificate: () =>
          this.#leaves.contextFor(...serviceNames(serviceOf(config)), ...self.serviceAddresses, ...config['tls-names']),
        threads: this.#threads,
      },
      connections,
      slots: new ExchangeSlots(requests, connections),
      requests: new RequestHandler({ ...common, clients: new ClientLimiter(monotonicNow) }),
      connects: new ConnectHandler({ ...common, leaves: this.#leaves }),
      threads: this.#threads,
      observer: this.metrics,
      log,
    });
  }
}
