/** The CPU-bound work of a generator, as plain data. It runs in a thread that can be terminated. */
export interface GeneratorJob {
  readonly cel: string;
  /** Absent if the expression is only compiled, so that the result is empty. */
  readonly secret?: NamesAndValues;
  /** Absent if path and query are too long. Expressions that use it then fail. */
  readonly request?: GeneratorRequest;
  readonly nowMs: number;
}

/** The request as an expression sees it. */
export interface GeneratorRequest {
  readonly method: string;
  /** The host with its port, as in the header `Host` that the tool gets. */
  readonly host: string;
  /** The path that the tool gets, percent-encoded, without the query. */
  readonly path: string;
  /** The query that the client sent, without "?". */
  readonly query: string;
}

export type NamesAndValues = readonly (readonly [name: string, value: string])[];

/** Headers and query parameters that an expression adds to a request. An empty value only removes those of the client. */
export interface Generated {
  readonly headers: NamesAndValues;
  readonly query: NamesAndValues;
}

/** The result of a job. Messages contain parts of the expression, but none of the Secret or of the request. */
export type GeneratorOutcome =
  | (Generated & {
      readonly kind: 'generated';
      /** Whether the expression uses neither `request` nor `now`. */
      readonly isFixed: boolean;
    })
  /** The expression is wrong for every Secret and request. */
  | { readonly kind: 'broken'; readonly message: string }
  /** The Secret lacks this key. */
  | { readonly kind: 'missing'; readonly key: string }
  /** The expression cannot be evaluated for this Secret or this request. */
  | { readonly kind: 'failed'; readonly message: string; readonly isFixed: boolean }
  /** The expression needs a request whose path and query are too long. */
  | { readonly kind: 'too-long' };
