// What goes into which bundle. One file for the start, dist/main.js, one for the commands, dist/program.js, one for the
// threads that render what takes long, and one each for the proxy, its doctor and the demo, which the driver never loads. koffi stays
// outside (it finds its native library beside itself).
import path from 'node:path';

const common = {
  absWorkingDir: path.join(import.meta.dirname, '..'),
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

// CommonJS dependencies (grpc-js, protobufjs, prom-client) call require() for node's own modules.
const requireForCommonJs = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
];

/** The imports of these lead to their bundles. */
const apart = {
  name: 'apart',
  setup(builder) {
    builder.onResolve({ filter: /^\.\.\/proxy\/command\.js$/ }, () => ({ path: './proxy.js', external: true }));
    builder.onResolve({ filter: /^\.\/proxy\/proxy-doctor\.js$/ }, () => ({
      path: './proxy-doctor.js',
      external: true,
    }));
    builder.onResolve({ filter: /^\.\/run-demo\.js$/ }, () => ({ path: './demo.js', external: true }));
  },
};

/** What starts the program may start it anew, and does not load it before. */
const programApart = {
  name: 'program-apart',
  setup(builder) {
    builder.onResolve({ filter: /^\.\/program\.js$/ }, () => ({ path: './program.js', external: true }));
  },
};

/**
 * V8's flags are the process's, and V8 of Node 20 sets this one back for every thread that starts: the young generation of
 * the driver's main thread would grow to 32 MB from then on.
 */
const growthHeld = ["import __v8 from 'node:v8';", "__v8.setFlagsFromString('--semi-space-growth-factor=1');"].join(
  '\n',
);

/** Options for esbuild, by the name of the file in dist. */
export const bundles = {
  'render-worker': { ...common, entryPoints: ['src/driver/render-worker.ts'], banner: { js: growthHeld } },
  'probe-worker': { ...common, entryPoints: ['src/proxy/probe/probe-worker.ts'] },
  proxy: { ...common, entryPoints: ['src/proxy/command.ts'], banner: { js: requireForCommonJs.join('\n') } },
  'proxy-doctor': {
    ...common,
    entryPoints: ['src/cli/doctor/proxy/proxy-doctor.ts'],
    banner: { js: requireForCommonJs.join('\n') },
  },
  demo: { ...common, entryPoints: ['src/cli/demo/run-demo.ts'], banner: { js: requireForCommonJs.join('\n') } },
  program: {
    ...common,
    entryPoints: ['src/program.ts'],
    external: ['koffi'],
    plugins: [apart],
    banner: { js: requireForCommonJs.join('\n') },
  },
  main: {
    ...common,
    entryPoints: ['src/main.ts'],
    external: ['koffi'],
    plugins: [programApart],
    banner: {
      js: [
        '#!/usr/bin/env node',
        "import __v8 from 'node:v8';",
        "if (process.argv[2] === 'proxy') {",
        // Names are looked up in libuv's threads, and one that is slow to resolve must not hold up the others: limits.lookups
        // counts on so many. Node 20 has read it before it gets here, so that deploy/proxy sets it as well.
        "process.env.UV_THREADPOOL_SIZE ??= '64';",
        // Buffers of transfers are freed at once: freed in a thread that a busy machine holds up, they count as memory that
        // is in use, and V8 marks the whole heap again and again (docs/performance.md).
        "__v8.setFlagsFromString('--no-concurrent-array-buffer-sweeping');",
        // What is watched is most of the heap and stays: V8 would let it become three times of that.
        "__v8.setFlagsFromString('--heap-growing-percent=60');",
        '} else {',
        // Before anything is allocated: a young generation that loading has grown does not shrink again.
        "__v8.setFlagsFromString('--max-semi-space-size=1');",
        "__v8.setFlagsFromString('--semi-space-growth-factor=1');",
        // What calls leave is garbage of the old generation soon; V8 would let it become three times what is in use.
        "__v8.setFlagsFromString('--heap-growing-percent=60');",
        '}',
      ].join('\n'),
    },
  },
};
