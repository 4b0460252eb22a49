import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';

/** A key of a service account, and what verifies its assertions. */
export class GoogleKey {
  readonly email = 'robot@a-project.iam.gserviceaccount.com';
  readonly #pair = generateKeyPairSync('rsa', { modulusLength: 2048 });

  /** The file that Google lets users download. */
  file(tokenUri = 'https://oauth2.googleapis.com/token'): string {
    return JSON.stringify({
      type: 'service_account',
      project_id: 'a-project',
      private_key_id: 'key-1',
      private_key: this.pem,
      client_email: this.email,
      token_uri: tokenUri,
    });
  }

  get pem(): string {
    return this.#pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  }

  get publicKey(): KeyObject {
    return this.#pair.publicKey;
  }

  /**
   * Verifies the form of a request for a token as Google does, and returns the scope.
   * @throws {Error} if it is not one that the key has signed for this endpoint.
   */
  async scopeIn(body: string, audience: string, now = new Date()): Promise<unknown> {
    const form = new URLSearchParams(body);
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') throw new Error('wrong grant_type');
    const { payload } = await jwtVerify(form.get('assertion') ?? '', this.publicKey, {
      issuer: this.email,
      audience,
      algorithms: ['RS256'],
      currentDate: now,
    });
    return payload['scope'];
  }
}
