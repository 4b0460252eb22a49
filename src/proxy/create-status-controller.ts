import type { Clock } from '../shared/clock.js';
import type { Log } from '../shared/log.js';
import type { ProxyBackend } from './backend.js';
import { serviceOf } from './config.js';
import type { ProxyConfig } from './config.js';
import { ToolProbes } from './probe/tool-probes.js';
import type { ProxyMetrics } from './proxy-metrics.js';
import { ConnectorCheck } from './status/connector-check.js';
import type { LeaseTimings } from './status/leader-elector.js';
import { StatusController } from './status/status-controller.js';
import { statusTimings as defaultTimings } from './status/status-timings.js';
import type { StatusTimings } from './status/status-timings.js';
import type { ToolAccess } from './tool-access.js';

export interface StatusParts {
  readonly config: ProxyConfig;
  readonly backend: ProxyBackend;
  readonly tools: ToolAccess;
  readonly metrics: ProxyMetrics;
  readonly clock: Clock;
  readonly monotonicNow: () => number;
  readonly log: Log;
  /** Timings that tests shorten. */
  readonly statusTimings?: Partial<StatusTimings & LeaseTimings>;
}

/** Creates the controller that writes status; undefined if this proxy writes none. */
export function createStatusController(parts: StatusParts): StatusController | undefined {
  const { config, clock, monotonicNow, log, backend, tools, metrics: observer, statusTimings: timings = {} } = parts;
  const { status, ca, secrets } = backend;
  if (status === undefined || !config['write-status']) return undefined;
  const { client, resolver, credentials, trust, generators } = tools;
  const { probeMs: timeoutMs = defaultTimings.probeMs } = timings;
  return new StatusController({
    ...status,
    onCaChange: (listener) => backend.onCaChange?.(listener),
    check: new ConnectorCheck({
      ...{ credentials, trust, ca, secrets, observer },
      probes: new ToolProbes({ client, timeoutMs, now: monotonicNow }),
      isOwnAddress: ({ host, port }) => resolver.isOwn(host, port),
    }),
    service: serviceOf(config),
    audience: config['token-audience'],
    isCaConfigMapPublished: config['publish-ca-config-map'],
    ...{ ca, clock, observer, log, timings, generators },
  });
}
