import type { JsonValue } from '../../../shared/json.ts';
import { jsonIn, jsonMember } from '../../../shared/json.ts';
import { orThrow } from '../../../shared/errors.ts';
import { parsedOnce } from '../../../shared/per-object.ts';
import { proxyLimits } from '../../limits.ts';
import { Secret } from '../../../shared/secret.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import type { RegistryCredentials } from '../header-credentials.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';
import type { IssuerUse, TokenIssuer, TokenPlan } from './issuer.ts';
import { formRequest } from './token-request.ts';
import { SecretKeys } from './secret-keys.ts';
import type { Signer } from '../private-key.ts';
import { signerOf } from '../private-key.ts';
import { parseTokenResponse } from './token-response.ts';

const googleTokenUrl = 'https://oauth2.googleapis.com/token';
export const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';
/** Life of an assertion. It is sent at once. Google accepts up to an hour. */
const assertionSeconds = 300;

interface Account {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly tokenUrl: string | undefined;
  readonly sign: Signer;
}

const accountOf = parsedOnce(accountIn);

/**
 * An access token of a Google service account, for a key of it.
 * See https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
 */
export const googleServiceAccount: TokenIssuer = {
  secretType: 'connectors.alauda.io/google-service-account',

  parse(secret, use): TokenPlan {
    const account = orThrow(accountOf(secret));
    const scope = new SecretKeys(secret).optional('scope') ?? cloudPlatform;
    const { tokenUrl, endpoint, isWellKnown } = endpointFor(account, use);
    const { email, keyId, sign } = account;
    return {
      steps: [
        {
          endpoint,
          endpointSource: 'token_uri',
          isWellKnown,
          request: async (nowMs) => {
            const iat = Math.floor(nowMs / 1000);
            const claims = { iss: email, scope, aud: tokenUrl, iat, exp: iat + assertionSeconds };
            return formRequest(endpoint.path === '' ? '/' : endpoint.path, {
              grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
              assertion: await sign(claims, keyId === undefined ? {} : { kid: keyId }),
            });
          },
          parse: parseTokenResponse,
        },
      ],
      ...googleUse(use.address),
    };
  },
};

function accountIn(secret: SecretObject): Account {
  const text = secret.data.get('key.json')?.expose() ?? '';
  if (text.trim() === '') throw unusableSecret('it has no key.json', 'add the key key.json');
  const file = text.length > proxyLimits.issuedTokens.privateKeyLength * 2 ? undefined : jsonIn(text);
  if (jsonMember(file, 'type') !== 'service_account') {
    const fix = 'store the key of a service account, with the type service_account, in JSON';
    throw unusableSecret('its key.json is no key of a Google service account', fix);
  }
  const email = nameAt(file, 'client_email');
  const pem = jsonMember(file, 'private_key');
  if (email === undefined || typeof pem !== 'string') {
    throw unusableSecret('its key.json has no usable client_email or private_key', 'download the key again');
  }
  const sign = signerOf(new Secret(pem), 'private_key in key.json');
  return { email, sign, keyId: nameAt(file, 'private_key_id'), tokenUrl: nameAt(file, 'token_uri') };
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
  const isOfConnector = addresses.some(({ host, port }) => host === own?.host && port === own.port);
  if (tokenUrl !== undefined && own !== undefined && isOfConnector)
    return { tokenUrl, endpoint: own, isWellKnown: false };
  const endpoint: ToolAddress = { scheme: 'https', host: 'oauth2.googleapis.com', port: 443, path: '/token' };
  return { tokenUrl: googleTokenUrl, endpoint, isWellKnown: true };
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
