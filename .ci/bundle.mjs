// One file for the driver, dist/main.js, and one for the threads that render what takes long. koffi stays outside (it finds its
// native library beside itself).
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { noticesOf } from './notices.mjs';

const root = path.join(import.meta.dirname, '..');
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  logLevel: 'warning',
  // dist/NOTICES.txt has them all.
  legalComments: 'none',
  metafile: true,
  // Half the source text to keep in memory; names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
};
const worker = await build({
  ...common,
  entryPoints: ['src/driver/render-worker.ts'],
  outfile: 'dist/render-worker.js',
});
const main = await build({
  ...common,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  external: ['koffi'],
  banner: {
    js: [
      '#!/usr/bin/env node',
      "import { createRequire as __createRequire } from 'node:module';",
      "import __v8 from 'node:v8';",
      // CommonJS dependencies (grpc-js, protobufjs) call require() for node's own modules.
      'const require = __createRequire(import.meta.url);',
      // Before anything is allocated: a young generation that loading has grown does not shrink again (memory-keeper.ts).
      "__v8.setFlagsFromString('--max-semi-space-size=1');",
      "__v8.setFlagsFromString('--semi-space-growth-factor=1');",
      // What calls leave is garbage of the old generation soon; V8 would let it become three times what is in use.
      "__v8.setFlagsFromString('--heap-growing-percent=60');",
    ].join('\n'),
  },
});
writeFileSync(path.join(root, 'dist', 'NOTICES.txt'), noticesOf(root, [main.metafile, worker.metafile]));
