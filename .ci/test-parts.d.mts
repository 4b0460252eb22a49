/** Test files that run as one process. */
export interface Part {
  readonly name: string;
  readonly files: readonly string[];
}

/** Names in the tables, each of a folder or file of `test`. */
export const names: readonly string[];

export function partsOf(command: 'quick' | 'slow' | 'all', files: readonly string[]): readonly Part[];
