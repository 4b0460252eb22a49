import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import type { PluginInfo__Output } from '../../../src/driver/csi/generated/pluginregistration/PluginInfo.ts';
import { pluginRegistration } from '../../../src/driver/csi/services.ts';
import { KubeletClient } from '../driver/kubelet-client.ts';

/** A plugin that the kubelet has taken. */
interface Plugin {
  readonly name: string;
  /** Of its CSI socket. */
  readonly endpoint: string;
  readonly nodeId: string;
  /** Its registration socket; the plugin goes when that goes. */
  readonly socket: string;
}

/** Why to refuse a plugin of this name; undefined: take it. */
export type Refusal = (name: string) => string | undefined;

type RegistrationClient = InstanceType<typeof pluginRegistration.Registration>;

const dialTimeoutMs = 10_000;
const getInfoTimeoutMs = 1000;
/** The kubelet's reconciler waits so long before it tries again, and doubles that each time. */
const firstRetryMs = 500;

/**
 * The kubelet's plugin manager: dials every socket that appears in a directory, asks it what it is (within a second),
 * asks the CSI socket which node it is on, and says whether it took it. A socket that does not answer is tried again, later
 * each time. A plugin that was refused must make its socket anew; a socket that goes away takes its plugin along.
 */
export class PluginWatcher {
  readonly #directory: string;
  readonly #refusal: Refusal;
  readonly #plugins = new Map<string, Plugin>();
  /** Which socket files have been looked at, by name. */
  #seen = new Map<string, string>();
  #watcher: fs.FSWatcher | undefined;

  constructor(directory: string, refusal: Refusal) {
    this.#directory = directory;
    this.#refusal = refusal;
    fs.mkdirSync(directory, { recursive: true });
  }

  start(): void {
    this.#watcher = fs.watch(this.#directory, () => this.#scan());
    this.#scan();
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#seen.clear();
    this.#plugins.clear();
  }

  get(name: string): Plugin | undefined {
    return this.#plugins.get(name);
  }

  #scan(): void {
    const present = new Map<string, string>();
    for (const name of fs.readdirSync(this.#directory)) {
      const stats = fs.lstatSync(path.join(this.#directory, name), { throwIfNoEntry: false });
      if (stats?.isSocket()) present.set(name, `${stats.ino} ${stats.birthtimeMs}`);
    }
    const isLooked = (name: string): boolean => this.#seen.get(name) === present.get(name);
    const gone = [...this.#plugins.values()].filter(({ socket }) => !isLooked(socket));
    for (const { name } of gone) this.#plugins.delete(name);
    const appeared = [...present.keys()].filter((name) => !isLooked(name));
    this.#seen = present;
    for (const name of appeared) void this.#registerOrRetry(name);
  }

  async #registerOrRetry(socket: string): Promise<void> {
    const file = this.#seen.get(socket);
    const isThere = (): boolean => this.#watcher !== undefined && this.#seen.get(socket) === file;
    for (let waitMs = firstRetryMs; isThere(); waitMs *= 2) {
      try {
        await this.#register(socket);
        return;
      } catch {
        await delay(waitMs, undefined, { ref: false });
      }
    }
  }

  async #register(socket: string): Promise<void> {
    const file = this.#seen.get(socket);
    const address = `unix://${path.join(this.#directory, socket)}`;
    const client = new pluginRegistration.Registration(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
    });
    try {
      // The file is there a moment before anybody listens on it.
      await promisify(client.waitForReady.bind(client))(Date.now() + dialTimeoutMs);
      const info = await getInfo(client);
      const { name, endpoint } = info;
      const refused = this.#plugins.has(name) ? `${name} is registered already` : this.#refusal(name);
      const answer = refused === undefined ? await nodeIdOf(endpoint) : { error: refused };
      if (this.#watcher === undefined || this.#seen.get(socket) !== file) return;
      const { error = '', nodeId } = answer;
      if (nodeId !== undefined) this.#plugins.set(name, { name, endpoint, nodeId, socket });
      const status = { plugin_registered: nodeId !== undefined, error };
      await promisify(client.notifyRegistrationStatus.bind(client))(status);
    } finally {
      client.close();
    }
  }
}

function getInfo(client: RegistrationClient): Promise<PluginInfo__Output> {
  return new Promise((resolve, reject) => {
    client.getInfo({}, { deadline: Date.now() + getInfoTimeoutMs }, (error, info) => {
      if (info === undefined) reject(error ?? new Error('no answer'));
      else resolve(info);
    });
  });
}

async function nodeIdOf(endpoint: string): Promise<{ readonly nodeId?: string; readonly error?: string }> {
  try {
    return { nodeId: (await new KubeletClient(endpoint).nodeInfo()).node_id };
  } catch (error) {
    return { error: `error getting node info: ${error instanceof Error ? error.message : String(error)}` };
  }
}
