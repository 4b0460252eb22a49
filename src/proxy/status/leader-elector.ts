import { sleep } from '../../shared/abortable.ts';
import type { Clock } from '../../shared/clock.ts';
import type { JsonObject } from '../../shared/json.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import { apiFailure } from '../../shared/kube/api-failure.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { isKubeError } from '../../shared/kube/kube-error.ts';
import { metadataText, microTime } from '../../shared/kube/kube-object.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import type { Log } from '../../shared/log.ts';

const leaseType: ResourceType = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases' };

/**
 * Milliseconds. The leader gives up well before another replica can take over, so clocks need equal speed, not equal
 * time.
 */
export const leaseTimings = {
  /** Without a renewal for this long, as another replica observes it, the Lease is free. */
  durationMs: 30_000,
  /** A leader that has failed to renew for this long stops leading. */
  renewDeadlineMs: 20_000,
  /** Interval of reads and of renewals. */
  intervalMs: 5_000,
  /** Limit of one request. */
  callMs: 5_000,
};

export type LeaseTimings = Readonly<typeof leaseTimings>;

interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process. */
  readonly identity: string;
  readonly timings: LeaseTimings;
  readonly clock: Clock;
  /** `onStartedLeading` and `onStoppedLeading` are called alternately, the first one first. They must not throw. */
  readonly onStartedLeading: () => void;
  readonly onStoppedLeading: () => void;
  readonly log: Log;
}

/** A Lease as it was read. */
interface LeaseRecord {
  readonly resourceVersion: string;
  readonly holder: string;
  readonly durationMs: number;
}

