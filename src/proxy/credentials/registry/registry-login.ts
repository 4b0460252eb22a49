import type { RegistryCredentials } from './registry-tokens.js';

/** The user name and password of one request, for a registry or its token service. */
export interface RegistryLogin {
  /** @throws {ProxyError} if they are unavailable. */
  get(signal: AbortSignal): Promise<RegistryCredentials>;
  /** Returns others after the registry has rejected these; undefined if there are none. */
  newer(signal: AbortSignal): Promise<RegistryCredentials | undefined>;
  /** Records a rejection if the request cannot be sent again. */
  rejected(): void;
}

/** Returns the user name and password that a Secret contains. */
export function storedLogin(credentials: RegistryCredentials): RegistryLogin {
  return {
    get: () => Promise.resolve(credentials),
    newer: () => Promise.resolve(undefined),
    rejected: () => undefined,
  };
}
