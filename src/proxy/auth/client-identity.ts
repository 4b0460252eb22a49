import type { ConnectorRef } from '../../connectors/model.js';
import type { Secret } from '../../secret.js';

/** Who a token stands for, as whoever verified it says. */
export interface ClientIdentity {
  /** `system:serviceaccount:NS:NAME` for a service account. */
  readonly user: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  /** The pod that the token is bound to; undefined for a token that is bound to none. */
  readonly pod: ClientPod | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export interface ClientPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What a client shows: a token, and the connectors that it means to use. */
export interface Credentials {
  readonly token: Secret;
  /** In the order of naming, none twice. */
  readonly connectors: readonly ConnectorRef[];
}

/** The service account's namespace and name; undefined for other users. */
export function serviceAccountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** The groups that the API server gives to a service account. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
}
