// Options of the bundles. dist/main.js is the start, and dist/program.js loads the command with what it needs: a process
// holds no code of other commands. Threads for slow templates have a bundle of their own. koffi stays outside, because it
// finds its native library next to itself.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const common = {
  absWorkingDir: path.join(import.meta.dirname, '..'),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  logLevel: 'warning',
  // dist/NOTICES.txt contains all of them.
  legalComments: 'none',
  metafile: true,
  // Halves the source text in memory. Names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
};

// CommonJS dependencies (grpc-js, protobufjs, prom-client) call require() for Node's own modules.
const requireForCommonJs = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
];

/**
 * Loads node:http by `require`. `import` reads all that a module exports, and so loads the undici in Node: 6 MB in each
 * process.
 */
const requiredHttp = {
  name: 'required-http',
  setup(builder) {
    builder.onResolve({ filter: /^node:http$/ }, ({ kind, path: name }) =>
      kind === 'require-call' ? undefined : { path: name, namespace: 'required' },
    );
    builder.onLoad({ filter: /.*/, namespace: 'required' }, ({ path: name }) => ({
      contents: `module.exports = require('${name}');`,
    }));
  },
};

/**
 * Takes only the client of undici. The package has one entry, which would use 4 MB in each replica and replace the
 * dispatcher of `fetch`. It exports no part of itself by a public path, so the version is exact and the build fails if
 * the paths change.
 */
const undiciClient = {
  name: 'undici-client',
  setup(builder) {
    const contents = [
      "export { default as Client } from 'undici/lib/dispatcher/client.js';",
      "export { default as errors } from 'undici/lib/core/errors.js';",
    ].join('\n');
    builder.onResolve({ filter: /^undici$/ }, ({ path: name }) => ({ path: name, namespace: 'undici-client' }));
    builder.onLoad({ filter: /.*/, namespace: 'undici-client' }, () => ({
      contents,
      resolveDir: common.absWorkingDir,
    }));
  },
};

/** The start sets flags of V8 before the program is loaded. */
const separateProgram = {
  name: 'program-apart',
  setup(builder) {
    builder.onResolve({ filter: /^\.\/program\.ts$/ }, () => ({ path: './program.js', external: true }));
  },
};

/**
 * Ends a program that an older Node starts, in words that each can read; it could not parse the other bundles.
 * @param needed as `engines` of package.json has it.
 */
export function nodeCheck(needed) {
  const oldest = needed.replace('>=', '');
  return [
    `if (process.versions.node.localeCompare('${oldest}', 'en', { numeric: true }) < 0) {`,
    'const found = `connectors-csi: this is Node ${process.versions.node}`;',
    `console.error(\`\${found}, but the program needs Node ${oldest} or later: install it, or use the image\`);`,
    'process.exit(2);',
    '}',
  ].join('\n');
}

const { engines } = JSON.parse(readFileSync(path.join(common.absWorkingDir, 'package.json'), 'utf8'));

/** Options for esbuild. */
export const bundles = {
  'render-worker': { ...common, entryPoints: { 'render-worker': 'src/driver/render-worker.ts' } },
  program: {
    ...common,
    entryPoints: { program: 'src/program.ts' },
    splitting: true,
    chunkNames: '[name]-[hash]',
    external: ['koffi'],
    plugins: [undiciClient, requiredHttp],
    banner: { js: requireForCommonJs.join('\n') },
  },
  main: {
    ...common,
    // It says which Node it needs.
    target: 'node18',
    entryPoints: { main: 'src/main.ts' },
    external: ['koffi'],
    plugins: [separateProgram],
    banner: {
      js: [
        '#!/usr/bin/env node',
        "import __v8 from 'node:v8';",
        nodeCheck(engines.node),
        "if (process.argv[2] === 'proxy') {",
        // Names are resolved in libuv's threads, and a slow one must not block the others: limits.lookups relies on
        // this number.
        "process.env.UV_THREADPOOL_SIZE ??= '64';",
        // Buffers of transfers are freed at once. In a thread that a busy machine delays, they would count as memory in
        // use, and V8 would mark the whole heap again and again.
        "__v8.setFlagsFromString('--no-concurrent-array-buffer-sweeping');",
        // Buffers of transfers count towards the limit of the old generation. They would reach a lower one first, and V8
        // would mark the whole heap instead of the young generation.
        "__v8.setFlagsFromString('--heap-growing-percent=300');",
        '} else {',
        // Set before anything is allocated: a young generation that has grown while loading does not shrink.
        "__v8.setFlagsFromString('--max-semi-space-size=1');",
        "__v8.setFlagsFromString('--semi-space-growth-factor=1');",
        // Garbage of calls soon reaches the old generation. V8 would let it grow to three times the memory in use.
        "__v8.setFlagsFromString('--heap-growing-percent=60');",
        '}',
      ].join('\n'),
    },
  },
};
