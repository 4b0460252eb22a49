import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, abortError, orCodedError, orThrow } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { Call } from '../limits/call.js';
import type { Connector, ConnectorClass, ConnectorRef, FeatureFlags, ResolvedConnector } from './model.js';
import type { ConnectorSource } from './connector-source.js';
import { defaultFlags } from './feature-flags.js';
import type { ManifestFile, OrError } from './manifest-file.js';
import { ManifestDirectory } from './manifest-directory.js';
import type { ManifestDirectoryOptions } from './manifest-directory.js';

export interface DirectoryConnectorsOptions extends ManifestDirectoryOptions {
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
}

const pollMs = 50;
/** Interval of the checks for changes in milliseconds. */
const checkIntervalMs = 1000;

/**
 * Connectors from a directory of manifests, for the demo, tests and machines without a cluster. The directory is
 * checked on every call, and each second for listeners.
 */
export class DirectoryConnectors implements ConnectorSource {
  readonly #options: DirectoryConnectorsOptions;
  readonly #directory: ManifestDirectory;
  #contents: readonly ManifestFile[] = [];
  #connectors: ReadonlyMap<string, OrError<Connector>> = new Map();
  #classes: ReadonlyMap<string, OrError<ConnectorClass>> = new Map();
  #flags: OrError<FeatureFlags> = defaultFlags;
  #objects: readonly JsonObject[] = [];
  #onChange: () => void = () => undefined;
  #checkTimer: NodeJS.Timeout | undefined;

  constructor(options: DirectoryConnectorsOptions) {
    this.#options = options;
    this.#directory = new ManifestDirectory(options);
  }

  /** Starts the checks. */
  start(): void {
    this.#checkTimer = setInterval(() => this.#checkForChanges(), checkIntervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#checkTimer);
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Reserves nothing: the whole directory is in memory. */
  acquire(): () => void {
    return () => undefined;
  }

  async resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]> {
    const found = this.#lookUp(refs);
    if (!isMissing(found) || call.isBackground === true) return orThrow(found);
    return call.releaseSlotWhile(() => this.#waitFor(refs, call.signal));
  }

  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined {
    const found = orCodedError(() => this.#lookUp(refs));
    return found instanceof CodedError ? undefined : found;
  }

  retain(): void {
    // The whole directory is in memory.
  }

  release(): void {
    // See retain.
  }

  async flags(): Promise<FeatureFlags> {
    this.#refresh();
    return Promise.resolve(orThrow(this.#flags));
  }

  peekFlags(): FeatureFlags | undefined {
    return this.problem() === undefined && !(this.#flags instanceof CodedError) ? this.#flags : undefined;
  }

  /** Returns why nothing can be read; undefined if the directory is readable. */
  problem(): string | undefined {
    const read = orCodedError(() => this.#refresh());
    return read instanceof CodedError ? read.message : undefined;
  }

  async #waitFor(refs: readonly ConnectorRef[], signal: AbortSignal): Promise<readonly ResolvedConnector[]> {
    const deadlineMs = performance.now() + this.#options.notFoundWaitMs;
    for (;;) {
      const found = this.#lookUp(refs);
      if (!isMissing(found) || performance.now() >= deadlineMs) return orThrow(found);
      await delay(pollMs, undefined, { signal }).catch(() => {
        const reason = abortError(signal);
        // The caller's deadline passed before the wait did: the missing object is the better error.
        throw reason.code === 'DEADLINE_EXCEEDED' && found instanceof CodedError ? found : reason;
      });
    }
  }

  #lookUp(refs: readonly ConnectorRef[]): OrError<readonly ResolvedConnector[]> {
    this.#refresh();
    const resolved: ResolvedConnector[] = [];
    for (const { namespace, name } of refs) {
      const connector = this.#connectors.get(`${namespace}/${name}`);
      if (connector === undefined) return this.#notFound(`connector ${namespace}/${name} does not exist`);
      if (connector instanceof CodedError) return connector;
      const connectorClass = this.#classes.get(connector.className);
      if (connectorClass === undefined) {
        return this.#notFound(`connectorclass ${connector.className} of connector ${namespace}/${name} does not exist`);
      }
      if (connectorClass instanceof CodedError) return connectorClass;
      resolved.push({ connector, connectorClass });
    }
    return resolved;
  }

  /** Returns `NAMESPACE/NAME` of every readable connector, in the order of the files. */
  connectorNames(): readonly string[] {
    return [...this.#connectors.keys()];
  }

  /** Returns the current objects of all kinds. */
  objects(): readonly JsonObject[] {
    this.#refresh();
    return this.#objects;
  }

  /** Returns the files that cannot be read or parsed, with the reasons. */
  brokenFiles(): readonly string[] {
    return this.#directory.brokenFiles();
  }

  #notFound(message: string): CodedError {
    const broken = this.brokenFiles();
    const hint = broken.length === 0 ? '' : ` (it may be in a file that cannot be read: ${broken.join(', ')})`;
    return new CodedError('NOT_FOUND', `${message}${hint}`);
  }

  /** Checks for changes. Calls that need the directory report that it is unreadable. */
  #checkForChanges(): void {
    const before = this.#contents;
    this.problem();
    if (this.#contents !== before) this.#onChange();
  }

  /** Reads changed files again. Objects of unchanged files keep their identity. */
  #refresh(): void {
    const contents = this.#directory.read();
    if (contents === this.#contents) return;
    this.#contents = contents;
    this.#objects = contents.flatMap(({ objects }) => objects);
    this.#connectors = new Map(contents.flatMap(({ connectors }) => [...connectors]));
    this.#classes = new Map(contents.flatMap(({ classes }) => [...classes]));
    this.#flags = contents.flatMap(({ flags }) => flags ?? []).at(-1) ?? defaultFlags;
  }
}

function isMissing(found: OrError<unknown>): boolean {
  return found instanceof CodedError && found.code === 'NOT_FOUND';
}
