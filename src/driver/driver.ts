import { registrationSocket } from './config.js';
import { setMaxListeners } from 'node:events';
import type { DriverConfig } from './config.js';
import type { RenderJob, RenderOutcome } from './content/render-job.js';
import { TemplateRenderer } from './content/template-renderer.js';
import { identityService } from './csi/identity.js';
import { LatePublishes } from './csi/late-publishes.js';
import { nodeService } from './csi/node.js';
import { KubeletRegistration } from './csi/registration.js';
import { SocketServer } from './csi/server.js';
import { csi, ownVolumes } from './csi/services.js';
import { volumesService } from './csi/volumes.js';
import type { RpcEdge } from './csi/unary.js';
import { DriverError } from '../errors.js';
import { briefly } from '../process/briefly.js';
import { EventLoopDelay } from '../process/event-loop-delay.js';
import { HealthServer } from '../process/health-server.js';
import { JobThreads } from '../process/job-threads.js';
import type { Syscalls } from './host/syscalls.js';
import { largestVolumeBytes } from './host/footprint.js';
import { loadPageBytes } from './host/page-size.js';
import { selinuxProcessLabel } from './host/selinux.js';
import { TmpfsHost } from './host/tmpfs-host.js';
import type { Log } from '../log.js';
import { Metrics } from './metrics.js';
import { version } from '../version.js';
import type { Clock } from '../clock.js';
import type { VolumeHost } from './volume/ports.js';
import { limits } from '../load/limits.js';
import type { MemoryLevel } from '../load/memory-levels.js';
import { VolumeMemory } from '../load/volume-memory.js';
import { CallAdmission } from '../load/call-admission.js';
import { countedAndLogged } from '../load/refusal-log.js';
import type { PublishDependencies } from './volume/publish-volume.js';
import { PublishVolume } from './volume/publish-volume.js';
import { RefreshOnChange } from './volume/refresh-on-change.js';
import { PublishedVolumes } from './volume/published-volumes.js';
import { UnpublishVolume } from './volume/unpublish-volume.js';
import { VolumeLocks } from './volume/volume-locks.js';
import { VolumeHealthQuery } from './volume/volume-health.js';
import { VolumeStatisticsQuery } from './volume/volume-statistics.js';
import type { Backend } from './backend.js';
import { ProxyCaFile } from './proxy-ca-file.js';

/** The kubelet waits two minutes for a call; the driver answers before that. */
const maxRpcMs = 115_000;
const drainMs = 30_000;
/** What calls may take that run when the driver stops. Those that wait for somebody would take minutes. */
const finishMs = 5_000;
const registrationCheckMs = 1000;
const registrationRetryMs = 15_000;

/**
 * Of renders that take long. All that a render may do takes half a second; ten are for what the bounds fail to count, and
 * for a busy node. The slowest work, a new RSA key, takes some seconds.
 */
const renderThreadBounds = { threads: 2, waitingEach: 64, jobMs: 10_000, slowMs: 20_000, idleMs: 5_000, heapMb: 48 };

export interface DriverParts {
  readonly config: DriverConfig;
  /** Gets the metrics, which it tells of its requests. */
  readonly createBackend: (metrics: Metrics) => Backend;
  readonly syscalls: Syscalls;
  /** The memory limits that hold for this process. */
  readonly memoryLevels: () => readonly MemoryLevel[];
  readonly clock: Clock;
  /** The built render-worker.ts. */
  readonly renderThread: URL;
  readonly log: Log;
  readonly droppedLogLines: () => number;
}

/** Puts the driver together from its parts and runs it. */
export class Driver {
  readonly #parts: DriverParts;
  readonly #volumes = new PublishedVolumes();
  readonly #locks = new VolumeLocks();
  readonly #publish: PublishVolume;
  readonly #onChange: RefreshOnChange | undefined;
  readonly #admission: CallAdmission;
  readonly #backend: Backend;
  readonly #memory: VolumeMemory;
  readonly #host: VolumeHost;
  readonly #caFile: ProxyCaFile | undefined;
  readonly #renderThreads: JobThreads<RenderJob, RenderOutcome>;
  readonly #server: SocketServer;
  readonly #registration: KubeletRegistration | undefined;
  readonly #health: HealthServer | undefined;
  readonly #stopping = new AbortController();
  readonly #eventLoopDelay = new EventLoopDelay((seconds) => this.metrics.eventLoopDelayed(seconds));
  readonly metrics: Metrics;

