/** Test files that run as one process. */
export interface Part {
  readonly name: string;
  readonly files: readonly string[];
}

export function partsOf(command: 'quick' | 'slow' | 'all', files: readonly string[], node?: string): readonly Part[];
