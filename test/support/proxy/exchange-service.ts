import type { ServerResponse } from 'node:http';
import { mismatchOf } from './subject-verifier.ts';
import type { TrustedSubject } from './subject-verifier.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import type { SeenRequest } from './tool-server.ts';

const jwt = 'urn:ietf:params:oauth:token-type:jwt';

/** A token service of RFC 8693 and of RFC 7523 (2.2), which verifies subject tokens, with a tool on the same server. */
export class ExchangeService {
  readonly endpoint: TokenEndpoint;
  readonly trust: TrustedSubject;
  now = (): number => Date.now();
  /** The only `audience` that can be requested. */
  target = 'https://api.example';

  private constructor(endpoint: TokenEndpoint, trust: TrustedSubject) {
    this.endpoint = endpoint;
    this.trust = trust;
    this.recover();
  }

  static async start(trust: TrustedSubject): Promise<ExchangeService> {
    return new ExchangeService(await TokenEndpoint.start('/token'), trust);
  }

  /** Responds as it should. */
  recover(): void {
    this.endpoint.answer = (seen, response) => void this.#issue(seen, response);
  }

  stop(): Promise<void> {
    return this.endpoint.stop();
  }

  async #issue({ body }: SeenRequest, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(body);
    const error = await this.#problemOf(form);
    response.writeHead(error === undefined ? 200 : 400, { 'content-type': 'application/json' });
    if (error !== undefined) {
      response.end(JSON.stringify({ error, error_description: 'PROVIDER text' }));
      return;
    }
    const issued = { access_token: this.endpoint.newToken(), token_type: 'Bearer', expires_in: 3600 };
    const ofAccess = 'urn:ietf:params:oauth:token-type:access_token';
    response.end(JSON.stringify({ ...issued, issued_token_type: ofAccess }));
  }

  /** The code of an error, as the two RFCs have it. */
  async #problemOf(form: URLSearchParams): Promise<string | undefined> {
    const grant = form.get('grant_type');
    const isExchange = grant === 'urn:ietf:params:oauth:grant-type:token-exchange';
    const isAssertion =
      grant === 'client_credentials' &&
      form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    if (!isExchange && !isAssertion) return 'unsupported_grant_type';
    if (isExchange && form.get('subject_token_type') !== jwt) return 'invalid_request';
    const subject = form.get(isExchange ? 'subject_token' : 'client_assertion') ?? '';
    if ((await mismatchOf(subject, this.trust, this.now())) !== undefined) {
      return isExchange ? 'invalid_request' : 'invalid_client';
    }
    return form.has('audience') && form.get('audience') !== this.target ? 'invalid_target' : undefined;
  }
}
