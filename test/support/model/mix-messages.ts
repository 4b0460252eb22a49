/** To the program: a volume to be read from now on, one that has gone; to tell what it has seen so far. */
export type MixCommand = { readonly target: string; readonly kind: number } | { readonly gone: string } | 'report';

export interface MixReport {
  /** Whole revisions read so far. */
  readonly passes: number;
  /** Since the report before: what was neither a whole revision nor none, and what went back to an older state. */
  readonly problems: readonly string[];
}
