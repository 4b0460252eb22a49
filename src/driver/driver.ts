import { registrationSocket } from './config.ts';
import { setMaxListeners } from 'node:events';
import { identityService } from './csi/identity.ts';
import { KubeletRegistration } from './csi/registration.ts';
import { SocketServer } from './csi/server.ts';
import { nodeDefinition } from './csi/node.ts';
import { csi, ownVolumes } from './csi/services.ts';
import { volumesService } from './csi/volumes.ts';
import type { RpcEdge } from './csi/unary.ts';
import { CodedError } from '../shared/errors.ts';
import { HealthServer } from '../shared/process/health-server.ts';
import type { Syscalls } from './host/syscalls.ts';
import { loadPageBytes } from './host/linux-syscalls.ts';
import { selinuxProcessLabel } from './host/selinux.ts';
import { TmpfsHost } from './host/tmpfs-host.ts';
import { Metrics } from './metrics.ts';
import { version } from '../shared/version.ts';
import { driverLimits } from './limits.ts';
import { limits } from '../shared/limits/defaults.ts';
import type { LimitObserver } from '../shared/limits/limit-observer.ts';
import { VolumeMemory } from './publish/volume-memory.ts';
import type { Backend } from './backend.ts';
import { VolumeService } from './volume-service.ts';
import type { VolumeServiceOptions } from './volume-service.ts';
import { ProxyCaFile } from './proxy-ca-file.ts';
import type { Log } from '../shared/log.ts';
import { TokenBuckets } from '../shared/limits/token-bucket.ts';

/** Timeout of an RPC in milliseconds. The kubelet waits two minutes, so the driver responds before that. */
const maxRpcMs = 115_000;
const drainMs = 30_000;
/**
 * Time in milliseconds for running calls to finish when the driver stops. Calls that wait for an approval or object
 * would take minutes.
 */
const finishMs = 5_000;

export interface DriverParts extends Pick<VolumeServiceOptions, 'config' | 'clock' | 'renderThread' | 'log'> {
  /** Creates the backend, which reports its requests to the metrics, and what it rejects to the observer. */
  readonly createBackend: (metrics: Metrics, rejections: LimitObserver) => Backend;
  readonly syscalls: Syscalls;
  /** Memory limit of this process; undefined: none. */
  readonly memoryLimitBytes: number | undefined;
  readonly droppedLogLines: () => number;
}

/** Assembles the driver from its parts and runs it. */
export class Driver {
  readonly #parts: DriverParts;
  readonly #volumeService: VolumeService;
  readonly #backend: Backend;
  readonly #memory: VolumeMemory;
  readonly #host: TmpfsHost;
  readonly #caFile: ProxyCaFile | undefined;
  readonly #server: SocketServer;
  readonly #registration: KubeletRegistration;
  readonly #health: HealthServer | undefined;
  readonly #rejections: LimitObserver;
  readonly #onRejectedConnection = (): void => this.#rejections.rejected('connections', 'node', '');
  readonly #stopping = new AbortController();
  #stopMeasuring: () => void = () => undefined;
  readonly metrics: Metrics;

