import type { Identity } from '../../shared/access/permission.ts';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { Secret } from '../../shared/secret.ts';

/** The identity of a client, as its token verifier reports it. */
export interface ClientIdentity {
  /** `system:serviceaccount:NS:NAME` for a service account. */
  readonly user: string;
  /** The same object for all requests with one token. */
  readonly identity: Identity;
  /** The pod that the token is bound to; undefined for an unbound token. */
  readonly pod: ClientPod | undefined;
  /** Expiry in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export interface ClientPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Credentials that a client sends to the proxy: a token, and the connectors to use. */
export interface Credentials {
  readonly token: Secret;
  /** In the order of the request, without duplicates. */
  readonly connectors: readonly ConnectorRef[];
}

/** Returns namespace and name of a service account; undefined for other users. */
export function serviceAccountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** Returns the groups that the API server assigns to a service account. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
}
