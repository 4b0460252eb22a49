import { parseTokenClaims } from '../../../shared/access/token-claims.ts';
import { jsonIn, jsonItems, jsonMember, jsonText } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';
import { bearerHeaders } from '../header-credentials.ts';
import type { KeyProblem, TokenIssuer, TokenOutcome, TokenPlan, TokenResponse, TokenStep } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { formRequest, setAssertion } from './token-request.ts';
import { failureOfCode, failureOfStatus, parseTokenResponse, unusableAnswer } from './token-response.ts';

/** Hosts of Entra: of the public cloud, and those of the US government and of China. */
const authorities = ['login.microsoftonline.com', 'login.microsoftonline.us', 'login.partner.microsoftonline.cn'];
const ofRegistries = 'https://containerregistry.azure.net/.default';

/** Numbers of errors of Entra. */
const rejections: Readonly<Record<string, string>> = {
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
const registryRejections: Readonly<Record<string, string>> = {
  DENIED: 'assign AcrPull or AcrPush on the registry to the identity',
  UNAUTHORIZED: 'see whether the registry belongs to this tenant, and scope is one of its tokens',
};

/**
 * An application or a managed identity of Entra, with a federated credential for a service account of the cluster.
 * See https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
 */
export const azureWorkloadIdentity: TokenIssuer = {
  secretType: 'connectors.alauda.io/azure-workload-identity',

  parse(secret, { address, addresses }): TokenPlan | KeyProblem {
    const keys = new SecretKeys(secret);
    const tenant = keys.matching('tenantId', /^[0-9a-z][0-9a-z.-]{0,252}$/i, 'the ID of the tenant');
    const clientId = keys.matching('clientId', /^[0-9a-f-]{36}$/i, 'the client ID of the application');
    const identity = identityIn(keys, subjectLife.short, 'api://AzureADTokenExchange');
    const registry = [address, ...addresses].find(({ host }) => /^[a-z0-9-]+\.azurecr\.(?:io|cn|us)$/.test(host));
    const isPublic = registry?.host.endsWith('.azurecr.io') === true;
    const scope = isPublic ? (keys.optional('scope') ?? ofRegistries) : keys.required('scope');
    const authority = keys.optional('authorityHost') ?? 'login.microsoftonline.com';
    const origin = parseToolAddress(`https://${authority}`);
    if (keys.problem !== undefined) return keys.problem;
    if (origin?.path !== '') {
      return { problem: 'its authorityHost cannot be used', fix: 'set it to the host of Entra in this cloud' };
    }
    const path = `/${tenant}/oauth2/v2.0/token`;
    const token: TokenStep = {
      endpoint: { ...origin, path },
      endpointSource: 'authorityHost',
      isWellKnown: origin.port === 443 && authorities.includes(origin.host),
      request: (_nowMs, { value }) => {
        const form = new URLSearchParams({ client_id: clientId, scope });
        setAssertion(form, value.expose());
        return Promise.resolve(formRequest(path, form));
      },
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

const parseToken: TokenStep['parse'] = (response, nowMs, input) => {
  const codes = jsonItems(jsonMember(jsonIn(response.body), 'error_codes')).map((each) => `AADSTS${Number(each)}`);
  const found = codes.find((code) => Object.hasOwn(rejections, code));
  const failure = response.status === 200 || found === undefined ? undefined : failureOfCode(found, rejections);
  return failure ?? parseTokenResponse(response, nowMs, input);
};

/** Returns the request that exchanges the token of Entra for the registry's refresh token, which is its password. */
function registryStep(registry: ToolAddress, tenant: string): TokenStep {
  const path = '/oauth2/exchange';
  return {
    endpoint: { ...registry, path },
    endpointSource: 'spec.address',
    isWellKnown: false,
    request: (_nowMs, { value }) => {
      const form = { grant_type: 'access_token', service: registry.host, tenant, access_token: value.expose() };
      return Promise.resolve(formRequest(path, new URLSearchParams(form)));
    },
    parse: parseRefreshToken,
  };
}

function parseRefreshToken({ status, body }: TokenResponse): TokenOutcome {
  const answer = jsonIn(body);
  if (status !== 200) {
    const [error] = jsonItems(jsonMember(answer, 'errors'));
    return failureOfCode(jsonText(error, 'code') ?? '', registryRejections) ?? failureOfStatus(status);
  }
  const value = new Secret(jsonText(answer, 'refresh_token') ?? '');
  const claims = parseTokenClaims(value);
  return claims === undefined
    ? unusableAnswer('no refresh_token')
    : { kind: 'token', value, expiresAtMs: claims.expiresAtMs };
}