  constructor(parts: DriverParts) {
    // Every call that runs listens to it.
    setMaxListeners(0, this.#stopping.signal);
    const { config, log } = parts;
    this.#parts = parts;
    this.#memory = new VolumeMemory({
      levels: parts.memoryLevels,
      reserveBytes: config['memory-reserve'],
      now: () => performance.now(),
    });
    this.#host = createHost(parts, this.#memory);
    this.#renderThreads = new JobThreads({ ...renderThreadBounds, entry: parts.renderThread });
    const caPath = config['proxy-ca-file'];
    this.#caFile = caPath === undefined ? undefined : new ProxyCaFile(caPath, log);
    this.metrics = new Metrics(version, {
      publishQueueLength: () => this.#admission.queueLength,
      load: () => ({
        calls: { used: this.#admission.inFlight, limit: config['max-publishes-in-flight'] },
        ...this.#backend.load(),
      }),
      volumes: () => this.#volumes.summary(),
      volumeMemory: () => this.#memory.summary(),
      renderThreads: () => this.#renderThreads.load,
      cachedObjects: () => this.#backend.cachedObjects(),
      droppedLogLines: parts.droppedLogLines,
      confirmationAgeMs: () => this.#backend.confirmationAgeMs(),
      ...(config['registration-dir'] === undefined
        ? {}
        : { isRegistered: () => this.#registration?.isRegistered === true }),
    });
    this.#admission = this.#createAdmission();
    this.#backend = parts.createBackend(this.metrics);
    if (this.#backend.podEvents !== undefined) this.#volumes.listen(this.#backend.podEvents);
    this.#publish = this.#createPublish();
    this.#onChange = config['refresh-on-change'] ? this.#createRefreshOnChange() : undefined;
    this.#server = new SocketServer({
      socketPath: config.endpoint,
      ownsFolder: true,
      services: this.#services(),
      drainMs,
      socket: limits.csiSocket,
      connection: limits.grpcConnection,
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

  /** @throws {DriverError} when a socket or port cannot be had; nothing of the driver runs on then. */
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
      if (problem !== undefined) log.error(`publishes will fail: ${problem}`);
    }
    if (this.#onChange !== undefined) {
      this.#backend.source.onChange(this.#onChange.changed);
      this.#backend.access.onNews(this.#onChange.changed);
      this.#caFile?.watch(this.#onChange.changed);
    }
    this.#eventLoopDelay.start();
    this.#takeStock();
    this.#backend.start();
    const httpPort = await this.#health?.start();
    if (httpPort !== undefined) log.info('listening', { port: httpPort });
    await this.#server.start();
    await this.#registration?.start();
  }

  #takeStock(): void {
    this.#host.adoptMounted();
    const { heldBytes, budgetBytes } = this.#memory.summary();
    if (budgetBytes === undefined || heldBytes <= budgetBytes) return;
    this.#parts.log.warn(
      'the volumes of this node may take more memory than the limit of the container leaves them: those that are there are refreshed and unpublished, new ones are refused',
      { heldBytes, budgetBytes },
    );
  }

  /**
   * Finishes the running calls; those that wait are told to come again, so that the next driver need not wait for them.
   * What is mounted stays.
   */
  async stop(): Promise<void> {
    await this.#registration?.stop();
    const reason = new DriverError('UNAVAILABLE', 'the driver is stopping; the next one will be asked again');
    const timer = setTimeout(() => this.#stopping.abort(reason), finishMs);
    await this.#server.stop();
    clearTimeout(timer);
    this.#onChange?.stop();
    this.#caFile?.stop();
    this.#renderThreads.stop();
    this.#backend.stop();
    this.#health?.stop();
    this.#eventLoopDelay.stop();
  }

  /** Why a publish would fail now, whatever its volume; undefined when it would not. */
  notReadyReason(): string | undefined {
    return this.#host.mountProblem() ?? this.#backend.problem() ?? this.#caFile?.problem();
  }

  #unregisteredReason(): string | undefined {
    return this.#registration?.isRegistered === false ? 'the kubelet has not registered the driver yet' : undefined;
  }

