import type { Secret } from '../../../shared/secret.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';
import type { RawHeaders } from '../../tool/headers.ts';
import type { IssuerRequest, IssuerUse, KeyProblem, TokenStep } from './issuer.ts';

/** Returns the POST of a form, as OAuth 2 token endpoints require it (RFC 6749, 3.2). */
export function formRequest(path: string, form: URLSearchParams, headers: RawHeaders = []): IssuerRequest {
  return {
    method: 'POST',
    path,
    headers: ['Accept', 'application/json', 'Content-Type', 'application/x-www-form-urlencoded', ...headers],
    body: form.toString(),
  };
}

/** Adds the parameters of the client credentials grant with an assertion (RFC 7523, 2.2). */
export function setAssertion(form: URLSearchParams, assertion: string): void {
  form.set('grant_type', 'client_credentials');
  form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  form.set('client_assertion', assertion);
}

/** Adds the parameters of a token exchange (RFC 8693, 2.1). */
export function setSubject(form: URLSearchParams, subject: Secret): void {
  form.set('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange');
  form.set('subject_token_type', 'urn:ietf:params:oauth:token-type:jwt');
  form.set('subject_token', subject.expose());
}

/** Returns a provider's endpoint: another name of it that is an address of the Connector, otherwise its fixed host. */
export function providerEndpoint(
  host: string,
  path: string,
  { addresses }: IssuerUse,
  isAlias: (host: string) => boolean,
): Pick<TokenStep, 'endpoint' | 'endpointSource' | 'isWellKnown'> {
  const own = addresses.find((each) => each.scheme === 'https' && isAlias(each.host));
  return {
    endpoint: { scheme: 'https', host, port: 443, ...own, path },
    endpointSource: 'spec.addressExtensions',
    isWellKnown: own === undefined,
  };
}

/** Parses a `tokenUrl`. The path is as it is written, with the query: some servers distinguish `/token` from `/token/`. */
export function tokenUrlAt(tokenUrl: string): { readonly endpoint: ToolAddress; readonly path: string } | KeyProblem {
  const [, url = '', query = ''] = /^([^?#]*)(\?[^#]*)?$/s.exec(tokenUrl) ?? [];
  const endpoint = parseToolAddress(url);
  if (endpoint === undefined) {
    const fix = 'set it to the https URL of the token endpoint';
    return { problem: 'its tokenUrl is no http or https URL', fix };
  }
  const { path } = endpoint;
  return { endpoint, path: `${path}${url.endsWith('/') || path === '' ? '/' : ''}${query}` };
}
