import { parseTokenClaims } from '../../../shared/access/token-claims.ts';
import { jsonItems, jsonMember, jsonText } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';
import { bearerHeaders } from '../header-credentials.ts';
import type { TokenIssuer, TokenPlan, TokenStep } from './issuer.ts';
import { SecretKeys, unusableKey } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { formRequest, assertionForm } from './token-request.ts';
import { issuedToken, oauthFixes, oauthParser, responseParser } from './token-response.ts';
import type { Fixes } from './token-response.ts';

/** Hosts of Entra: of the public cloud, and those of the US government and of China. */
const authorities = ['login.microsoftonline.com', 'login.microsoftonline.us', 'login.partner.microsoftonline.cn'];
const ofRegistries = 'https://containerregistry.azure.net/.default';

/** Numbers of errors of Entra. */
const rejections: Fixes = {
  ...oauthFixes,
  AADSTS500011: 'see whether scope names an application of this tenant',
  AADSTS700016: 'see whether clientId is an application or a managed identity of this tenant',
  AADSTS70021: 'add a federated credential with this issuer, subject and audience',
  AADSTS700211: 'add a federated credential with this issuer',
  AADSTS700212: 'add a federated credential with this audience',
  AADSTS700213: 'add a federated credential with this subject',
  AADSTS700024: 'see whether the clock of the API server is right',
  AADSTS7000215: 'see whether the application has a federated credential',
  AADSTS7002138: 'write the subject of the federated credential in the same case',
  AADSTS90002: 'see whether tenantId exists in this cloud',
};

/** Codes of a registry. */
const registryRejections: Fixes = {
  DENIED: 'assign AcrPull or AcrPush on the registry to the identity',
  UNAUTHORIZED: 'see whether the registry belongs to this tenant, and scope is one of its tokens',
};

/**
 * An application or a managed identity of Entra, with a federated credential for a service account of the cluster.
 * See https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
 */
export const azureWorkloadIdentity: TokenIssuer = {
  secretType: 'connectors.alauda.io/azure-workload-identity',

  parse(secret, { address, addresses }): TokenPlan {
    const keys = new SecretKeys(secret);
    const tenant = keys.matching('tenantId', /^[0-9a-z][0-9a-z.-]{0,252}$/i, 'the ID of the tenant');
    const clientId = keys.matching('clientId', /^[0-9a-f-]{36}$/i, 'the client ID of the application');
    const identity = identityIn(keys, subjectLife.short, 'api://AzureADTokenExchange');
    const registry = [address, ...addresses].find(({ host }) => /^[a-z0-9-]+\.azurecr\.(?:io|cn|us)$/.test(host));
    const isPublic = registry?.host.endsWith('.azurecr.io') === true;
    const scope = isPublic ? (keys.optional('scope') ?? ofRegistries) : keys.required('scope');
    const authority = keys.optional('authorityHost') ?? 'login.microsoftonline.com';
    const origin = parseToolAddress(`https://${authority}`);
    if (origin?.path !== '') throw unusableKey('authorityHost', 'the host of Entra in this cloud');
    const path = `/${tenant}/oauth2/v2.0/token`;
    const token: TokenStep = {
      endpoint: { ...origin, path },
      endpointSource: 'authorityHost',
      isWellKnown: origin.port === 443 && authorities.includes(origin.host),
      request: (_nowMs, { value }) =>
        formRequest(path, { client_id: clientId, scope, ...assertionForm(value.expose()) }),
      parse: parseToken,
    };
    if (registry === undefined) return { identity, steps: [token], headersFor: bearerHeaders };
    return {
      identity,
      steps: [token, registryStep(registry, tenant)],
      headersFor: () => [],
      registryLogin: (password) => ({ username: '00000000-0000-0000-0000-000000000000', password }),
    };
  },
};

/** An error has a list of numbers, and a code of OAuth 2. */
const parseToken = oauthParser(rejections, ['bearer'], (answer) => {
  const codes = jsonItems(jsonMember(answer, 'error_codes')).map((each) => `AADSTS${Number(each)}`);
  return codes.find((code) => Object.hasOwn(rejections, code)) ?? jsonText(answer, 'error');
});

/** Returns the request that exchanges the token of Entra for the registry's refresh token, which is its password. */
function registryStep(registry: ToolAddress, tenant: string): TokenStep {
  const path = '/oauth2/exchange';
  return {
    endpoint: { ...registry, path },
    endpointSource: 'spec.address',
    isWellKnown: false,
    request: (_nowMs, { value }) => {
      const form = { grant_type: 'access_token', service: registry.host, tenant, access_token: value.expose() };
      return formRequest(path, form);
    },
    parse: parseRefreshToken,
  };
}

const parseRefreshToken = responseParser(
  registryRejections,
  (answer) => jsonText(jsonItems(jsonMember(answer, 'errors'))[0], 'code'),
  (answer) => {
    const value = jsonText(answer, 'refresh_token');
    const claims = value === undefined ? undefined : parseTokenClaims(new Secret(value));
    return issuedToken(value, 'refresh_token', claims?.expiresAtMs ?? NaN);
  },
);
