import { jsonMember, jsonText } from '../../../shared/json.ts';
import { bearerHeaders } from '../header-credentials.ts';
import { cloudPlatform, googleUse } from './google-service-account.ts';
import type { IssuerUse, TokenIssuer, TokenPlan, TokenStep } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { exchangeForm, formRequest, providerEndpoint } from './token-request.ts';
import { issuedToken, oauthParser, responseParser } from './token-response.ts';
import type { Fixes } from './token-response.ts';

const untrusted = 'see whether the provider has this issuer, its keys, and this audience';

/** Codes of Google's Security Token Service. */
const exchangeFixes: Fixes = {
  invalid_grant: untrusted,
  invalid_request: 'see whether provider is the full name of the provider, with the number of the project',
  invalid_scope: 'request only scopes of Google',
  invalid_target: 'see whether pool and provider exist and are enabled',
  unauthorized_client: 'see whether the attribute condition of the provider admits this service account',
};

/** Codes of the IAM Service Account Credentials API. */
const impersonationFixes: Fixes = {
  INVALID_ARGUMENT: 'see whether scope has scopes of Google only',
  NOT_FOUND: 'see whether the service account in impersonate exists',
  PERMISSION_DENIED: 'grant roles/iam.workloadIdentityUser on the service account in impersonate to this subject',
  UNAUTHENTICATED: untrusted,
};

/**
 * A provider of a workload identity pool of Google Cloud, which trusts the issuer of the cluster.
 * See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token.
 */
export const googleWorkloadIdentity: TokenIssuer = {
  secretType: 'connectors.alauda.io/google-workload-identity',

  parse(secret, use): TokenPlan {
    const keys = new SecretKeys(secret);
    const provider = keys.matching(
      'provider',
      names,
      'projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER',
    );
    const identity = identityIn(keys, subjectLife.long, `https://iam.googleapis.com/${provider}`);
    const impersonate = keys.has('impersonate')
      ? keys.matching('impersonate', email, 'the e-mail of a service account')
      : undefined;
    const scope = keys.optional('scope') ?? cloudPlatform;
    const exchange: TokenStep = {
      ...endpointFor('sts', '/v1/token', use),
      request: (_nowMs, { value }) =>
        formRequest('/v1/token', {
          audience: `//iam.googleapis.com/${provider}`,
          requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          scope: impersonate === undefined ? scope : cloudPlatform,
          ...exchangeForm(value),
        }),
      parse: oauthParser(exchangeFixes, ['bearer']),
    };
    const { headersFor, ...others } = googleUse(use.address);
    return {
      identity,
      steps: impersonate === undefined ? [exchange] : [exchange, impersonation(impersonate, scope, use)],
      // Clients could get tokens there that work without the proxy.
      headersFor: (token, each) =>
        /^(?:sts|iamcredentials)[.-]/.test(use.address.host) ? [] : headersFor(token, each),
      ...others,
    };
  },
};

const names =
  /^projects\/\d{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/;
const email = /^[a-z0-9-]{1,64}@[a-z0-9.-]{1,253}$/;

/** Returns the request for a token of a service account of Google, which the first token can impersonate. */
function impersonation(account: string, scope: string, use: IssuerUse): TokenStep {
  const path = `/v1/projects/-/serviceAccounts/${account}:generateAccessToken`;
  return {
    ...endpointFor('iamcredentials', path, use),
    request: (_nowMs, { value }) => ({
      method: 'POST',
      path,
      headers: ['Accept', 'application/json', 'Content-Type', 'application/json', ...bearerHeaders(value)],
      body: JSON.stringify({ scope: scope.split(/\s+/), lifetime: '3600s' }),
    }),
    parse: parseImpersonation,
  };
}

const parseImpersonation = responseParser(
  impersonationFixes,
  (answer) => jsonText(jsonMember(answer, 'error'), 'status'),
  (answer) => {
    const expiresAtMs = Date.parse((jsonText(answer, 'expireTime') ?? '').slice(0, 64));
    return issuedToken(jsonText(answer, 'accessToken'), 'accessToken', expiresAtMs);
  },
);

/** Returns an endpoint of Google, or one for Private Service Connect. */
function endpointFor(service: string, path: string, use: IssuerUse): ReturnType<typeof providerEndpoint> {
  const isAlias = (host: string): boolean => host.startsWith(`${service}-`) && host.endsWith('.p.googleapis.com');
  return providerEndpoint(`${service}.googleapis.com`, path, use, isAlias);
}
