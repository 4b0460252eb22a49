import { bearerHeaders } from '../header-credentials.ts';
import type { TokenIssuer, TokenPlan } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { assertionForm, exchangeForm, formRequest, tokenUrlIn } from './token-request.ts';
import { oauthFixes, oauthParser } from './token-response.ts';

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
export const tokenExchange: TokenIssuer = {
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
