import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { SharedCalls } from '../../access/shared-calls.js';
import type { Secret } from '../../secret.js';
import type { Caller } from './caller.js';
import type { TokenVerifier } from './token-verifier.js';

/** A token of an account or pod that is gone still counts for so long. */
const validForMs = 60_000;
/** A token that was refused is refused for so long without asking: a client with an old one may come many times a second. */
const invalidForMs = 5_000;
const maxTokens = 20_000;

interface Verdict {
  readonly caller: Caller | undefined;
  readonly untilSteadyMs: number;
}

export interface VerifiedTokensOptions {
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
  readonly steadyNow: () => number;
  readonly onAsked?: (outcome: 'cached' | 'asked') => void;
}

/** Remembers who tokens stand for, by their digest, and asks about one once at a time. */
export class VerifiedTokens implements TokenVerifier {
  readonly #options: VerifiedTokensOptions;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #digests = new WeakMap<Secret, string>();
  readonly #asking = new SharedCalls<Caller | undefined>();

  constructor(options: VerifiedTokensOptions) {
    this.#options = options;
  }

  async verify(token: Secret, from: string, signal: AbortSignal): Promise<Caller | undefined> {
    const key = this.#digestOf(token);
    const known = this.#verdicts.get(key);
    if (known !== undefined && known.untilSteadyMs > this.#options.steadyNow()) {
      this.#options.onAsked?.('cached');
      return this.#unexpired(known.caller);
    }
    const caller = await this.#asking.run(key, signal, (shared) => this.#ask(key, token, from, shared));
    return this.#unexpired(caller);
  }

  /** A tunnel shows the same token with each of its requests. */
  #digestOf(token: Secret): string {
    let digest = this.#digests.get(token);
    if (digest === undefined) {
      digest = createHash('sha256').update(token.expose()).digest('base64');
      this.#digests.set(token, digest);
    }
    return digest;
  }

  async #ask(key: string, token: Secret, from: string, signal: AbortSignal): Promise<Caller | undefined> {
    const { verifier, steadyNow, onAsked } = this.#options;
    onAsked?.('asked');
    const askedMs = steadyNow();
    const caller = await verifier.verify(token, from, signal);
    this.#verdicts.delete(key);
    this.#verdicts.set(key, { caller, untilSteadyMs: askedMs + (caller === undefined ? invalidForMs : validForMs) });
    if (this.#verdicts.size > maxTokens) this.#verdicts.delete(this.#verdicts.keys().next().value ?? '');
    return caller;
  }

  #unexpired(caller: Caller | undefined): Caller | undefined {
    return caller !== undefined && caller.expiresAtMs > this.#options.clock.now() ? caller : undefined;
  }
}
