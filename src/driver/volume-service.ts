import { PublishAdmission } from './publish/publish-admission.ts';
import type { VolumeMemory } from './publish/volume-memory.ts';
import type { LimitObserver } from '../shared/limits/limit-observer.ts';
import type { Backend } from './backend.ts';
import type { DriverConfig } from './config.ts';
import type { Clock } from '../shared/clock.ts';
import type { Log } from '../shared/log.ts';
import type { TmpfsHost } from './host/tmpfs-host.ts';
import { TemplateRenderer } from './content/template-renderer.ts';
import { threadTimeMs } from '../shared/clock.ts';
import { nodeService } from './csi/node.ts';
import type { RpcEdge } from './csi/unary.ts';
import type { Metrics } from './metrics.ts';
import type { ProxyCaFile } from './proxy-ca-file.ts';
import { PublishedVolumes } from './publish/published-volumes.ts';
import type { PublishDependencies } from './publish/publish-dependencies.ts';
import { PublishVolume } from './publish/publish-volume.ts';
import { RefreshOnChange } from './publish/refresh-on-change.ts';
import { VolumeLocks } from './publish/volume-locks.ts';
import { driverLimits } from './limits.ts';
import { RenderThreads } from './render-threads.ts';

export interface VolumeServiceOptions {
  readonly config: DriverConfig;
  readonly clock: Clock;
  /** The built render-worker.ts. */
  readonly renderThread: URL;
  readonly log: Log;
  readonly host: TmpfsHost;
  readonly memory: VolumeMemory;
  readonly backend: Backend;
  readonly caFile: ProxyCaFile | undefined;
  readonly metrics: Metrics;
  readonly rejections: LimitObserver;
}

/** The use cases of volumes, with the state that they share. */
export class VolumeService {
  readonly volumes = new PublishedVolumes();
  readonly admission: PublishAdmission;
  readonly #options: VolumeServiceOptions;
  readonly #deps: PublishDependencies;
  readonly #publish: PublishVolume;
  readonly #onChange: RefreshOnChange | undefined;

  constructor(options: VolumeServiceOptions) {
    this.#options = options;
    const { config } = options;
    this.admission = this.#createAdmission();
    this.#deps = this.#createDependencies();
    this.#publish = new PublishVolume(this.#deps);
    this.#onChange = config['refresh-on-change'] ? this.#createRefreshOnChange() : undefined;
  }

  /** Starts to refresh volumes when their input changes. */
  start(): void {
    const { backend, caFile } = this.#options;
    if (this.#onChange === undefined) return;
    backend.source.onChange(this.#onChange.changed);
    backend.access.onChange(this.#onChange.changed);
    caFile?.watch(this.#onChange.changed);
  }

  stop(): void {
    this.#onChange?.stop();
    this.#options.caFile?.stop();
  }

  /** Returns the CSI Node service of the use cases. */
  nodeService(edge: RpcEdge): ReturnType<typeof nodeService> {
    const { config, memory, metrics } = this.#options;
    return nodeService(edge, {
      nodeName: config['node-name'],
      deps: this.#deps,
      attributeLimits: { maxTokenExpirationMs: config['max-token-expiration'] },
      publish: this.#publish,
      memory,
      onPublished: ({ path }, targetPath) => {
        metrics.published('ok', path);
        if (path !== 'unchanged') this.#onChange?.published(targetPath);
      },
      onFailed: (code) => metrics.published(code, ''),
    });
  }

  #createAdmission(): PublishAdmission {
    const { config, rejections } = this.#options;
    const limits = {
      inFlight: config['max-publishes-in-flight'],
      perPod: config['max-publishes-per-pod'],
      running: config['max-concurrent-publishes'],
    };
    return new PublishAdmission(limits, rejections, () => performance.now());
  }

  #createDependencies(): PublishDependencies {
    const { config, backend, host, caFile, renderThread, clock, log } = this.#options;
    const threads = new RenderThreads(renderThread, driverLimits.renders.thread);
    return {
      ...backend,
      host,
      locks: new VolumeLocks(),
      volumes: this.volumes,
      clock,
      renderer: new TemplateRenderer({
        clock: () => clock.now(),
        cpuMs: threadTimeMs,
        renderInThread: (job, owner, signal) => threads.run(job, owner, signal),
      }),
      contentDefaults: () => ({
        noProxy: config['no-proxy'],
        caBundle: caFile?.read(),
        audience: config['token-audience'],
        proxyUrl: config['default-proxy-url'],
      }),
      admission: this.admission,
      removesRevoked: config['on-revoked'] === 'remove',
      log,
    };
  }

  #createRefreshOnChange(): RefreshOnChange {
    return new RefreshOnChange({
      ...this.#deps,
      caBundle: () => this.#options.caFile?.lastGood(),
      refresh: (targetPath, signal) => this.#publish.refresh(targetPath, signal),
    });
  }
}
