import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { CodedError, orCodedError, orThrow, toCodedError } from '../errors.ts';
import { fileSignature } from '../file-signature.ts';
import type { JsonObject } from '../json.ts';
import type { Log } from '../log.ts';
import type { Connector, ConnectorClass, ConnectorRef, FeatureFlags, ResolvedConnector } from './model.ts';
import { defaultFlags } from './feature-flags.ts';
import { parseManifestFile } from './manifest-file.ts';
import type { ManifestFile, OrError } from './manifest-file.ts';

export interface DirectoryConnectorsOptions {
  /** Directory of .yaml, .yml and .json manifests; subdirectories are not read. */
  readonly directory: string;
  /** Namespace of the ConfigMap `connectors-config`. */
  readonly namespace: string;
  readonly log: Log;
}

interface ReadFile {
  readonly signature: string;
  /** The last parsed content. */
  readonly content: ManifestFile | undefined;
  /** Why the current content could not be parsed. */
  readonly problem: string | undefined;
}

/**
 * Connectors from a directory of manifests, for the demo, tests and machines without a cluster. It is checked on every
 * call, so that changes take effect at once. A file that cannot be read or parsed is reported by name and keeps its last
 * good content.
 */
export class DirectoryConnectors {
  readonly #options: DirectoryConnectorsOptions;
  #read: ReadonlyMap<string, ReadFile> = new Map();
  #files: readonly ManifestFile[] = [];
  #connectors: ReadonlyMap<string, OrError<Connector>> = new Map();
  #classes: ReadonlyMap<string, OrError<ConnectorClass>> = new Map();
  #flags: OrError<FeatureFlags> = defaultFlags;
  #objects: readonly JsonObject[] = [];

  constructor(options: DirectoryConnectorsOptions) {
    this.#options = options;
  }

  /**
   * Returns the connectors with their classes, in the order of `refs`, or an error: NOT_FOUND for a missing object,
   * FAILED_PRECONDITION for a malformed one.
   * @throws {CodedError} UNAVAILABLE if the directory is not readable.
   */
  find(refs: readonly ConnectorRef[]): OrError<readonly ResolvedConnector[]> {
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

  /** @throws {CodedError} as `find`; FAILED_PRECONDITION for malformed flags. */
  flags(): FeatureFlags {
    this.#refresh();
    return orThrow(this.#flags);
  }

  /** Returns why nothing can be read; undefined if the directory is readable. */
  problem(): string | undefined {
    const read = orCodedError(() => this.#refresh());
    return read instanceof CodedError ? read.message : undefined;
  }

  /** Returns `NAMESPACE/NAME` of every readable connector, in the order of the files. */
  connectorNames(): readonly string[] {
    return [...this.#connectors.keys()];
  }

  /** Returns the current objects of all kinds: the same array until a file changes. */
  objects(): readonly JsonObject[] {
    this.#refresh();
    return this.#objects;
  }

  /** Returns the current files that can be parsed. */
  files(): readonly ManifestFile[] {
    this.#refresh();
    return this.#files;
  }

  /** Returns the files that cannot be read or parsed, with the reasons. */
  brokenFiles(): readonly string[] {
    return [...this.#read].flatMap(([name, { problem }]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
  }

  #notFound(message: string): CodedError {
    const broken = this.brokenFiles();
    const hint = broken.length === 0 ? '' : ` (it may be in a file that cannot be read: ${broken.join(', ')})`;
    return new CodedError('NOT_FOUND', `${message}${hint}`);
  }

  /** Reads changed files again, in the order of their names. Objects of unchanged files keep their identity. */
  #refresh(): void {
    const names = this.#list().filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name));
    const read = new Map(names.sort().map((name) => [name, this.#readFile(name, this.#read.get(name))]));
    if (read.size === this.#read.size && [...read].every(([name, file]) => this.#read.get(name) === file)) return;
    this.#read = read;
    this.#files = [...read.values()].flatMap(({ content }) => content ?? []);
    this.#objects = this.#files.flatMap(({ objects }) => objects);
    this.#connectors = new Map(this.#files.flatMap(({ connectors }) => [...connectors]));
    this.#classes = new Map(this.#files.flatMap(({ classes }) => [...classes]));
    this.#flags = this.#files.flatMap(({ flags }) => flags ?? []).at(-1) ?? defaultFlags;
  }

  #list(): readonly string[] {
    const { directory } = this.#options;
    try {
      return readdirSync(directory);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      throw new CodedError('UNAVAILABLE', `the directory ${directory} of --manifests cannot be read (${code})`);
    }
  }

  #readFile(name: string, previous: ReadFile | undefined): ReadFile {
    const { directory, namespace, log } = this.#options;
    const file = path.join(directory, name);
    let signature = '';
    try {
      signature = fileSignature(file);
      if (previous?.signature === signature) return previous;
      return { signature, content: parseManifestFile(readFileSync(file, 'utf8'), namespace, name), problem: undefined };
    } catch (error) {
      if (previous?.signature === signature) return previous;
      const { message } = toCodedError(error, 'the file cannot be read');
      log.error('Failed to read manifest file, keeping its last good objects', { file: name, error });
      return { signature, content: previous?.content, problem: message };
    }
  }
}
