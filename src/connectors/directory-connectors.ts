import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, abortError } from '../errors.js';
import type { Log } from '../log.js';
import type { Call } from '../limits/call.js';
import type { Connector, ConnectorClass, ConnectorRef, FeatureFlags, ResolvedConnector } from './model.js';
import type { ConnectorSource } from './connector-source.js';
import { defaultFlags } from './feature-flags.js';
import type { ManifestFile, Parsed } from './manifest-file.js';
import { errorsIn, parseManifestFile } from './manifest-file.js';
import { ManifestDirectory } from './manifest-directory.js';

export interface DirectoryConnectorsOptions {
  /** Directory of .yaml, .yml and .json manifests; subdirectories are not read. */
  readonly directory: string;
  /** Namespace of the ConfigMap `connectors-config`. */
  readonly namespace: string;
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
  /** What follows for the program while the directory cannot be read, for the log. */
  readonly consequence?: string;
  readonly log: Log;
}

const pollMs = 50;
/** Between two looks for changes that nobody has asked for. */
const lookMs = 1000;

/**
 * Connectors from a directory of manifests: for the demo, for tests and for machines without a cluster. The directory
 * is looked at whenever something is asked, and each second for those who want to hear of changes.
 */
export class DirectoryConnectors implements ConnectorSource {
  readonly #options: DirectoryConnectorsOptions;
  readonly #directory: ManifestDirectory<ManifestFile>;
  #contents: readonly ManifestFile[] = [];
  #connectors: ReadonlyMap<string, Parsed<Connector>> = new Map();
  #classes: ReadonlyMap<string, Parsed<ConnectorClass>> = new Map();
  #flags: Parsed<FeatureFlags> = defaultFlags;
  #onChange: () => void = () => undefined;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: DirectoryConnectorsOptions) {
    const { directory, namespace, log, consequence = 'no volume can be published' } = options;
    this.#options = options;
    this.#directory = new ManifestDirectory({
      directory,
      parse: (text) => parseManifestFile(text, namespace),
      errorsIn,
      consequence,
      log,
    });
  }

  /** Looks at the directory, so that the log has it from the start when it cannot be read. */
  start(): void {
    this.problem();
    this.#looking = setInterval(() => this.#look(), lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#looking);
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** All of the directory is in memory. */
  reserve(): () => void {
    return () => undefined;
  }

  async resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]> {
    const found = this.#lookUp(refs);
    if (!isMissing(found) || call.isUnasked === true) return orThrow(found);
    return call.releaseSlotWhile(() => this.#waitFor(refs, call.signal));
  }

  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined {
    const found = this.#lookUp(refs);
    return found instanceof CodedError ? undefined : found;
  }

  retain(): void {
    // Everything in the directory is in memory anyway.
  }

  release(): void {
    // See retain.
  }

  async flags(): Promise<FeatureFlags> {
    this.#refresh();
    return Promise.resolve(orThrow(this.#flags));
  }

  peekFlags(): FeatureFlags | undefined {
    this.#refresh();
    return this.#flags instanceof CodedError ? undefined : this.#flags;
  }

  /** Why nothing can be read; undefined when the directory is there. */
  problem(): string | undefined {
    return this.#directory.problem();
  }

  async #waitFor(refs: readonly ConnectorRef[], signal: AbortSignal): Promise<readonly ResolvedConnector[]> {
    const deadlineMs = performance.now() + this.#options.notFoundWaitMs;
    for (;;) {
      const found = this.#lookUp(refs);
      if (!isMissing(found) || performance.now() >= deadlineMs) return orThrow(found);
      await delay(pollMs, undefined, { signal }).catch(() => {
        const reason = abortError(signal);
        // The caller's time is over before the wait is: what is missing says more than that.
        throw reason.code === 'DEADLINE_EXCEEDED' && found instanceof CodedError ? found : reason;
      });
    }
  }

  #lookUp(refs: readonly ConnectorRef[]): Parsed<readonly ResolvedConnector[]> {
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

  /** `NAMESPACE/NAME` of every connector that could be read, in the order of the files. */
  connectorNames(): readonly string[] {
    return [...this.#connectors.keys()];
  }

  /** The files that cannot be used as they are now, with the reasons. */
  brokenFiles(): readonly string[] {
    return this.#directory.brokenFiles();
  }

  #notFound(message: string): CodedError {
    const broken = this.brokenFiles();
    const hint = broken.length === 0 ? '' : ` (it may be in a file that cannot be read: ${broken.join(', ')})`;
    return new CodedError('NOT_FOUND', `${message}${hint}`);
  }

  /** A directory that cannot be read is told to whoever asks for something. */
  #look(): void {
    const before = this.#contents;
    if (this.problem() === undefined) this.#refresh();
    if (this.#contents !== before) this.#onChange();
  }

  /** Re-reads what changed; objects of unchanged files keep their identity. */
  #refresh(): void {
    const contents = this.#directory.read();
    if (contents === this.#contents) return;
    this.#contents = contents;
    this.#connectors = new Map(contents.flatMap(({ connectors }) => [...connectors]));
    this.#classes = new Map(contents.flatMap(({ classes }) => [...classes]));
    this.#flags = contents.flatMap(({ flags }) => flags ?? []).at(-1) ?? defaultFlags;
  }
}

function isMissing(found: Parsed<unknown>): boolean {
  return found instanceof CodedError && found.code === 'NOT_FOUND';
}

function orThrow<T>(found: Parsed<T>): T {
  if (found instanceof CodedError) throw found;
  return found;
}
