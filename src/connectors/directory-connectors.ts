import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DriverError, abortError, asDriverError } from '../errors.js';
import type { Log } from '../log.js';
import type { Call } from '../load/call.js';
import type { Connector, ConnectorClass, ConnectorRef, FeatureFlags, ResolvedConnector } from './model.js';
import type { ConnectorSource } from './connector-source.js';
import { defaultFlags } from './feature-flags.js';
import type { ManifestFile, Parsed } from './manifest-file.js';
import { errorsIn, parseManifestFile } from './manifest-file.js';

export interface DirectoryConnectorsOptions {
  /** Directory of .yaml, .yml and .json manifests; subdirectories are not read. */
  readonly directory: string;
  /** Namespace of the ConfigMap `connectors-config`. */
  readonly namespace: string;
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
  readonly log: Log;
}

interface ReadFile {
  readonly signature: string;
  /** The last content that could be parsed. */
  readonly content: ManifestFile | undefined;
  /** Why the content now in the file could not be. */
  readonly problem: string | undefined;
}

const pollMs = 50;

/**
 * Connectors from a directory of manifests: for the demo, for tests and for machines without a cluster. The directory
 * is looked at whenever something is asked, so a change counts from the next call on. A file that cannot be read or
 * is no YAML is reported by name and keeps its last good objects; so is the directory, when it cannot be read.
 */
export class DirectoryConnectors implements ConnectorSource {
  readonly #options: DirectoryConnectorsOptions;
  #files: ReadonlyMap<string, ReadFile> = new Map();
  #connectors: ReadonlyMap<string, Parsed<Connector>> = new Map();
  #classes: ReadonlyMap<string, Parsed<ConnectorClass>> = new Map();
  #flags: Parsed<FeatureFlags> = defaultFlags;
  /** As of the last look at the directory. */
  #isReadable = true;

  constructor(options: DirectoryConnectorsOptions) {
    this.#options = options;
  }

  /** Looks at the directory, so that the log has it from the start when it cannot be read. */
  start(): void {
    this.#list();
  }

  async resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]> {
    const found = this.#lookUp(refs);
    return isMissing(found) ? call.idleWhile(() => this.#waitFor(refs, call.signal)) : orThrow(found);
  }

  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined {
    const found = this.#lookUp(refs);
    return found instanceof DriverError ? undefined : found;
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
    return this.#flags instanceof DriverError ? undefined : this.#flags;
  }

  /** Why nothing can be read; undefined when the directory is there. */
  problem(): string | undefined {
    const listed = this.#list();
    return listed instanceof DriverError ? listed.message : undefined;
  }

  async #waitFor(refs: readonly ConnectorRef[], signal: AbortSignal): Promise<readonly ResolvedConnector[]> {
    const deadlineMs = performance.now() + this.#options.notFoundWaitMs;
    for (;;) {
      const found = this.#lookUp(refs);
      if (!isMissing(found) || performance.now() >= deadlineMs) return orThrow(found);
      await delay(pollMs, undefined, { signal }).catch(() => {
        const reason = abortError(signal);
        // The caller's time is over before the wait is: what is missing says more than that.
        throw reason.code === 'DEADLINE_EXCEEDED' && found instanceof DriverError ? found : reason;
      });
    }
  }

  #lookUp(refs: readonly ConnectorRef[]): Parsed<readonly ResolvedConnector[]> {
    this.#refresh();
    const resolved: ResolvedConnector[] = [];
    for (const { namespace, name } of refs) {
      const connector = this.#connectors.get(`${namespace}/${name}`);
      if (connector === undefined) return this.#notFound(`connector ${namespace}/${name} does not exist`);
      if (connector instanceof DriverError) return connector;
      const connectorClass = this.#classes.get(connector.className);
      if (connectorClass === undefined) {
        return this.#notFound(`connectorclass ${connector.className} of connector ${namespace}/${name} does not exist`);
      }
      if (connectorClass instanceof DriverError) return connectorClass;
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
    return [...this.#files].flatMap(([name, { content, problem }]) => {
      const malformed = content === undefined ? [] : errorsIn(content).map(({ message }) => message);
      return (problem === undefined ? malformed : [problem]).map((each) => `${name}: ${each}`);
    });
  }

  #notFound(message: string): DriverError {
    const broken = this.brokenFiles();
    const hint = broken.length === 0 ? '' : ` (it may be in a file that cannot be read: ${broken.join(', ')})`;
    return new DriverError('NOT_FOUND', `${message}${hint}`);
  }

  /** Re-reads what changed; objects of unchanged files keep their identity. */
  #refresh(): void {
    const listed = this.#list();
    if (listed instanceof DriverError) {
      if (this.#files.size === 0) throw listed;
      return;
    }
    const names = listed.filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith('.')).sort();
    const files = new Map(names.map((name) => [name, this.#readFile(name, this.#files.get(name))]));
    const isSame =
      files.size === this.#files.size && [...files].every(([name, file]) => this.#files.get(name) === file);
    if (isSame) return;
    this.#files = files;
    const contents = [...files.values()].flatMap(({ content }) => (content === undefined ? [] : [content]));
    this.#connectors = new Map(contents.flatMap(({ connectors }) => [...connectors]));
    this.#classes = new Map(contents.flatMap(({ classes }) => [...classes]));
    this.#flags = contents.flatMap(({ flags }) => flags ?? []).at(-1) ?? defaultFlags;
  }

  /** The names in the directory, or why there are none. Whether it can be read is logged when that changes. */
  #list(): readonly string[] | DriverError {
    const { directory, log } = this.#options;
    const wasReadable = this.#isReadable;
    try {
      const names = readdirSync(directory);
      this.#isReadable = true;
      if (!wasReadable) log.info('the directory of --manifests can be read again', { path: directory });
      return names;
    } catch (error) {
      this.#isReadable = false;
      const consequence =
        this.#files.size === 0
          ? 'no volume can be published: make it readable or correct the flag'
          : 'the last good objects are kept: make it readable again';
      if (wasReadable) {
        log.error(`the directory of --manifests cannot be read, so ${consequence}`, { path: directory, error });
      }
      return new DriverError('UNAVAILABLE', `the directory ${directory} of --manifests cannot be read`, {
        cause: error,
      });
    }
  }

  #readFile(name: string, previous: ReadFile | undefined): ReadFile {
    const { directory, namespace, log } = this.#options;
    const file = path.join(directory, name);
    let signature = '';
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
      signature = [ino, size, mtimeNs, ctimeNs].join('.');
      if (previous?.signature === signature) return previous;
      const content = parseManifestFile(readFileSync(file, 'utf8'), namespace);
      for (const error of errorsIn(content)) log.error('a manifest is malformed', { file: name, error });
      return { signature, content, problem: undefined };
    } catch (error) {
      if (previous?.signature === signature) return previous;
      const { message } = asDriverError(error, 'the file cannot be read');
      log.error('a manifest file cannot be used; its last good objects are kept', { file: name, error });
      return { signature, content: previous?.content, problem: message };
    }
  }
}

function isMissing(found: Parsed<unknown>): boolean {
  return found instanceof DriverError && found.code === 'NOT_FOUND';
}

function orThrow<T>(found: Parsed<T>): T {
  if (found instanceof DriverError) throw found;
  return found;
}
