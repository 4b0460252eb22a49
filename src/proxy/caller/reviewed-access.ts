import type { AccessReviews } from '../../access/access-reviews.js';
import type { Permission } from '../../access/permission.js';
import type { Authorizer } from './authorizer.js';
import type { Caller } from './caller.js';

/** How long answers count: a right that is withdrawn ends what uses it within 10 seconds. */
export const accessLifetimes = { allowedForMs: 10_000, deniedForMs: 5_000 } as const;

/** Asks the API server what callers may do, as whom the token's review has shown them. */
export class ReviewedAccess implements Authorizer {
  readonly #reviews: AccessReviews;
  readonly #onAsked: (answer: 'cached' | 'asked') => void;
  /** With the identity of who asks. */
  readonly #asked = new WeakMap<readonly Permission[], readonly Permission[]>();

  constructor(reviews: AccessReviews, onAsked: (answer: 'cached' | 'asked') => void) {
    this.#reviews = reviews;
    this.#onAsked = onAsked;
  }

  isAnyAllowed(
    { uid = '', groups, extra }: Caller,
    permissions: readonly Permission[],
    signal: AbortSignal,
  ): Promise<boolean> {
    let asked = this.#asked.get(permissions);
    if (asked === undefined) {
      asked = permissions.map((permission) => ({ ...permission, identity: { uid, groups, extra } }));
      this.#asked.set(permissions, asked);
    }
    this.#onAsked(this.#reviews.isKnownAllowed(asked) ? 'cached' : 'asked');
    return this.#reviews.isAnyAllowed(asked, signal);
  }
}
