import type { Secret } from '../../../shared/secret.ts';
import { bearerHeaders } from '../header-credentials.ts';
import type { KeyProblem, TokenIssuer, TokenPlan } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { formRequest, setAssertion, setSubject, tokenUrlAt } from './token-request.ts';
import { oauthFixes, tokenParser } from './token-response.ts';

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

  parse(secret): TokenPlan | KeyProblem {
    const keys = new SecretKeys(secret);
    const identity = identityIn(keys, subjectLife.long);
    const tokenUrl = keys.required('tokenUrl');
    const grants = /^(?:token-exchange|client-assertion)$/;
    const named = keys.matching('grant', grants, 'token-exchange or client-assertion', 'token-exchange');
    const grant = named === 'client-assertion' ? named : 'token-exchange';
    const form = new URLSearchParams();
    for (const [parameter, key] of Object.entries(parameters[grant])) {
      const value = keys.optional(key);
      if (value !== undefined) form.set(parameter, value);
    }
    if (keys.problem !== undefined) return keys.problem;
    const found = tokenUrlAt(tokenUrl);
    if ('problem' in found) return found;
    return {
      identity,
      steps: [
        {
          endpoint: found.endpoint,
          endpointSource: 'tokenUrl',
          isWellKnown: false,
          request: (_nowMs, { value }) => Promise.resolve(formRequest(found.path, withSubject(form, grant, value))),
          // A token of another type than an access token has the type N_A (RFC 8693, 2.2.1).
          parse: tokenParser(fixes, ['bearer', 'n_a']),
        },
      ],
      headersFor: bearerHeaders,
    };
  },
};

function withSubject(parameters: URLSearchParams, grant: string, subject: Secret): URLSearchParams {
  const form = new URLSearchParams(parameters);
  if (grant === 'client-assertion') setAssertion(form, subject.expose());
  else setSubject(form, subject);
  return form;
}
