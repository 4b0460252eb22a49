import type { BuildOptions } from 'esbuild';

export const bundles: Readonly<
  Record<
    'main' | 'program' | 'proxy' | 'proxy-doctor' | 'image-pulls-doctor' | 'render-worker',
    BuildOptions & { readonly metafile: true }
  >
>;

export declare function nodeCheck(needed: string): string;
