import { inOneLine } from '../errors.js';
import { jsonMember } from '../json.js';
import type { JsonValue } from '../json.js';

/** Reasons of failures that no `Status` of the API server describes; `code` is 0 with them unless said otherwise. */
export type OwnReason =
  /** No connection: refused, no route, name not found, TLS not accepted. Nothing was sent. */
  | 'Unreachable'
  /** The connection or the stream broke before the answer was complete. */
  | 'ConnectionLost'
  /** No complete answer within the call's or the attempt's time. */
  | 'TimedOut'
  /** The answer is not what was asked for: not JSON, another kind, a field missing. `code` is the HTTP status. */
  | 'Malformed'
  /** The answer is larger than the client takes. `code` is the HTTP status. */
  | 'TooLarge';

export interface KubeErrorParts {
  /** HTTP status; 0 when there was no answer. */
  readonly code: number;
  /** `reason` of the Kubernetes Status (`NotFound`, `Forbidden`, `AlreadyExists`, `Expired`, …) or one of OwnReason. */
  readonly reason: string;
  readonly message: string;
  /** Method and path of the request, without its query. */
  readonly path: string;
  /** `details` of the Status. */
  readonly details?: JsonValue;
  /** From the Retry-After header. */
  readonly retryAfterMs?: number;
  /** Whether the server may have acted on the request. */
  readonly mayHaveActed: boolean;
}

/** The program whose rights and token the request had. */
export type Asker = 'driver' | 'proxy';

const maxMessageLength = 1000;

/**
 * A request to the API server that failed. Message and fields never hold the credentials, the request's body or an
 * answer's body other than the message of a Status.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: number;
  readonly reason: string;
  readonly path: string;
  readonly details: JsonValue | undefined;
  readonly retryAfterMs: number | undefined;
  readonly mayHaveActed: boolean;
  #asker: Asker = 'driver';

  constructor(parts: KubeErrorParts, options?: ErrorOptions) {
    const text = inOneLine(parts.message.slice(0, maxMessageLength));
    super(`${parts.path}: ${text}`, options);
    this.code = parts.code;
    this.reason = parts.reason;
    this.path = parts.path;
    this.details = parts.details;
    this.retryAfterMs = parts.retryAfterMs;
    this.mayHaveActed = parts.mayHaveActed;
  }

  get asker(): Asker {
    return this.#asker;
  }

  /** Names who asked; the error itself. */
  askedBy(asker: Asker): this {
    this.#asker = asker;
    return this;
  }

  /** Whether the same request may succeed a little later: throttled, a server error, no answer. */
  get isTransient(): boolean {
    if (this.code === 0) return true;
    return this.code === 429 || (this.code >= 500 && this.code !== 501);
  }

  /** Whether the history that a watch asked for is gone, so that a new list is needed. */
  get isExpired(): boolean {
    return this.code === 410 || this.reason === 'Expired' || this.reason === 'Gone';
  }
}

export function isKubeError(error: unknown, code: number): error is KubeError {
  return error instanceof KubeError && error.code === code;
}

/** What a `Status` object says, undefined when the value is none. */
export function parseStatus(
  value: JsonValue,
):
  | { readonly code?: number; readonly reason: string; readonly message: string; readonly details?: JsonValue }
  | undefined {
  if (jsonMember(value, 'kind') !== 'Status') return undefined;
  const code = jsonMember(value, 'code');
  const reason = jsonMember(value, 'reason');
  const message = jsonMember(value, 'message');
  const details = jsonMember(value, 'details');
  return {
    ...(typeof code === 'bigint' ? { code: Number(code) } : {}),
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message : '',
    ...(details === undefined ? {} : { details }),
  };
}
