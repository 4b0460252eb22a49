import type { Secret } from '../../shared/secret.ts';
import type { RawHeaders } from '../tool/headers.ts';
import type { ToolCredential } from '../tool/tool-credential.ts';
import { replacedHeaders } from '../tool/tool-credential.ts';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: Secret;
}

export function basicHeaders({ username, password }: RegistryCredentials): RawHeaders {
  return ['Authorization', `Basic ${Buffer.from(`${username}:${password.expose()}`).toString('base64')}`];
}

export function bearerHeaders(token: Secret): RawHeaders {
  return ['Authorization', `Bearer ${token.expose()}`];
}

/** Returns a credential with these headers, instead of those of the client. */
export function credentialOf(headers: RawHeaders): ToolCredential {
  return {
    replaces: replacedHeaders,
    fixedHeaders: headers,
    headersFor: () => Promise.resolve(headers),
  };
}
