import { inOneLine } from '../errors.ts';
import { jsonMember, jsonText } from '../json.ts';
import type { JsonValue } from '../json.ts';
import { limits } from '../limits/defaults.ts';

export interface KubeErrorParts {
  /** HTTP status; 0 without a response. */
  readonly code: number;
  /**
   * `reason` of the Kubernetes Status (`NotFound`, `Forbidden`, `AlreadyExists`, `Expired`, …). Without a Status:
   * - `Unreachable`: no connection. Nothing was sent.
   * - `ConnectionLost`: the connection or the stream broke before the response was complete.
   * - `TimedOut`: no complete response within the timeout of the call or attempt.
   * - `Malformed`: an unexpected response: not JSON, another kind, a missing field.
   * - `TooLarge`: a response over the client's size limit.
   */
  readonly reason: string;
  readonly message: string;
  /** Method and path of the request, without its query. */
  readonly path: string;
  /** Delay of the Retry-After header. */
  readonly retryAfterMs?: number;
  /** Whether the server may have acted on the request. */
  readonly mayHaveActed: boolean;
}

/** The program that sent the request, with its permissions and its token. */
export type ProgramName = 'driver' | 'proxy';

/**
 * A failed request to the API server. Message and fields never contain credentials or the request's body, and of a
 * response only the message of a Status.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: number;
  readonly reason: string;
  readonly path: string;
  readonly retryAfterMs: number | undefined;
  readonly mayHaveActed: boolean;
  #program: ProgramName = 'driver';

  constructor(parts: KubeErrorParts, options?: ErrorOptions) {
    const text = inOneLine(parts.message.slice(0, limits.api.messageCharacters));
    super(`${parts.path}: ${text}`, options);
    this.code = parts.code;
    this.reason = parts.reason;
    this.path = parts.path;
    this.retryAfterMs = parts.retryAfterMs;
    this.mayHaveActed = parts.mayHaveActed;
  }

  get program(): ProgramName {
    return this.#program;
  }

  /** Sets the program that sent the request. @returns the error itself. */
  sentBy(program: ProgramName): this {
    this.#program = program;
    return this;
  }

  /** Whether the same request can succeed later: it was throttled, or there was a server error or no response. */
  get isTransient(): boolean {
    if (this.code === 0) return true;
    return this.code === 429 || (this.code >= 500 && this.code !== 501);
  }

  /** Whether the server no longer has the revision of a watch, so that a new list is needed. */
  get isExpired(): boolean {
    return this.code === 410 || this.reason === 'Expired' || this.reason === 'Gone';
  }
}

export function isKubeError(error: unknown, code: number): error is KubeError {
  return error instanceof KubeError && error.code === code;
}

/** Returns the content of a `Status` object; undefined for another value. */
export function parseStatus(
  value: JsonValue,
): { readonly code?: number; readonly reason: string; readonly message: string } | undefined {
  if (jsonMember(value, 'kind') !== 'Status') return undefined;
  const code = jsonMember(value, 'code');
  return {
    ...(typeof code === 'bigint' ? { code: Number(code) } : {}),
    reason: jsonText(value, 'reason') ?? '',
    message: jsonText(value, 'message') ?? '',
  };
}
