import { readFileSync } from 'node:fs';
import { CodedError } from '../errors.js';
import type { Secret } from '../secret.js';
import type { BearerToken } from './bearer-token.js';

/** How to reach an API server and who to be there. */
export interface ClusterConfig {
  readonly host: string;
  readonly port: number;
  /** Path before `/api`: empty, or with a leading slash and without a trailing one. */
  readonly basePath: string;
  /** Read anew for every connection and twice a minute, since files rotate. @throws {CodedError} FAILED_PRECONDITION naming the file. */
  readonly readTls: () => TlsMaterial;
  readonly token?: BearerToken;
  /** The namespace that the configuration names. */
  readonly namespace?: string;
}

export interface TlsMaterial {
  /** PEM; absent: the authorities that node knows. */
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: Secret;
  /** The name that the server's certificate must have, when it is not the host. */
  readonly serverName?: string;
  /** The server's certificate is not checked. */
  readonly isInsecure: boolean;
}

export function isSameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const isSameKey = a.clientKey?.equals(b.clientKey) ?? b.clientKey === undefined;
  const fields = ['ca', 'clientCertificate', 'serverName', 'isInsecure'] as const;
  return isSameKey && fields.every((field) => a[field] === b[field]);
}

/**
 * The text of a file, which is never empty: an authority file without an authority would mean all that node knows.
 * @throws {CodedError} FAILED_PRECONDITION naming the file and, where one is given, the field that named it.
 */
export function readConfigFile(file: string, field?: string): string {
  const where = field === undefined ? file : `${field}: ${file}`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new CodedError('FAILED_PRECONDITION', `${where}: cannot be read (${code})`);
  }
  if (text.trim() === '') throw new CodedError('FAILED_PRECONDITION', `${where}: is empty`);
  return text;
}

/** @throws {CodedError} INVALID_ARGUMENT unless the URL is https with a host. */
export function parseServerUrl(text: string, field: string): Pick<ClusterConfig, 'host' | 'port' | 'basePath'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new CodedError('INVALID_ARGUMENT', `${field}: must be an https URL without user and query`);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 443 : Number(url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
  };
}
