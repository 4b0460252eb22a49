import { isIP } from 'node:net';
import type { Connector } from '../../connectors/model.js';
import { jsonItems, jsonMember } from '../../json.js';
import { parseAuthority, parseToolAddress } from '../credential/tool-address.js';

/** Limit of a quoted value, in characters. */
const maxLength = 100;

/**
 * Returns a hint about the first value in `spec.addressExtensions` that was meant as an address but is not a URL.
 * Requests to that host get no credential. A class can use values for other purposes, so only those that look like a
 * host or a URL count.
 * @returns one line for the owner of the Connector; undefined if there is no such value.
 */
export function addressHint({ object }: Connector): string | undefined {
  const extensions = jsonItems(jsonMember(object['spec'], 'addressExtensions'));
  for (const [at, extension] of extensions.entries()) {
    const value = jsonMember(extension, 'value');
    if (typeof value !== 'string' || parseToolAddress(value) !== undefined) continue;
    const text = value.trim();
    if (!looksLikeAddress(text)) continue;
    const [, rest = ''] = /^(?:[a-z][-+.a-z0-9]*:\/\/)?([^@]*)$/i.exec(text) ?? [];
    const example = rest === '' ? 'https://HOST' : `https://${rest.slice(0, maxLength)}`;
    return `spec.addressExtensions[${at}] is no http or https URL, so no request to it gets the credential: write ${example}`;
  }
  return undefined;
}

function looksLikeAddress(text: string): boolean {
  if (/^[a-z][-+.a-z0-9]*:\/\//i.test(text)) return true;
  const authority = text.replace(/\/.*$/s, '');
  const host = parseAuthority(authority, 443)?.host;
  if (host === undefined) return false;
  return isIP(host) !== 0 || /:\d+$/.test(authority) || /\.[a-z]{2,}$/.test(host);
}
