import { awsEcr } from './aws-ecr.ts';
import { awsWebIdentity } from './aws-web-identity.ts';
import { azureWorkloadIdentity } from './azure-workload-identity.ts';
import { githubApp } from './github-app.ts';
import { googleServiceAccount } from './google-service-account.ts';
import { googleWorkloadIdentity } from './google-workload-identity.ts';
import type { TokenIssuer, TokenPlan, TokenStep } from './issuer.ts';
import { randomUUID } from 'node:crypto';
import { Secret } from '../../../shared/secret.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';
import { assertionForm, formRequest, tokenUrlIn, exchangeForm } from './token-request.ts';
import { SecretKeys } from './secret-keys.ts';
import { signerIn } from '../private-key.ts';
import { parseTokenResponse, oauthFixes, oauthParser } from './token-response.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';

/** Life of an assertion. It is sent at once. */
const assertionSeconds = 120;

/** The client credentials grant of OAuth 2 (RFC 6749, 4.4), with a client secret or a private key (RFC 7523). */
const oauth2Client: TokenIssuer = {
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

/** Optional keys of the Secret, by the parameter that they become. */
const parameters = {
  'token-exchange': {
    resource: 'resource',
    audience: 'requestedAudience',
    scope: 'scope',
    client_id: 'clientId',
    requested_token_type: 'requestedTokenType',
  },
  'client-assertion': { client_id: 'clientId', scope: 'scope' },
} as const;

const untrusted = 'see whether the service trusts the issuer of the cluster, this service account and this audience';
/** Codes for a subject token that is rejected: RFC 8693 (2.2.2) and RFC 7523 (3.2). */
const fixes = { ...oauthFixes, invalid_request: untrusted, invalid_client: untrusted, invalid_grant: untrusted };

/** A token service that trusts the issuer of the cluster (RFC 8693, or RFC 7523 as the assertion of a client). */
const tokenExchange: TokenIssuer = {
  secretType: 'connectors.alauda.io/token-exchange',

  parse(secret): TokenPlan {
    const keys = new SecretKeys(secret);
    const identity = identityIn(keys, subjectLife.long);
    const { path, ...endpoint } = tokenUrlIn(keys);
    const grants = /^(?:token-exchange|client-assertion)$/;
    const named = keys.matching('grant', grants, 'token-exchange or client-assertion', 'token-exchange');
    const grant = named === 'client-assertion' ? named : 'token-exchange';
    const form = Object.fromEntries(
      Object.entries(parameters[grant]).flatMap(([parameter, key]) => {
        const value = keys.optional(key);
        return value === undefined ? [] : [[parameter, value]];
      }),
    );
    return {
      identity,
      steps: [
        {
          ...endpoint,
          request: (_nowMs, { value }) => {
            const ofGrant = grant === 'client-assertion' ? assertionForm(value.expose()) : exchangeForm(value);
            return formRequest(path, { ...form, ...ofGrant });
          },
          // A token of another type than an access token has the type N_A (RFC 8693, 2.2.1).
          parse: oauthParser(fixes, ['bearer', 'n_a']),
        },
      ],
      headersFor: bearerHeaders,
    };
  },
};

/** The token of a service account itself, for a tool that trusts the issuer of the cluster. */
const serviceAccountToken: TokenIssuer = {
  secretType: 'connectors.alauda.io/service-account-token',

  parse(secret): TokenPlan {
    const identity = identityIn(new SecretKeys(secret), subjectLife.long);
    return { identity, steps: [], headersFor: bearerHeaders };
  },
};

/** All kinds of credentials whose tokens are requested. */
export const issuers: readonly TokenIssuer[] = [
  ...[awsEcr, githubApp, googleServiceAccount, oauth2Client],
  ...[awsWebIdentity, azureWorkloadIdentity, googleWorkloadIdentity, serviceAccountToken, tokenExchange],
];