  constructor(parts: DriverParts) {
    // Every running call listens to it.
    setMaxListeners(0, this.#stopping.signal);
    const { config, log } = parts;
    this.#parts = parts;
    this.metrics = new Metrics(version, {
      publishQueueLength: () => this.#volumeService.admission.queueLength,
      load: () => ({
        publishes: { used: this.#volumeService.admission.inFlight, capacity: config['max-publishes-in-flight'] },
        connections: this.#server.use,
        volume_memory_bytes: this.#memory.use,
        ...this.#backend.load(),
      }),
      volumes: () => this.#volumeService.volumes.summary(),
      droppedLogLines: parts.droppedLogLines,
      confirmationAgeMs: () => this.#backend.confirmationAgeMs(),
      isRegistered: () => this.#registration.isRegistered,
    });
    this.#rejections = withRejectionLog(this.metrics, log);
    this.#memory = new VolumeMemory({
      limitBytes: parts.memoryLimitBytes,
      reserveBytes: config['memory-reserve'],
      observer: this.#rejections,
    });
    this.#host = createHost(parts, this.#memory);
    const caPath = config['proxy-ca-file'];
    this.#caFile = caPath === undefined ? undefined : new ProxyCaFile(caPath, log);
    this.#backend = parts.createBackend(this.metrics, this.#rejections);
    this.#volumeService = new VolumeService({
      ...parts,
      host: this.#host,
      memory: this.#memory,
      backend: this.#backend,
      caFile: this.#caFile,
      metrics: this.metrics,
      rejections: this.#rejections,
    });
    this.#server = new SocketServer({
      socketPath: config.endpoint,
      ownsFolder: true,
      services: this.#services(),
      drainMs,
      socket: driverLimits.csiSocket,
      onRejected: this.#onRejectedConnection,
      log,
    });
    this.#registration = this.#createRegistration();
    const address = config['http-address'];
    this.#health =
      address &&
      new HealthServer({
        address,
        metrics: { text: () => this.metrics.text(), contentType: this.metrics.contentType },
        unhealthyReason: () =>
          this.#server.isInPlace ? undefined : `the kubelet cannot call: the socket ${config.endpoint} is not there`,
        notReadyReason: () => this.notReadyReason() ?? this.#unregisteredReason(),
        limits: limits.healthPort,
        log,
      });
  }

  /** Starts the driver. @throws {CodedError} if a socket or port is not available; then no part keeps running. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { log } = this.#parts;
    for (const problem of [this.#host.mountProblem(), this.#caFile?.problem()]) {
      if (problem !== undefined) log.error('Cannot publish volumes', { reason: problem });
    }
    this.#volumeService.start();
    this.#stopMeasuring = this.metrics.measureEventLoopDelay();
    this.#adoptVolumes();
    this.#backend.start();
    const httpPort = await this.#health?.start();
    if (httpPort !== undefined) log.info('Listening', { port: httpPort });
    await this.#server.start();
    await this.#registration.start();
  }

  #adoptVolumes(): void {
    this.#host.adoptMounted();
    const { used: heldBytes, capacity: budgetBytes } = this.#memory.use;
    if (heldBytes <= budgetBytes) return;
    this.#parts.log.warn('Volumes exceed the memory budget, rejecting new volumes', { heldBytes, budgetBytes });
  }

  /**
   * Stops the driver: finishes running calls, and ends waiting ones with UNAVAILABLE, so that the next driver serves
   * them. Mounts stay.
   */
  async stop(): Promise<void> {
    await this.#registration.stop();
    const reason = new CodedError('UNAVAILABLE', 'the driver is stopping; the kubelet will retry');
    const timer = setTimeout(() => this.#stopping.abort(reason), finishMs);
    await this.#server.stop();
    clearTimeout(timer);
    this.#volumeService.stop();
    this.#backend.stop();
    this.#health?.stop();
    this.#stopMeasuring();
  }

  /** Returns why any publish would fail now; undefined if it would not. */
  notReadyReason(): string | undefined {
    return this.#host.mountProblem() ?? this.#backend.problem() ?? this.#caFile?.problem();
  }

  #unregisteredReason(): string | undefined {
    return this.#registration.isRegistered ? undefined : 'the kubelet has not registered the driver yet';
  }

  #createRegistration(): KubeletRegistration {
    const { config } = this.#parts;
    return new KubeletRegistration({
      driverName: config['driver-name'],
      socketPath: registrationSocket(config['registration-dir'], config['driver-name']),
      kubeletEndpoint: config['kubelet-endpoint'],
      edge: this.#edge(),
      onRejected: this.#onRejectedConnection,
    });
  }

  #edge(): RpcEdge {
    return { log: this.#parts.log, observer: this.metrics, maxDurationMs: maxRpcMs, stopping: this.#stopping.signal };
  }

  #services(): ConstructorParameters<typeof SocketServer>[0]['services'] {
    const { config } = this.#parts;
    const edge = this.#edge();
    const identity = identityService(edge, {
      driverName: config['driver-name'],
      version,
      notReadyReason: () => this.notReadyReason(),
    });
    return [
      { definition: csi.Identity.service, implementation: identity },
      { definition: nodeDefinition, implementation: this.#volumeService.nodeService(edge) },
      { definition: ownVolumes.Volumes.service, implementation: volumesService(edge, this.#volumeService.volumes) },
    ];
  }
}

function createHost({ config, syscalls, clock }: DriverParts, memory: VolumeMemory): TmpfsHost {
  return new TmpfsHost(
    {
      kubeletDir: config['kubelet-dir'],
      pageBytes: loadPageBytes(),
      hasSelinux: selinuxProcessLabel() !== undefined,
      allowsPrivateMounts: config['skip-propagation-check'],
      memory,
      clock,
      random: Math.random,
    },
    syscalls,
  );
}

/**
 * Returns an observer that counts rejections, and logs one a minute for each pod and limit: a pod with hundreds of
 * rejected calls must not flood the log. Each rejection is an event of the pod anyway.
 * @param now a monotonic clock in milliseconds.
 */
export function withRejectionLog(counter: LimitObserver, log: Log, now = () => performance.now()): LimitObserver {
  const lines = new TokenBuckets(driverLimits.messages.rejections, now);
  return {
    rejected: (limit, scope, pod) => {
      counter.rejected(limit, scope, pod);
      if (lines.of(`${limit} ${pod}`).acquire()) log.warn('Rejected requests over limit', { limit, scope, pod });
    },
  };
}
