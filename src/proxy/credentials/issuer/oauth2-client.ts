import { randomUUID } from 'node:crypto';
import type { RawHeaders } from '../../tool/headers.ts';
import { bearerHeaders } from '../header-credentials.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type { TokenPlan, IssuerRequest, KeyProblem, TokenIssuer } from './issuer.ts';
import { formRequest, setAssertion, tokenUrlAt } from './token-request.ts';
import { SecretKeys } from './secret-keys.ts';
import type { SigningKey } from './signing-key.ts';
import { signingKeyIn } from './signing-key.ts';
import { parseTokenResponse } from './token-response.ts';

/** Life of an assertion. It is sent at once. */
const assertionSeconds = 120;

interface Client {
  readonly id: string;
  readonly tokenUrl: string;
  readonly authentication:
    | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
    | { readonly method: 'private_key_jwt'; readonly key: SigningKey; readonly keyId: string | undefined };
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** The client credentials grant of OAuth 2 (RFC 6749, 4.4), with a client secret or a private key (RFC 7523). */
export const oauth2Client: TokenIssuer = {
  secretType: 'connectors.alauda.io/oauth2-client',

  parse(secret): TokenPlan | KeyProblem {
    const keys = new SecretKeys(secret);
    const tokenUrl = keys.required('tokenUrl');
    const client = clientIn(secret, keys, tokenUrl);
    if (keys.problem !== undefined) return keys.problem;
    if ('problem' in client) return client;
    const found = tokenUrlAt(tokenUrl);
    if ('problem' in found) return found;
    const { endpoint, path } = found;
    return {
      steps: [
        {
          endpoint,
          endpointSource: 'tokenUrl',
          isWellKnown: false,
          request: (nowMs) => requestOf(client, path, nowMs),
          parse: parseTokenResponse,
        },
      ],
      headersFor: bearerHeaders,
    };
  },
};

function clientIn(secret: SecretObject, keys: SecretKeys, tokenUrl: string): Client | KeyProblem {
  const id = keys.required('clientId');
  const parameters = ['scope', 'audience'].flatMap((name) => {
    const value = keys.optional(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const method = keys.optional('authMethod') ?? (keys.has('privateKey') ? 'private_key_jwt' : 'client_secret_basic');
  if (method === 'private_key_jwt') {
    const key = signingKeyIn(secret);
    if ('problem' in key) return key;
    return { id, tokenUrl, parameters, authentication: { method, key, keyId: keys.optional('keyId') } };
  }
  if (method !== 'client_secret_basic' && method !== 'client_secret_post') {
    const fix = 'use client_secret_basic, client_secret_post or private_key_jwt';
    return { problem: 'its authMethod is unknown', fix };
  }
  return { id, tokenUrl, parameters, authentication: { method, secret: keys.required('clientSecret') } };
}

async function requestOf(client: Client, path: string, nowMs: number): Promise<IssuerRequest> {
  const { id, parameters, authentication } = client;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  for (const [name, value] of parameters) form.set(name, value);
  let headers: RawHeaders = [];
  switch (authentication.method) {
    case 'client_secret_basic': {
      // Both are encoded first (RFC 6749, 2.3.1).
      const login = `${formEncoded(id)}:${formEncoded(authentication.secret)}`;
      headers = ['Authorization', `Basic ${Buffer.from(login).toString('base64')}`];
      break;
    }
    case 'client_secret_post':
      form.set('client_id', id);
      form.set('client_secret', authentication.secret);
      break;
    case 'private_key_jwt':
      form.set('client_id', id);
      setAssertion(form, await assertion(client, authentication, nowMs));
  }
  return formRequest(path, form, headers);
}

/** Returns the assertion of RFC 7523 (3). */
function assertion(
  { id, tokenUrl }: Client,
  { key, keyId }: { readonly key: SigningKey; readonly keyId: string | undefined },
  nowMs: number,
): Promise<string> {
  const iat = Math.floor(nowMs / 1000);
  const claims = { iss: id, sub: id, aud: tokenUrl, jti: randomUUID(), iat, exp: iat + assertionSeconds };
  return key.sign(claims, keyId === undefined ? {} : { kid: keyId });
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
