import type { AccessReviews } from '../../access/access-reviews.js';
import type { Permission } from '../../access/permission.js';
import type { Authorizer } from './authorizer.js';
import type { QuestionPace } from '../../load/question-pace.js';
import { paced } from '../refusal.js';
import type { Caller } from './caller.js';

/** How long answers count: a right that is withdrawn ends what uses it within 10 seconds. */
export const accessLifetimes = { allowedForMs: 10_000, deniedForMs: 5_000 } as const;

/** Asks the API server what callers may do, as whom the token's review has shown them. */
export class ReviewedAccess implements Authorizer {
  readonly #reviews: AccessReviews;
  readonly #pace: QuestionPace;
  readonly #onAsked: (answer: 'cached' | 'asked') => void;
  /** With the identity of who asks. */
  readonly #asked = new WeakMap<readonly Permission[], readonly Permission[]>();

  constructor(reviews: AccessReviews, pace: QuestionPace, onAsked: (answer: 'cached' | 'asked') => void) {
    this.#reviews = reviews;
    this.#pace = pace;
    this.#onAsked = onAsked;
  }

  async isAnyAllowed(caller: Caller, permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    const asked = this.#withIdentity(caller, permissions);
    const known = this.#reviews.known(asked);
    this.#onAsked(known === undefined ? 'asked' : 'cached');
    if (known !== undefined) return known;
    const { user, pod } = caller;
    const ask = (): Promise<boolean> => this.#reviews.isAnyAllowed(asked, signal);
    const outcome = await this.#pace.ask(`${user} ${pod?.uid ?? ''}`, ask, (isAllowed) => isAllowed, signal);
    if (outcome === undefined) throw paced(`${user} has named too many connectors that it may not use`);
    return outcome.answer;
  }

  #withIdentity({ uid = '', groups, extra }: Caller, permissions: readonly Permission[]): readonly Permission[] {
    let asked = this.#asked.get(permissions);
    if (asked === undefined) {
      asked = permissions.map((permission) => ({ ...permission, identity: { uid, groups, extra } }));
      this.#asked.set(permissions, asked);
    }
    return asked;
  }
}
