import { randomUUID } from 'node:crypto';
import { Secret } from '../../../shared/secret.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import { signerIn } from '../private-key.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';
import type { TokenIssuer, TokenPlan, TokenStep } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { assertionForm, formRequest, tokenUrlIn } from './token-request.ts';
import { parseTokenResponse } from './token-response.ts';

/** Life of an assertion. It is sent at once. */
const assertionSeconds = 120;

/** The client credentials grant of OAuth 2 (RFC 6749, 4.4), with a client secret or a private key (RFC 7523). */
export const oauth2Client: TokenIssuer = {
  secretType: 'connectors.alauda.io/oauth2-client',

  parse(secret): TokenPlan {
    const keys = new SecretKeys(secret);
    const { path, tokenUrl, ...endpoint } = tokenUrlIn(keys);
    const request = requestIn(secret, keys, path, tokenUrl);
    return { steps: [{ ...endpoint, request, parse: parseTokenResponse }], headersFor: bearerHeaders };
  },
};

function requestIn(secret: SecretObject, keys: SecretKeys, path: string, tokenUrl: string): TokenStep['request'] {
  const id = keys.required('clientId');
  const [scope, audience] = [keys.optional('scope'), keys.optional('audience')];
  const form = {
    grant_type: 'client_credentials',
    ...(scope === undefined ? {} : { scope }),
    ...(audience === undefined ? {} : { audience }),
  };
  const usual = keys.has('privateKey') ? 'private_key_jwt' : 'client_secret_basic';
  switch (keys.optional('authMethod') ?? usual) {
    case 'client_secret_basic': {
      // Both are encoded first (RFC 6749, 2.3.1).
      const password = new Secret(formEncoded(keys.required('clientSecret')));
      const headers = basicHeaders({ username: formEncoded(id), password });
      return () => formRequest(path, form, headers);
    }
    case 'client_secret_post': {
      const clientSecret = keys.required('clientSecret');
      return () => formRequest(path, { ...form, client_id: id, client_secret: clientSecret });
    }
    case 'private_key_jwt': {
      const sign = signerIn(secret);
      const keyId = keys.optional('keyId');
      return async (nowMs) => {
        // RFC 7523 (3).
        const iat = Math.floor(nowMs / 1000);
        const claims = { iss: id, sub: id, aud: tokenUrl, jti: randomUUID(), iat, exp: iat + assertionSeconds };
        const assertion = await sign(claims, keyId === undefined ? {} : { kid: keyId });
        return formRequest(path, { ...form, client_id: id, ...assertionForm(assertion) });
      };
    }
    default: {
      const fix = 'use client_secret_basic, client_secret_post or private_key_jwt';
      throw unusableSecret('its authMethod is unknown', fix);
    }
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
