import { METHODS } from 'node:http';
import { UsageError } from '../../shared/process/flags.js';

/** A request to check. */
export interface AskedRequest {
  readonly method: string;
  /** An http or https URL, or a path on the host of the Connector's address. With its query, in Latin-1 as parsed. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

const header = /^([!#$%&'*+\-.^_`|~\w]+):(\S+)$/;

/**
 * Parses `METHOD PATH` or `METHOD URL`, with headers as `NAME:VALUE` after it.
 * @throws {UsageError}
 */
export function parseAskedRequest(words: readonly string[]): AskedRequest {
  const [method = '', target = '', ...rest] = words;
  if (!METHODS.includes(method) || method === 'CONNECT') {
    throw new UsageError(`must begin with a method of HTTP in upper case such as GET, not "${method}"`);
  }
  if (!/^(?:\/|https?:\/\/[^/])/i.test(target)) {
    throw new UsageError(`must have a path that begins with /, or an http or https URL, not "${target}"`);
  }
  const headers = rest.flatMap((word) => {
    const [, name = '', value = ''] = header.exec(word) ?? [];
    if (name === '') throw new UsageError(`has "${word}" after its path: write a header as NAME:VALUE`);
    return [name, value];
  });
  // Clients send UTF-8, which Node's parser reads as Latin-1.
  return { method, target: Buffer.from(target).toString('latin1'), headers };
}

/** Splits text at white space. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
