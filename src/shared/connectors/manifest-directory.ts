import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { CodedError, toCodedError } from '../errors.ts';
import { fileSignature } from '../file-signature.ts';
import type { Log } from '../log.ts';
import { parseManifestFile } from './manifest-file.ts';
import type { ManifestFile } from './manifest-file.ts';

export interface ManifestDirectoryOptions {
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
 * A directory of manifests, checked on every read, so that changes take effect at once. A file that cannot be read or
 * parsed is reported by name and keeps its last good content.
 */
export class ManifestDirectory {
  readonly #options: ManifestDirectoryOptions;
  #files: ReadonlyMap<string, ReadFile> = new Map();
  #contents: readonly ManifestFile[] = [];

  constructor(options: ManifestDirectoryOptions) {
    this.#options = options;
  }

  /**
   * Returns the contents of the files in the order of their names. Without changes it is the same array, and unchanged
   * files keep the identity of their content.
   * @throws {CodedError} UNAVAILABLE if the directory is not readable.
   */
  read(): readonly ManifestFile[] {
    const names = this.#list().filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name));
    const files = new Map(names.sort().map((name) => [name, this.#readFile(name, this.#files.get(name))]));
    const isSame =
      files.size === this.#files.size && [...files].every(([name, file]) => this.#files.get(name) === file);
    if (isSame) return this.#contents;
    this.#files = files;
    this.#contents = [...files.values()].flatMap(({ content }) => (content === undefined ? [] : [content]));
    return this.#contents;
  }

  /** Returns the files that cannot be read or parsed, with the reasons. */
  brokenFiles(): readonly string[] {
    return [...this.#files].flatMap(([name, { problem }]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
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
