import type { Backend } from '../../../src/driver/backend.ts';
import { directoryBackend } from '../../../src/driver/directory-backend.ts';
import { Driver } from '../../../src/driver/driver.ts';
import { parseServeConfig } from '../../../src/driver/config.ts';
import type { DriverConfig } from '../../../src/driver/config.ts';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import type { Syscalls } from '../../../src/driver/host/syscalls.ts';
import { createLog } from '../../../src/shared/process/json-log.ts';
import type { Log } from '../../../src/shared/log.ts';
import type { LimitObserver } from '../../../src/shared/limits/limit-observer.ts';
import type { Metrics } from '../../../src/driver/metrics.ts';
import type { Clock } from '../../../src/shared/clock.ts';
import { assertNoToken } from './canary.ts';
import { KubeletClient } from './kubelet-client.ts';
import type { NodeSandbox } from './node-sandbox.ts';

interface BackendParts {
  readonly config: DriverConfig;
  readonly metrics: Metrics;
  readonly rejections: LimitObserver;
  readonly clock: Clock;
  readonly log: Log;
}

export interface InProcessOptions {
  readonly flags?: readonly string[];
  readonly syscalls?: Syscalls;
  /** In place of the backend that reads the sandbox's manifests. */
  readonly backend?: (parts: BackendParts) => Backend;
  /** Replaces parts of the backend. */
  readonly replace?: (backend: Backend) => Partial<Backend>;
  readonly now?: () => number;
  /** In place of no limit. */
  readonly memoryLimitBytes?: number;
}

const renderThread = new URL('../../../dist/render-worker.js', import.meta.url);

/** The whole driver inside the test's process, over its real socket, so that a test can stand between its parts. */
export class InProcessDriver {
  readonly kubelet: KubeletClient;
  readonly driver: Driver;
  #log = '';

  constructor(node: NodeSandbox, options: InProcessOptions = {}) {
    const config = parseServeConfig([...node.flags, ...(options.flags ?? [])], {});
    const clock = { now: options.now ?? Date.now };
    const log = createLog('debug', { write: (line: string) => void (this.#log += line) });
    const createBackend = options.backend ?? ((): Backend => directoryBackend(config, node.manifestsDir, log, clock));
    this.driver = new Driver({
      config,
      createBackend: (metrics, rejections) => {
        const backend = createBackend({ config, metrics, rejections, clock, log });
        return { ...backend, ...options.replace?.(backend) };
      },
      syscalls: options.syscalls ?? loadSyscalls(),
      memoryLimitBytes: options.memoryLimitBytes,
      clock,
      renderThread,
      log,
      droppedLogLines: () => 0,
    });
    this.kubelet = new KubeletClient(node.socketPath);
  }

  static async start(node: NodeSandbox, options?: InProcessOptions): Promise<InProcessDriver> {
    const driver = new InProcessDriver(node, options);
    await driver.driver.start();
    return driver;
  }

  get log(): string {
    return this.#log;
  }

  /** Stops it, and asserts that neither its log nor its metrics carry a token. */
  async stop(): Promise<void> {
    await this.driver.stop();
    assertNoToken(this.#log, 'the log');
    assertNoToken(await this.driver.metrics.text(), 'the metrics');
  }
}
