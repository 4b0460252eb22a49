import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { Secret } from '../../shared/secret.ts';
import { proxyLimits } from '../limits.ts';

/** Credentials that a client sends to the proxy: a token, and the connectors to use. */
interface Credentials {
  readonly token: Secret;
  /** In the order of the request, without duplicates. */
  readonly connectors: readonly ConnectorRef[];
}

const maxConnectors = proxyLimits.clients.connectors;
/** A compact JWS, the form of every token that the API server issues. */
const tokenPattern = /^[-\w]+\.[-\w]+\.[-\w]+$/;
const maxHeaderLength = proxyLimits.clients.authorizationLength;
const dnsName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * Parses `Proxy-Authorization: Basic base64(NAMESPACE/NAME,…:TOKEN)`. The names can be percent-encoded, because only
 * some tools decode the user name in a proxy URL.
 * @returns undefined if the header is missing, malformed or has another scheme.
 */
export function parseProxyAuthorization(header: string | undefined): Credentials | undefined {
  const pair = parseBasic(header);
  if (pair === undefined) return undefined;
  const connectors = parseConnectors(pair.user);
  const token = parseToken(pair.password);
  return connectors === undefined || token === undefined ? undefined : { connectors, token };
}

/** Credentials of a client in reverse mode. */
interface ReverseCredentials {
  /** undefined for a bearer token. */
  readonly user: string | undefined;
  readonly token: Secret;
}

/** Parses `Authorization: Basic USER:TOKEN` or `Bearer TOKEN`, which clients send in reverse mode. */
export function parseReverseAuthorization(header: string | undefined): ReverseCredentials | undefined {
  const [, bearer] = /^bearer +(\S+) *$/i.exec(header ?? '') ?? [];
  const { user, password } = bearer === undefined ? (parseBasic(header) ?? {}) : { user: undefined, password: bearer };
  const token = parseToken(password ?? '');
  return token === undefined ? undefined : { user, token };
}

function parseBasic(header: string | undefined): { readonly user: string; readonly password: string } | undefined {
  if (header === undefined || header.length > maxHeaderLength) return undefined;
  const [, encoded] = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.lastIndexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parseToken(text: string): Secret | undefined {
  return tokenPattern.test(text) ? new Secret(text) : undefined;
}

function parseConnectors(user: string): readonly ConnectorRef[] | undefined {
  const names = decoded(user)?.split(',') ?? [];
  const refs = new Map<string, ConnectorRef>();
  for (const each of names) {
    const [namespace = '', name = '', ...rest] = each.trim().split('/');
    if (rest.length > 0 || !dnsName.test(namespace) || !dnsName.test(name)) return undefined;
    refs.set(`${namespace}/${name}`, { namespace, name });
  }
  return refs.size === 0 || refs.size > maxConnectors ? undefined : [...refs.values()];
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