/** Leader election with a `coordination.k8s.io` Lease, as in client-go. */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #stopping = new AbortController();
  /** The last observed record, and when it was first observed by the local clock. */
  #lastRecord = '';
  #seenMs = 0;
  #isLeading = false;
  #expiry: NodeJS.Timeout | undefined;
  /** When the last successful renewal was sent. */
  #renewedMs = 0;
  #isFailing = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
  }

  /** False from the deadline on, even before `onStoppedLeading` is called. */
  get isLeader(): boolean {
    return this.#isLeading && this.#leftMs > 0;
  }

  start(): void {
    this.#ended = this.#run(this.#stopping.signal);
  }

  /** Stops and releases the Lease, so that another replica need not wait until it expires. */
  async stop(): Promise<void> {
    const wasLeading = this.#isLeading;
    this.#stopping.abort();
    this.#stopLeading();
    await this.#ended;
    if (wasLeading) await this.#release();
  }

  get #leftMs(): number {
    const { client, timings } = this.#options;
    return this.#renewedMs + timings.renewDeadlineMs - client.clock.now();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { intervalMs } = this.#options.timings;
    const { random } = this.#options.client.clock;
    while (!signal.aborted) {
      try {
        await this.#round(signal);
        this.#isFailing = false;
      } catch (error) {
        // Read again from the field: the elector can have been stopped since the loop's condition.
        if (this.#stopping.signal.aborted) return;
        this.#logFailure(error);
      }
      await sleep(intervalMs * (0.8 + 0.4 * random()), signal).catch(() => undefined);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    if (!this.isLeader) this.#stopLeading();
    const record = await this.#read(signal);
    if (record !== undefined && !this.#isFree(record)) {
      this.#stopLeading();
      return;
    }
    const { clock, identity, client } = this.#options;
    const sentMs = client.clock.now();
    try {
      await this.#write(record, this.#spec(identity, microTime(clock.now())), signal);
    } catch (error) {
      // Another replica was faster: the next round reads the Lease again.
      if (isKubeError(error, 409)) return;
      throw error;
    }
    if (!signal.aborted) this.#renewed(sentMs);
  }

  /** @returns undefined if there is no Lease. */
  async #read(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    try {
      return this.#observe(await this.#options.client.get(this.#location(), this.#call(signal)));
    } catch (error) {
      if (!isKubeError(error, 404)) throw error;
      return undefined;
    }
  }

  #observe(object: JsonObject): LeaseRecord {
    const spec = object['spec'];
    const seconds = jsonMember(spec, 'leaseDurationSeconds');
    const recordText = JSON.stringify(['holderIdentity', 'renewTime'].map((key) => jsonText(spec, key)));
    if (recordText !== this.#lastRecord) this.#seenMs = this.#options.client.clock.now();
    this.#lastRecord = recordText;
    return {
      resourceVersion: metadataText(object, 'resourceVersion') ?? '',
      holder: jsonText(spec, 'holderIdentity') ?? '',
      durationMs: typeof seconds === 'bigint' ? Number(seconds) * 1000 : this.#options.timings.durationMs,
    };
  }

  /**
   * Reports whether the Lease is free. Only the local clock counts: no renewal was observed for the holder's duration.
   */
  #isFree({ holder, durationMs }: LeaseRecord): boolean {
    const { identity, client } = this.#options;
    return holder === '' || holder === identity || client.clock.now() - this.#seenMs >= durationMs;
  }

  async #write(record: LeaseRecord | undefined, spec: JsonObject, signal: AbortSignal): Promise<void> {
    const { client, namespace, name } = this.#options;
    if (record !== undefined) {
      const change = { metadata: { resourceVersion: record.resourceVersion }, spec };
      await client.patch(this.#location(), change, this.#call(signal));
      return;
    }
    const { apiVersion, kind } = leaseType;
    const lease = { apiVersion, kind, metadata: { namespace, name }, spec };
    await client.create({ type: leaseType, namespace }, lease, this.#call(signal));
  }

  #spec(holderIdentity: string, renewTime: string): JsonObject {
    const { durationMs } = this.#options.timings;
    return { holderIdentity, leaseDurationSeconds: BigInt(Math.ceil(durationMs / 1000)), renewTime };
  }

  /** @param sentMs when the renewal was sent: the deadline counts from then, not from the response. */
  #renewed(sentMs: number): void {
    const { onStartedLeading, log, name } = this.#options;
    clearTimeout(this.#expiry);
    this.#renewedMs = sentMs;
    this.#expiry = setTimeout(() => this.#stopLeading(), this.#leftMs).unref();
    if (this.#isLeading) return;
    this.#isLeading = true;
    log.info('Acquired lease, started status updates', { name });
    onStartedLeading();
  }

  #stopLeading(): void {
    clearTimeout(this.#expiry);
    if (!this.#isLeading) return;
    this.#isLeading = false;
    const { log, name, onStoppedLeading } = this.#options;
    log.info('Lost lease', { name });
    onStoppedLeading();
  }

  async #release(): Promise<void> {
    const { client, clock, log } = this.#options;
    const { signal } = new AbortController();
    try {
      const record = await this.#read(signal);
      if (record?.holder !== this.#options.identity) return;
      const spec = { ...this.#spec('', microTime(clock.now())), leaseDurationSeconds: 1n };
      const change = { metadata: { resourceVersion: record.resourceVersion }, spec };
      await client.patch(this.#location(), change, this.#call(signal));
    } catch (error) {
      log.debug('Failed to release lease', { error });
    }
  }

  /** Logs the first of consecutive failures as a warning: the proxy serves without the Lease. */
  #logFailure(error: unknown): void {
    const { client, namespace, name, log } = this.#options;
    const failure = apiFailure(error, {
      doing: `taking lease ${namespace}/${name}`,
      needed: {
        apiGroup: 'coordination.k8s.io',
        resource: 'leases',
        resourceNames: [],
        verbs: ['get', 'create', 'patch'],
      },
      roleNamespace: namespace,
      problem: client.problem,
    });
    if (this.#isFailing) log.debug('Failed to acquire lease', { error: failure });
    else log.warn('Failed to acquire lease, status updates paused', { error: failure });
    this.#isFailing = true;
  }

  #location(): { readonly type: ResourceType; readonly namespace: string; readonly name: string } {
    const { namespace, name } = this.#options;
    return { type: leaseType, namespace, name };
  }

  #call(signal: AbortSignal): { readonly signal: AbortSignal; readonly timeoutMs: number; readonly retry: false } {
    return { signal, timeoutMs: this.#options.timings.callMs, retry: false };
  }
}
