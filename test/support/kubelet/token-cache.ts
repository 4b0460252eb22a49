import type { TokenOwner } from '../driver/tokens.ts';
import { tokenFor } from '../driver/tokens.ts';

export interface TokenSettings {
  /** Seconds that a new token lives. */
  readonly tokenSeconds: number;
  /** Makes a token in place of the API server. */
  readonly issue?: (owner: TokenOwner) => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Keeps a pod's token until 80 % of its life are over, as the kubelet's token manager does. */
export class TokenCache {
  readonly #settings: TokenSettings;
  readonly #tokens = new Map<string, { readonly token: string; readonly renewAtMs: number }>();

  constructor(settings: TokenSettings) {
    this.#settings = settings;
  }

  tokenOf(owner: TokenOwner): string {
    const { tokenSeconds, now, issue } = this.#settings;
    const kept = this.#tokens.get(owner.uid);
    if (kept !== undefined && now() < kept.renewAtMs) return kept.token;
    const token = issue?.(owner) ?? tokenFor(owner, { expiresIn: tokenSeconds });
    this.#tokens.set(owner.uid, { token, renewAtMs: now() + tokenSeconds * 800 });
    return token;
  }

  /** As if all lives had reached 80 %. */
  expireAll(): void {
    this.#tokens.clear();
  }
}
