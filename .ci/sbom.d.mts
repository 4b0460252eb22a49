import type { Metafile } from 'esbuild';

export function sbomOf(root: string, metafiles: readonly Pick<Metafile, 'inputs'>[]): string;
