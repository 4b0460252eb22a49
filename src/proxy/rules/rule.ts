import type { PathPattern } from './path-pattern.js';

/** Methods that a rule can name: HTTP's own, and those of WebDAV. */
export const ruleMethods = [
  ...['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH'],
] as const;

/** One rule: it matches requests with any of its methods and any of its paths. */
export interface Rule {
  readonly effect: 'allow' | 'deny';
  /** Absent: all methods. */
  readonly methods?: ReadonlySet<string>;
  /** Absent: all paths. */
  readonly paths?: readonly PathPattern[];
  /** Its line in the annotation. */
  readonly line: number;
}
