import type { RequestAttributes } from './request-attributes.ts';

/**
 * How an exchange is spoilt. Delays, cuts and chunks may meet in one request; of the effects that replace the answer
 * it gets one, so that several faults with a count come one after the other.
 */
export type FaultEffect =
  | { readonly kind: 'delay'; readonly ms: number }
  /** A Kubernetes Status, such as 429 with Retry-After, 500 or 503. */
  | {
      readonly kind: 'status';
      readonly code: number;
      readonly reason?: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** Breaks before any answer: the whole connection, or with HTTP/2 just the stream. */
  | { readonly kind: 'reset'; readonly scope?: 'connection' | 'stream' }
  /** Never answers. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'garbage'; readonly body?: string; readonly contentType?: string; readonly code?: number }
  /** Breaks off within the body (of a watch: of the stream), after that many bytes. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly how?: 'end' | 'connection' | 'stream' }
  /** Sends the body in pieces of that many bytes. */
  | { readonly kind: 'chunk'; readonly bytes: number };

/** Absent conditions match everything. */
export interface Fault {
  readonly verb?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly path?: RegExp;
  /** How many requests it spoils before it goes away; absent: until removed. */
  readonly count?: number;
  /** 0 to 1; absent: always. */
  readonly probability?: number;
  readonly effect: FaultEffect;
}

interface ActiveFault {
  /** Requests spoilt so far. */
  readonly hits: number;
  remove(): void;
}

export class Faults {
  readonly #random: () => number;
  readonly #active = new Set<{ fault: Fault; hits: number }>();

  constructor(random: () => number) {
    this.#random = random;
  }

  add(fault: Fault): ActiveFault {
    const entry = { fault, hits: 0 };
    this.#active.add(entry);
    return {
      get hits(): number {
        return entry.hits;
      },
      remove: () => this.#active.delete(entry),
    };
  }

  clear(): void {
    this.#active.clear();
  }

  /** The effects on this request, counted as used. */
  take(request: RequestAttributes): readonly FaultEffect[] {
    const effects: FaultEffect[] = [];
    let isAnswered = false;
    for (const entry of this.#active) {
      const replaces = ['status', 'reset', 'hang', 'garbage'].includes(entry.fault.effect.kind);
      if ((replaces && isAnswered) || !matches(entry.fault, request)) continue;
      if (this.#random() >= (entry.fault.probability ?? 1)) continue;
      isAnswered ||= replaces;
      entry.hits += 1;
      if (entry.hits === entry.fault.count) this.#active.delete(entry);
      effects.push(entry.fault.effect);
    }
    return effects;
  }
}

function matches(fault: Fault, request: RequestAttributes): boolean {
  const keys = ['verb', 'resource', 'subresource', 'namespace', 'name'] as const;
  return (
    keys.every((key) => fault[key] === undefined || fault[key] === request[key]) &&
    (fault.path === undefined || fault.path.test(request.path))
  );
}
