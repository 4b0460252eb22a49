import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { CodedError, toCodedError } from '../errors.js';
import { fileSignature } from '../file-signature.js';
import type { Log } from '../log.js';

export interface ManifestDirectoryOptions<T> {
  /** Directory of .yaml, .yml and .json manifests; subdirectories are not read. */
  readonly directory: string;
  /** @throws {CodedError} for a malformed manifest. */
  readonly parse: (text: string) => T;
  /** Returns the errors of malformed objects in a parsed file. */
  readonly errorsIn: (content: T) => readonly CodedError[];
  /** Consequence while the directory has never been readable, for the log. */
  readonly consequence: string;
  readonly log: Log;
}

interface ReadFile<T> {
  readonly signature: string;
  /** The last parsed content. */
  readonly content: T | undefined;
  /** Why the current content could not be parsed. */
  readonly problem: string | undefined;
}

/**
 * A directory of manifests, checked on every read, so that changes take effect at once. A file that cannot be read or
 * parsed is reported by name and keeps its last good content. So does an unreadable directory.
 */
export class ManifestDirectory<T> {
  readonly #options: ManifestDirectoryOptions<T>;
  #files: ReadonlyMap<string, ReadFile<T>> = new Map();
  #contents: readonly T[] = [];
  /** Result of the last check of the directory. */
  #isReadable = true;

  constructor(options: ManifestDirectoryOptions<T>) {
    this.#options = options;
  }

  /**
   * Returns the contents of the files in the order of their names. Without changes it is the same array, and unchanged
   * files keep the identity of their content.
   * @throws {CodedError} UNAVAILABLE if the directory has never been readable.
   */
  read(): readonly T[] {
    const listed = this.#list();
    if (listed instanceof CodedError) {
      if (this.#files.size === 0) throw listed;
      return this.#contents;
    }
    const names = listed.filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith('.')).sort();
    const files = new Map(names.map((name) => [name, this.#readFile(name, this.#files.get(name))]));
    const isSame =
      files.size === this.#files.size && [...files].every(([name, file]) => this.#files.get(name) === file);
    if (isSame) return this.#contents;
    this.#files = files;
    this.#contents = [...files.values()].flatMap(({ content }) => (content === undefined ? [] : [content]));
    return this.#contents;
  }

  /** Returns why nothing can be read; undefined if the directory is readable. Changes are logged. */
  problem(): string | undefined {
    const listed = this.#list();
    return listed instanceof CodedError ? listed.message : undefined;
  }

  /** Returns the files that cannot be used as they are, with the reasons. */
  brokenFiles(): readonly string[] {
    return [...this.#files].flatMap(([name, { content, problem }]) => {
      const malformed = content === undefined ? [] : this.#options.errorsIn(content).map(({ message }) => message);
      return (problem === undefined ? malformed : [problem]).map((each) => `${name}: ${each}`);
    });
  }

  /** Returns the names in the directory, or why it cannot be read. */
  #list(): readonly string[] | CodedError {
    const { directory, log } = this.#options;
    const wasReadable = this.#isReadable;
    try {
      const names = readdirSync(directory);
      this.#isReadable = true;
      if (!wasReadable) log.info('Manifest directory readable again', { path: directory });
      return names;
    } catch (error) {
      this.#isReadable = false;
      const consequence =
        this.#files.size === 0
          ? `${this.#options.consequence}: make it readable or correct the flag`
          : 'the last good objects are kept: make it readable again';
      if (wasReadable) {
        log.error('Manifest directory not readable', { path: directory, reason: consequence, error });
      }
      return new CodedError('UNAVAILABLE', `the directory ${directory} of --manifests cannot be read`, {
        cause: error,
      });
    }
  }

  #readFile(name: string, previous: ReadFile<T> | undefined): ReadFile<T> {
    const { directory, parse, errorsIn, log } = this.#options;
    const file = path.join(directory, name);
    let signature = '';
    try {
      signature = fileSignature(file);
      if (previous?.signature === signature) return previous;
      const content = parse(readFileSync(file, 'utf8'));
      for (const error of errorsIn(content)) log.error('Malformed manifest', { file: name, error });
      return { signature, content, problem: undefined };
    } catch (error) {
      if (previous?.signature === signature) return previous;
      const { message } = toCodedError(error, 'the file cannot be read');
      log.error('Failed to read manifest file, keeping its last good objects', { file: name, error });
      return { signature, content: previous?.content, problem: message };
    }
  }
}
