import fs from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../driver/test-volume.ts';
import { eventually } from '../poll.ts';
import type { Refusal } from './plugin-watcher.ts';
import { PluginWatcher } from './plugin-watcher.ts';
import { PodVolume } from './pod-volume.ts';
import type { VolumeSettings } from './pod-volume.ts';
import type { TokenSettings } from './token-cache.ts';
import { TokenCache } from './token-cache.ts';

export interface TestKubeletOptions
  extends Partial<Omit<VolumeSettings, 'endpoint' | 'tokenOf'>>, Partial<TokenSettings> {
  readonly kubeletDir: string;
  readonly driverName?: string;
  readonly refusal?: Refusal;
}

/**
 * Plays the kubelet towards a driver: finds it through its registration, mounts pods' volumes with three connections
 * each, republishes them, renews their tokens, backs off when a call fails, gives calls up, and can be restarted.
 */
export class TestKubelet {
  readonly registryDir: string;
  readonly pods = new Set<PodVolume>();
  readonly #options: TestKubeletOptions;
  readonly #driverName: string;
  readonly #tokens: TokenCache;
  readonly #watcher: PluginWatcher;
  #isRunning = false;

  constructor(options: TestKubeletOptions) {
    this.#options = options;
    this.#driverName = options.driverName ?? 'connectors-csi';
    this.registryDir = path.join(options.kubeletDir, 'plugins_registry');
    this.#watcher = new PluginWatcher(this.registryDir, options.refusal ?? (() => undefined));
    this.#tokens = new TokenCache({ tokenSeconds: 1800, now: Date.now, ...options });
  }

  start(): this {
    this.#isRunning = true;
    this.#watcher.start();
    for (const pod of this.pods) pod.start();
    return this;
  }

  /** As the end of its process: calls are cut off, volumes stay. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#watcher.stop();
    await Promise.all([...this.pods].map((pod) => pod.stop()));
  }

  /**
   * Starts again with nothing in memory: it reads which volumes there are from its directory, and publishes all of
   * them at once. Some set-ups empty the directory of the sockets meanwhile.
   */
  async restart({ emptiesRegistry = false } = {}): Promise<void> {
    await this.stop();
    if (emptiesRegistry)
      for (const name of fs.readdirSync(this.registryDir)) fs.rmSync(path.join(this.registryDir, name));
    this.start();
  }

  get isRegistered(): boolean {
    return this.#watcher.get(this.#driverName) !== undefined;
  }

  get nodeId(): string | undefined {
    return this.#watcher.get(this.#driverName)?.nodeId;
  }

  async untilRegistered(timeoutMs?: number): Promise<void> {
    await eventually('the driver is registered', () => this.isRegistered, timeoutMs);
  }

  async untilDeregistered(): Promise<void> {
    await eventually('the kubelet has deregistered the driver', () => !this.isRegistered);
  }

  /** A pod with one volume begins, as soon as the kubelet runs. */
  run(volume: TestVolume, attributes: Readonly<Record<string, string>> = { connectors: 'harbor' }): PodVolume {
    const pod = new PodVolume(volume, attributes, {
      republishMs: 60_000,
      callTimeoutMs: 120_000,
      firstBackoffMs: 500,
      maxBackoffMs: 122_000,
      ...this.#options,
      endpoint: () => this.#watcher.get(this.#driverName)?.endpoint,
      tokenOf: ({ pod: owner }) => this.#tokens.tokenOf(owner),
    });
    this.pods.add(pod);
    if (this.#isRunning) pod.start();
    return pod;
  }

  /** All containers of the pod have exited. */
  async end(pod: PodVolume): Promise<void> {
    this.pods.delete(pod);
    await pod.tearDown();
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.pods].map((pod) => this.end(pod)));
  }

  /** Every volume's token has reached 80 % of its life. */
  renewTokens(): void {
    this.#tokens.expireAll();
  }

  /** Something happens to every pod, so that every volume is published again now. */
  eventForAll(): void {
    for (const pod of this.pods) pod.event();
  }

  /** Waits until every volume has been published, with success, at least once. */
  async untilAllPublished(timeoutMs = 60_000): Promise<void> {
    await this.#untilPublishedSince(new Map(), timeoutMs);
  }

  /** Waits until every volume has been published by a call that began after this one. */
  async untilAllPublishedAgain(timeoutMs = 60_000): Promise<void> {
    const attempts = new Map([...this.pods].map((pod) => [pod, pod.attempts]));
    this.eventForAll();
    await this.#untilPublishedSince(attempts, timeoutMs);
  }

  async #untilPublishedSince(attempts: ReadonlyMap<PodVolume, number>, timeoutMs: number): Promise<void> {
    const isPublished = (pod: PodVolume): boolean => pod.isPublishedSince(attempts.get(pod) ?? 0);
    try {
      await eventually('all volumes are published', () => [...this.pods].every(isPublished), timeoutMs);
    } catch (error) {
      const missing = [...this.pods].filter((pod) => !isPublished(pod));
      throw new Error(`${missing.length} volumes are not published: ${missing[0]?.events.at(-1) ?? 'no answer'}`, {
        cause: error,
      });
    }
  }
}
