import type { JsonValue } from '../../../shared/json.ts';
import { jsonIn, jsonMember } from '../../../shared/json.ts';
import { perObject } from '../../../shared/per-object.ts';
import { proxyLimits } from '../../limits.ts';
import { Secret } from '../../../shared/secret.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import type { RegistryCredentials } from '../registry/registry-tokens.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';
import type { TokenPlan, IssuerRequest, IssuerUse, KeyProblem, TokenIssuer } from './issuer.ts';
import { formRequest } from './token-request.ts';
import { SecretKeys } from './secret-keys.ts';
import type { SigningKey } from './signing-key.ts';
import { parseSigningKey } from './signing-key.ts';
import { parseTokenResponse } from './token-response.ts';

const googleTokenUrl = 'https://oauth2.googleapis.com/token';
export const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';
/** Life of an assertion. It is sent at once. Google accepts up to an hour. */
const assertionSeconds = 300;

interface Account {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly tokenUrl: string | undefined;
  readonly key: SigningKey;
}

const accountOf = perObject(accountIn);

/**
 * An access token of a Google service account, for a key of it.
 * See https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
 */
export const googleServiceAccount: TokenIssuer = {
  secretType: 'connectors.alauda.io/google-service-account',

  parse(secret, use): TokenPlan | KeyProblem {
    const account = accountOf(secret);
    if ('problem' in account) return account;
    const keys = new SecretKeys(secret);
    const scope = keys.optional('scope') ?? cloudPlatform;
    if (keys.problem !== undefined) return keys.problem;
    const { tokenUrl, endpoint, isWellKnown } = endpointFor(account, use);
    const { email, keyId, key } = account;
    const path = endpoint.path === '' ? '/' : endpoint.path;
    return {
      steps: [
        {
          endpoint,
          endpointSource: 'token_uri',
          isWellKnown,
          request: (nowMs) => requestOf({ email, keyId, key, scope, tokenUrl, path }, nowMs),
          parse: parseTokenResponse,
        },
      ],
      ...googleUse(use.address),
    };
  },
};

function accountIn(secret: SecretObject): Account | KeyProblem {
  const text = secret.data.get('key.json')?.expose() ?? '';
  if (text.trim() === '') return { problem: 'it has no key.json', fix: 'add the key key.json' };
  const file = text.length > proxyLimits.issuedTokens.privateKeyLength * 2 ? undefined : jsonIn(text);
  const type = jsonMember(file, 'type');
  if (type !== 'service_account') {
    const fix = 'store the key of a service account, with the type service_account, in JSON';
    return { problem: 'its key.json is no key of a Google service account', fix };
  }
  const email = nameAt(file, 'client_email');
  const pem = jsonMember(file, 'private_key');
  if (email === undefined || typeof pem !== 'string') {
    const fix = 'download the key again';
    return { problem: 'its key.json has no usable client_email or private_key', fix };
  }
  const key = parseSigningKey(new Secret(pem), 'private_key in key.json');
  if ('problem' in key) return key;
  return { email, key, keyId: nameAt(file, 'private_key_id'), tokenUrl: nameAt(file, 'token_uri') };
}

function nameAt(file: JsonValue | undefined, key: string): string | undefined {
  const text = jsonMember(file, key);
  return typeof text === 'string' && /^[\x21-\x7e]{1,512}$/.test(text) ? text : undefined;
}

/** Returns the endpoint in the key if it is an address of the Connector, otherwise Google's. */
function endpointFor(
  { tokenUrl }: Account,
  { addresses }: IssuerUse,
): { readonly tokenUrl: string; readonly endpoint: ToolAddress; readonly isWellKnown: boolean } {
  const own = tokenUrl === undefined ? undefined : parseToolAddress(tokenUrl);
  const isOwn = addresses.some(({ host, port }) => host === own?.host && port === own.port);
  if (tokenUrl !== undefined && own !== undefined && isOwn) return { tokenUrl, endpoint: own, isWellKnown: false };
  const endpoint: ToolAddress = { scheme: 'https', host: 'oauth2.googleapis.com', port: 443, path: '/token' };
  return { tokenUrl: googleTokenUrl, endpoint, isWellKnown: true };
}

interface Assertion {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly key: SigningKey;
  readonly scope: string;
  readonly tokenUrl: string;
  readonly path: string;
}

async function requestOf(
  { email, keyId, key, scope, tokenUrl, path }: Assertion,
  nowMs: number,
): Promise<IssuerRequest> {
  const iat = Math.floor(nowMs / 1000);
  const claims = { iss: email, scope, aud: tokenUrl, iat, exp: iat + assertionSeconds };
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: await key.sign(claims, keyId === undefined ? {} : { kid: keyId }),
  });
  return formRequest(path, form);
}

/** Returns how an access token is sent to a host of Google. */
export function googleUse(address: ToolAddress): Pick<TokenPlan, 'headersFor' | 'registryLogin'> {
  return {
    headersFor: (token) => (isArtifactRegistry(address) ? basicHeaders(loginOf(token)) : bearerHeaders(token)),
    ...(isImageRegistry(address) ? { registryLogin: loginOf } : {}),
  };
}

/** The user name and password that registries accept for a token. */
function loginOf(token: Secret): RegistryCredentials {
  return { username: 'oauth2accesstoken', password: token };
}

/** Reports whether an address is a repository of packages or images. */
function isArtifactRegistry({ host }: ToolAddress): boolean {
  return host.endsWith('.pkg.dev') || isImageRegistry({ host });
}

function isImageRegistry({ host }: Pick<ToolAddress, 'host'>): boolean {
  return /(?:^|\.)gcr\.io$|^[a-z0-9-]+-docker\.pkg\.dev$/.test(host);
}
