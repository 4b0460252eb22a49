import path from 'node:path';
import { CodedError } from '../errors.ts';
import { isJsonObject } from '../json.ts';
import { ObjectReader } from '../object-reader.ts';
import { Secret } from '../secret.ts';
import { staticToken, TokenFile, isToken } from './bearer-token.ts';
import type { BearerToken } from './bearer-token.ts';
import { parseServerUrl, readConfigFile } from './cluster-config.ts';
import type { ClusterConfig, TlsMaterial } from './cluster-config.ts';
import { YamlError, parseYaml } from './yaml-documents.ts';

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
 * @throws {CodedError} FAILED_PRECONDITION naming file and field.
 */
export function kubeconfigConfig(file: string, now: () => number): ClusterConfig {
  const root = readRoot(file);
  const context = entryOf(root, 'contexts', root.requiredString('current-context'), 'context');
  const cluster = entryOf(root, 'clusters', context.requiredString('cluster'), 'cluster');
  const user = entryOf(root, 'users', context.requiredString('user'), 'user');
  const unsupported = unsupportedUserFields.find((field) => user.has(field));
  if (unsupported !== undefined) {
    throw user.malformed(unsupported, 'is not supported; use a token, tokenFile or client certificate');
  }
  if (cluster.has('proxy-url')) throw cluster.malformed('proxy-url', 'is not supported');
  const server = parseServerUrl(cluster.requiredString('server'), `${file}: server`);
  const token = tokenOf(user, file, now);
  const readTls = (): TlsMaterial => tlsOf(cluster, user, file);
  readTls();
  return { ...server, readTls, ...(token === undefined ? {} : { token }) };
}

/** Reads the first document. A kubeconfig has only one. */
function readRoot(file: string): ObjectReader {
  const text = readConfigFile(file, '--kubeconfig');
  try {
    const [root] = parseYaml(text);
    if (isJsonObject(root)) return new ObjectReader(file, root);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new CodedError('FAILED_PRECONDITION', `${file}: ${error.message}`);
  }
  throw new CodedError('FAILED_PRECONDITION', `${file}: must be an object`);
}

/** Returns the content of the entry with that name in a list such as `users`. */
function entryOf(root: ObjectReader, list: string, name: string, content: string): ObjectReader {
  const found = root.children(list).find((entry) => entry.optionalString('name') === name);
  if (found === undefined) throw root.malformed(list, `has no entry "${name}"`);
  return found.child(content);
}

function tokenOf(user: ObjectReader, file: string, now: () => number): BearerToken | undefined {
  const tokenFile = user.optionalString('tokenFile') ?? '';
  if (tokenFile !== '') {
    const token = new TokenFile(path.resolve(path.dirname(file), tokenFile), now);
    token.current();
    return token;
  }
  const inline = user.optionalString('token') ?? '';
  if (inline === '') return undefined;
  if (!isToken(inline)) throw user.malformed('token', 'must be one line of ASCII without blanks');
  return staticToken(new Secret(inline));
}

function tlsOf(cluster: ObjectReader, user: ObjectReader, file: string): TlsMaterial {
  const ca = pemOf(cluster, 'certificate-authority', file);
  const clientCertificate = pemOf(user, 'client-certificate', file);
  const clientKey = pemOf(user, 'client-key', file);
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    throw user.malformed('client-certificate', 'and client-key belong together');
  }
  const serverName = cluster.optionalString('tls-server-name') ?? '';
  const isInsecure = cluster.value('insecure-skip-tls-verify') ?? false;
  if (typeof isInsecure !== 'boolean') throw cluster.malformed('insecure-skip-tls-verify', 'must be true or false');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey: new Secret(clientKey) }),
    ...(serverName === '' ? {} : { serverName }),
    isInsecure,
  };
}

/** Returns the content of `<field>-data` (base64) or, without it, of the file in `<field>`. */
function pemOf(reader: ObjectReader, field: string, file: string): string | undefined {
  const inline = reader.optionalString(`${field}-data`) ?? '';
  if (inline !== '') {
    const text = Buffer.from(inline, 'base64').toString();
    // An empty CA would mean the CA certificates of Node.
    if (text.trim() === '') throw reader.malformed(`${field}-data`, 'must be base64, and not empty');
    return text;
  }
  const name = reader.optionalString(field) ?? '';
  return name === '' ? undefined : readConfigFile(path.resolve(path.dirname(file), name), field);
}
