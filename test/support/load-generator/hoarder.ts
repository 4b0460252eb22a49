import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeletClient } from '../driver/kubelet-client.ts';
import { TestVolume } from '../driver/test-volume.ts';
import type { HoardedFiles } from './load-messages.ts';

/** Pods at a time. */
const pods = 4;
/** Pause after a rejected publish, in milliseconds: shorter than that of a kubelet. */
const pauseMs = 100;

/**
 * Pods of one namespace that pass on files which no volume has any more, one after the other and as many as the driver
 * lets them. Their owner's Connector had large files, and now has small ones, so the large ones were replaced twice.
 */
export class Hoarder {
  readonly #files: HoardedFiles;
  readonly #kubelet: KubeletClient;
  /** Descriptors of large files. */
  readonly opened: number[] = [];
  /** Messages of rejected publishes. */
  readonly events: string[] = [];
  #isStopping = false;

  constructor(socketPath: string, files: HoardedFiles) {
    this.#files = files;
    this.#kubelet = new KubeletClient(socketPath);
  }

  start(kubeletDir: string): void {
    for (let pod = 0; pod < pods; pod += 1) void this.#run(kubeletDir);
  }

  stop(): void {
    this.#isStopping = true;
    for (const fd of this.opened.splice(0)) fs.closeSync(fd);
  }

  async #run(kubeletDir: string): Promise<void> {
    while (!this.#isStopping) {
      const volume = new TestVolume(kubeletDir, { namespace: this.#files.namespace });
      volume.prepare();
      try {
        await this.#hoard(volume);
      } catch (error) {
        this.events.push(error instanceof Error ? error.message : String(error));
        await sleep(pauseMs);
      }
      await this.#kubelet.unpublishVolume(volume).catch(() => undefined);
    }
  }

  async #hoard(volume: TestVolume): Promise<void> {
    const { large, small, file } = this.#files;
    await this.#kubelet.publishVolume(volume, { attributes: large });
    this.opened.push(fs.openSync(path.join(volume.target, file), 'r'));
    for (let round = 0; round < 2; round += 1) {
      volume.renewToken();
      await this.#kubelet.publishVolume(volume, { attributes: small });
    }
  }
}
