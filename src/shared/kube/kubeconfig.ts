import path from 'node:path';
import { CodedError } from '../errors.js';
import { Secret } from '../secret.js';
import { StaticToken, TokenFile, isToken } from './bearer-token.js';
import type { BearerToken } from './bearer-token.js';
import { parseServerUrl, readConfigFile } from './cluster-config.js';
import type { ClusterConfig, TlsMaterial } from './cluster-config.js';
import { YamlError, parseYaml } from './yaml-documents.js';

/** Authentication methods that need a program or protocol that connectors-csi does not have. */
const unsupportedUserFields = [
  'exec',
  'auth-provider',
  'username',
  'password',
  'as',
  'as-uid',
  'as-groups',
  'as-user-extra',
];

/**
 * Reads the current context of a kubeconfig file. Paths in the file are relative to it.
 * @param now a clock in milliseconds for the age of a token file.
 * @throws {CodedError} INVALID_ARGUMENT naming file and field; FAILED_PRECONDITION for an unreadable file.
 */
export function kubeconfigConfig(file: string, now: () => number): ClusterConfig {
  const root = new Entry(valueIn(file), file, file);
  const contextName = root.requiredText('current-context');
  const context = root.named('contexts', contextName).child('context');
  const cluster = root.named('clusters', context.requiredText('cluster')).child('cluster');
  const user = root.named('users', context.requiredText('user')).child('user');
  for (const field of unsupportedUserFields)
    user.reject(field, 'not supported; use a token, tokenFile or client certificate');
  cluster.reject('proxy-url', 'not supported');
  const server = parseServerUrl(cluster.requiredText('server'), `${cluster.where}.server`);
  const token = tokenOf(user, now);
  const readTls = (): TlsMaterial => tlsOf(cluster, user);
  readTls();
  return { ...server, readTls, ...(token === undefined ? {} : { token }) };
}

function tokenOf(user: Entry, now: () => number): BearerToken | undefined {
  const file = user.file('tokenFile');
  if (file !== undefined) {
    const token = new TokenFile(file, now);
    token.current();
    return token;
  }
  const inline = user.text('token');
  if (inline === undefined) return undefined;
  if (!isToken(inline)) throw user.error('token', 'must be one line of ASCII without blanks');
  return new StaticToken(new Secret(inline));
}

function tlsOf(cluster: Entry, user: Entry): TlsMaterial {
  const ca = cluster.inlineOrFile('certificate-authority');
  const clientCertificate = user.inlineOrFile('client-certificate');
  const clientKey = user.inlineOrFile('client-key');
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    throw new CodedError('INVALID_ARGUMENT', `${user.where}: client-certificate and client-key belong together`);
  }
  const serverName = cluster.text('tls-server-name');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey: new Secret(clientKey) }),
    ...(serverName === undefined ? {} : { serverName }),
    isInsecure: cluster.flag('insecure-skip-tls-verify'),
  };
}

/** Returns the first document. A kubeconfig has only one. */
function valueIn(file: string): unknown {
  try {
    return parseYaml(readConfigFile(file, '--kubeconfig'))[0];
  } catch (error) {
    if (error instanceof YamlError) throw new CodedError('INVALID_ARGUMENT', `${file}: ${error.message}`);
    throw error;
  }
}

/** A mapping of the file, with its position for errors. */
class Entry {
  /** File and path of the entry. */
  readonly where: string;
  readonly #members: ReadonlyMap<string, unknown>;
  readonly #file: string;

  constructor(value: unknown, where: string, file: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new CodedError('INVALID_ARGUMENT', `${where}: must be a mapping`);
    }
    this.where = where;
    this.#members = new Map(Object.entries(value));
    this.#file = file;
  }

  text(field: string): string | undefined {
    const value = this.#members.get(field);
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string') throw this.error(field, 'must be a string');
    return value;
  }

  requiredText(field: string): string {
    const value = this.text(field);
    if (value === undefined) throw this.error(field, 'is missing');
    return value;
  }

  flag(field: string): boolean {
    const value = this.#members.get(field) ?? false;
    if (typeof value !== 'boolean') throw this.error(field, 'must be true or false');
    return value;
  }

  file(field: string): string | undefined {
    const name = this.text(field);
    return name === undefined ? undefined : path.resolve(path.dirname(this.#file), name);
  }

  /** Returns the content of `<field>-data` (base64) or, without it, of the file in `<field>`. */
  inlineOrFile(field: string): string | undefined {
    const inline = this.text(`${field}-data`);
    if (inline !== undefined) {
      if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(inline)) throw this.error(`${field}-data`, 'must be base64');
      const text = Buffer.from(inline, 'base64').toString();
      if (text.trim() === '') throw this.error(`${field}-data`, 'is empty');
      return text;
    }
    const file = this.file(field);
    return file === undefined ? undefined : readConfigFile(file, `${this.where}.${field}`);
  }

  reject(field: string, why: string): void {
    if (this.#members.has(field)) throw this.error(field, why);
  }

  child(field: string): Entry {
    return new Entry(this.#members.get(field), `${this.where}.${field}`, this.#file);
  }

  /** Returns the entry with that name in a list such as `users`. */
  named(list: string, name: string): Entry {
    const entries = this.#members.get(list);
    if (!Array.isArray(entries)) throw this.error(list, 'must be a list');
    const place = `${this.where}: ${list}[${name}]`;
    for (const value of entries) {
      const entry = new Entry(value, `${this.where}: ${list}`, this.#file);
      if (entry.text('name') === name) return new Entry(value, place, this.#file);
    }
    throw new CodedError('INVALID_ARGUMENT', `${place}: there is no such entry`);
  }

  error(field: string, why: string): CodedError {
    const separator = this.where === this.#file ? ': ' : '.';
    return new CodedError('INVALID_ARGUMENT', `${this.where}${separator}${field}: ${why}`);
  }
}
