import fs from 'node:fs';
import path from 'node:path';
import { KubeletClient } from '../driver/kubelet-client.ts';
import type { TestVolume } from '../driver/test-volume.ts';

export interface VolumeSettings {
  /** The driver's CSI socket; undefined while it is not registered. */
  readonly endpoint: () => string | undefined;
  readonly tokenOf: (volume: TestVolume) => string;
  /** Of the Secret that the volume names. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Milliseconds between two publishes of a mounted volume. */
  readonly republishMs: number;
  /** Milliseconds after which a call is given up. */
  readonly callTimeoutMs: number;
  /** Milliseconds before the second attempt; it doubles with each further one. */
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

/**
 * One volume of a pod in the kubelet's hands: it publishes until that succeeds, with a back-off that doubles, and then
 * again and again; one operation at a time. A restart of the kubelet ends the operation and begins anew.
 */
export class PodVolume {
  readonly volume: TestVolume;
  readonly #attributes: Readonly<Record<string, string>>;
  readonly #settings: VolumeSettings;
  /** Messages of the failed publishes, as the pod's events have them. */
  readonly events: string[] = [];
  /** Milliseconds of each successful publish, with its three connections. */
  readonly tookMs: number[] = [];
  #attempts = 0;
  #lastSuccess = 0;
  #running: Promise<void> | undefined;
  #stopping = new AbortController();
  #wake: () => void = () => undefined;
  /** An event came that no attempt has answered yet. */
  #isDue = false;
  #isBackingOff = false;

  constructor(volume: TestVolume, attributes: Readonly<Record<string, string>>, settings: VolumeSettings) {
    this.volume = volume;
    this.#attributes = attributes;
    this.#settings = settings;
  }

  /** How many publishes have been begun. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Whether a publish that began after the first `attempts` ones has succeeded. */
  isPublishedSince(attempts: number): boolean {
    return this.#lastSuccess > attempts;
  }

  start(): void {
    this.#stopping = new AbortController();
    this.#running = this.#reconcile(this.#stopping.signal);
  }

  /** Ends the loop and cancels the call that runs, as the end of the kubelet's process does. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  /** A pod event: the volume is published again at once, or after the operation that runs; a back-off goes on. */
  event(): void {
    this.#isDue = true;
    if (!this.#isBackingOff) this.#wake();
  }

  /** Unpublishes, tried again until it succeeds, and removes what the kubelet made. */
  async tearDown(): Promise<void> {
    await this.stop();
    const signal = new AbortController().signal;
    for (let failures = 0; !(await this.#unpublish()); failures += 1)
      await this.#pause(this.#backoff(failures), signal);
    const { parent, target } = this.volume;
    if (fs.existsSync(target)) throw new Error(`unpublish left ${target}; the pod would stay in Terminating`);
    // Nothing of a pod that ends before the driver was there for it.
    if (!fs.existsSync(parent)) return;
    fs.rmSync(path.join(parent, 'vol_data.json'));
    fs.rmdirSync(parent);
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      this.#isDue = false;
      this.#isBackingOff = !(await this.#attempt(signal));
      failures = this.#isBackingOff ? failures + 1 : 0;
      await this.#pause(this.#isBackingOff ? this.#backoff(failures - 1) : this.#untilRepublishMs(), signal);
    }
  }

  #untilRepublishMs(): number {
    return this.#isDue ? 0 : this.#settings.republishMs;
  }

  #backoff(failures: number): number {
    const { firstBackoffMs, maxBackoffMs } = this.#settings;
    return Math.min(firstBackoffMs * 2 ** failures, maxBackoffMs);
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const attempt = (this.#attempts += 1);
    const startMs = performance.now();
    try {
      await this.#mount(signal);
      this.tookMs.push(performance.now() - startMs);
      this.#lastSuccess = attempt;
      return true;
    } catch (error) {
      if (!signal.aborted) this.events.push(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** The kubelet's SetUp: its own directory and file first, then three calls, each over a new connection. */
  async #mount(signal: AbortSignal): Promise<void> {
    const { volume } = this;
    const { callTimeoutMs, endpoint, tokenOf, secrets = {} } = this.#settings;
    const socket = endpoint();
    if (socket === undefined) throw new Error('the driver is not in the list of registered CSI drivers');
    fs.mkdirSync(volume.parent, { recursive: true, mode: 0o750 });
    const volData = { volumeHandle: volume.volumeId, volumeLifecycleMode: 'Ephemeral', specVolID: 'connectors' };
    fs.writeFileSync(path.join(volume.parent, 'vol_data.json'), JSON.stringify(volData));
    const client = new KubeletClient(socket);
    await client.nodeCapabilities();
    await client.nodeCapabilities();
    volume.token = tokenOf(volume);
    const request = volume.publishRequest({ attributes: this.#attributes, fields: { secrets } });
    await client.publish(request, { timeoutMs: callTimeoutMs, signal });
  }

  async #unpublish(): Promise<boolean> {
    const socket = this.#settings.endpoint();
    if (socket === undefined) return false;
    try {
      await new KubeletClient(socket).unpublishVolume(this.volume);
      return true;
    } catch {
      return false;
    }
  }

  #pause(pauseMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
