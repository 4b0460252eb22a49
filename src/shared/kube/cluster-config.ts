import { readFileSync } from 'node:fs';
import { CodedError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { BearerToken } from './bearer-token.ts';

/** Address of an API server and the credentials for it. */
export interface ClusterConfig {
  readonly host: string;
  readonly port: number;
  /** Path before `/api`: empty, or with a leading slash and without a trailing one. */
  readonly basePath: string;
  /** Reads the files, which are rotated, for each connection. @throws {CodedError} FAILED_PRECONDITION naming the file. */
  readonly readTls: () => TlsMaterial;
  readonly token?: BearerToken;
}

export interface TlsMaterial {
  /** CA certificates as PEM; absent: those of Node. */
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: Secret;
  /** Expected name in the server's certificate, if it is not the host. */
  readonly serverName?: string;
  /** Whether the server's certificate is not verified. */
  readonly isInsecure: boolean;
}

/**
 * Reads a file and rejects an empty one: an empty CA file would mean the CA certificates of Node.
 * @throws {CodedError} FAILED_PRECONDITION naming the file and, if given, the field that references it.
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

/** Parses the URL of an API server. @throws {CodedError} INVALID_ARGUMENT unless it is https with a host. */
export function parseServerUrl(text: string, field: string): Pick<ClusterConfig, 'host' | 'port' | 'basePath'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new CodedError('INVALID_ARGUMENT', `${field}: must be an https URL without user and query`);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 443 : Number(url.port),
    basePath: url.pathname.replace(/(?<!\/)\/+$/, ''),
  };
}