  #createRegistration(): KubeletRegistration | undefined {
    const { config, log } = this.#parts;
    const registrationDir = config['registration-dir'];
    if (registrationDir === undefined) return undefined;
    return new KubeletRegistration({
      driverName: config['driver-name'],
      socketPath: registrationSocket(registrationDir, config['driver-name']),
      kubeletEndpoint: config['kubelet-endpoint'],
      edge: this.#edge(),
      checkMs: registrationCheckMs,
      retryMs: registrationRetryMs,
      socket: limits.registrationSocket,
      connection: limits.grpcConnection,
      log,
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
      { definition: csi.Node.service, implementation: this.#nodeService(edge) },
      { definition: ownVolumes.Volumes.service, implementation: volumesService(edge, this.#volumes) },
    ];
  }

  #createAdmission(): CallAdmission {
    const { config, log } = this.#parts;
    const limits = {
      inFlight: config['max-publishes-in-flight'],
      perPod: config['max-publishes-per-pod'],
      atWork: config['max-concurrent-publishes'],
    };
    return new CallAdmission(limits, countedAndLogged(this.metrics, log));
  }

  /** What the use cases of a volume have in common. */
  #shared(): Pick<PublishDependencies, 'host' | 'locks' | 'volumes' | 'clock'> {
    return { host: this.#host, locks: this.#locks, volumes: this.#volumes, clock: this.#parts.clock };
  }

  #createPublish(): PublishVolume {
    const { config, clock, log } = this.#parts;
    return new PublishVolume({
      ...this.#shared(),
      ...this.#backend,
      renderer: new TemplateRenderer({
        clock: () => clock.now(),
        observer: (outcome, files, durationMs) => this.metrics.rendered(outcome, files, durationMs),
        briefly,
        elsewhere: (job, owner, signal) => this.#renderThreads.run(job, owner, signal),
      }),
      contentDefaults: () => ({
        noProxy: config['no-proxy'],
        caBundle: this.#caFile?.read(),
        audience: config['token-audience'],
        proxyUrl: config['default-proxy-url'],
      }),
      admission: this.#admission,
      removesRevoked: config['on-revoked'] === 'remove',
      log,
    });
  }

  #createRefreshOnChange(): RefreshOnChange {
    const { clock, log } = this.#parts;
    return new RefreshOnChange({
      volumes: this.#volumes,
      source: this.#backend.source,
      access: this.#backend.access,
      caBundle: () => this.#caFile?.lastGood(),
      refresh: (volume, signal) => this.#publish.refresh(volume.request.targetPath, signal),
      observer: this.metrics,
      steadyNow: () => performance.now(),
      now: () => clock.now(),
      log,
    });
  }

  #nodeService(edge: RpcEdge): ReturnType<typeof nodeService> {
    const { config } = this.#parts;
    const shared = this.#shared();
    return nodeService(edge, {
      nodeName: config['node-name'],
      host: this.#host,
      attributeBounds: { maxTokenExpirationMs: config['max-token-expiration'] },
      publish: this.#publish,
      unpublish: new UnpublishVolume({ ...shared, source: this.#backend.source, access: this.#backend.access }),
      statistics: new VolumeStatisticsQuery(shared),
      latePublishes: new LatePublishes(() => performance.now()),
      health: new VolumeHealthQuery(shared),
      onPublished: ({ path }) => this.metrics.published('ok', path),
      onFailed: (code) => this.metrics.published(code, ''),
    });
  }
}

function createHost({ config, syscalls, clock }: DriverParts, memory: VolumeMemory): VolumeHost {
  const pageBytes = loadPageBytes();
  return new TmpfsHost(
    {
      kubeletDir: config['kubelet-dir'],
      tmpfsSizeBytes: config['tmpfs-size'] ?? largestVolumeBytes(pageBytes),
      pageBytes,
      hasSelinux: selinuxProcessLabel() !== undefined,
      allowsPrivateMounts: config['allow-private-mounts'],
      memory,
      clock,
      random: Math.random,
    },
    syscalls,
  );
}
