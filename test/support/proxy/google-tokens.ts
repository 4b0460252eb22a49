import type { ServerResponse } from 'node:http';
import type { GoogleKey } from './google-key.ts';
import type { SeenRequest } from './tool-server.ts';

/** Google's token endpoint, which verifies assertions by the public key of an account. */
export class GoogleTokens {
  /** The scope of each token, in order. */
  readonly scopes: unknown[] = [];
  readonly #key: GoogleKey;
  readonly #url: string;
  readonly #prefix: string;
  readonly #valid = new Set<string>();
  lifeMs = 3_599_000;

  /**
   * @param url of the endpoint, which assertions must name.
   * @param prefix what a token begins with.
   */
  constructor(key: GoogleKey, url: string, prefix: string) {
    this.#key = key;
    this.#url = url;
    this.#prefix = prefix;
  }

  accepts(token: string): boolean {
    return this.#valid.has(token);
  }

  /** Rejects all tokens issued so far. */
  withdraw(): void {
    this.#valid.clear();
  }

  /** Answers a request whose body has arrived. */
  async issue({ method, url, body }: SeenRequest, response: ServerResponse): Promise<void> {
    try {
      if (method !== 'POST' || url !== new URL(this.#url).pathname) throw new Error('another request');
      this.scopes.push(await this.#key.scopeIn(body, this.#url));
    } catch {
      response.writeHead(400).end('{"error":"invalid_grant"}');
      return;
    }
    const token = `${this.#prefix}-${this.scopes.length}`;
    this.#valid.add(token);
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: this.lifeMs / 1000 }));
  }
}
