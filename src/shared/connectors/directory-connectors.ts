import { CodedError, orCodedError, orThrow } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { Connector, ConnectorClass, ConnectorRef, FeatureFlags, ResolvedConnector } from './model.ts';
import { defaultFlags } from './feature-flags.ts';
import type { ManifestFile, OrError } from './manifest-file.ts';
import { ManifestDirectory } from './manifest-directory.ts';
import type { ManifestDirectoryOptions } from './manifest-directory.ts';

/** Connectors from a directory of manifests, for the demo, tests and machines without a cluster. Checked on every call. */
export class DirectoryConnectors {
  readonly #directory: ManifestDirectory;
  #contents: readonly ManifestFile[] = [];
  #connectors: ReadonlyMap<string, OrError<Connector>> = new Map();
  #classes: ReadonlyMap<string, OrError<ConnectorClass>> = new Map();
  #flags: OrError<FeatureFlags> = defaultFlags;
  #objects: readonly JsonObject[] = [];

  constructor(options: ManifestDirectoryOptions) {
    this.#directory = new ManifestDirectory(options);
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
    return this.#contents;
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
