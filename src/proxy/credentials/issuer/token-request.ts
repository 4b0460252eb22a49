import type { Secret } from '../../../shared/secret.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';
import type { RawHeaders } from '../../tool/headers.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';
import type { IssuerRequest, IssuerUse, TokenStep } from './issuer.ts';
import type { SecretKeys } from './secret-keys.ts';

type EndpointOfStep = Pick<TokenStep, 'endpoint' | 'endpointSource' | 'isWellKnown'>;

/** Parameters of a form. */
type Form = Readonly<Record<string, string>>;

/** Returns the POST of a form, as OAuth 2 token endpoints require it (RFC 6749, 3.2). */
export function formRequest(path: string, form: Form, headers: RawHeaders = []): IssuerRequest {
  return {
    method: 'POST',
    path,
    headers: ['Accept', 'application/json', 'Content-Type', 'application/x-www-form-urlencoded', ...headers],
    body: new URLSearchParams(form).toString(),
  };
}

/** Returns the parameters of the client credentials grant with an assertion (RFC 7523, 2.2). */
export function assertionForm(assertion: string): Form {
  return {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  };
}

/** Returns the parameters of a token exchange (RFC 8693, 2.1). */
export function exchangeForm(subject: Secret): Form {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: subject.expose(),
  };
}

/** Returns a provider's endpoint: another name of it that is an address of the Connector, otherwise its fixed host. */
export function providerEndpoint(
  host: string,
  path: string,
  { addresses }: IssuerUse,
  isAlias: (host: string) => boolean,
): EndpointOfStep {
  const own = addresses.find((each) => each.scheme === 'https' && isAlias(each.host));
  return {
    endpoint: { scheme: 'https', host, port: 443, ...own, path },
    endpointSource: 'spec.addressExtensions',
    isWellKnown: own === undefined,
  };
}

/**
 * Returns the endpoint in the key `tokenUrl`, and its path as it is written, with the query: some servers distinguish
 * `/token` from `/token/`. @throws {CodedError}
 */
export function tokenUrlIn(keys: SecretKeys): EndpointOfStep & { readonly path: string; readonly tokenUrl: string } {
  const tokenUrl = keys.required('tokenUrl');
  const [, url = '', query = ''] = /^([^?#]*)(\?[^#]*)?$/s.exec(tokenUrl) ?? [];
  const endpoint = parseToolAddress(url);
  if (endpoint === undefined) {
    throw unusableSecret('its tokenUrl is no http or https URL', 'set it to the https URL of the token endpoint');
  }
  const path = `${endpoint.path}${url.endsWith('/') || endpoint.path === '' ? '/' : ''}${query}`;
  return { tokenUrl, path, endpoint, endpointSource: 'tokenUrl', isWellKnown: false };
}
