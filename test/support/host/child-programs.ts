import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { buildSync } from 'esbuild';

const root = path.join(import.meta.dirname, '../../..');
// Where `import 'koffi'` still finds this project's packages.
const outdir = path.join(root, 'node_modules/.cache/connectors-csi-tests');

/** One file of test/support/host made runnable without a compiler in the process, which starts five times as fast. */
export function bundleProgram(name: string): string {
  mkdirSync(outdir, { recursive: true });
  const outfile = path.join(outdir, `${name}-${process.pid}.mjs`);
  buildSync({
    entryPoints: [path.join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    banner: {
      js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}

interface HostCallEnd {
  /** Undefined when the call came to its end. */
  readonly killedBefore: string | undefined;
}

/**
 * What a child does, and before which of its system calls, counted from 1, it is killed. Only calls that change
 * something count: a kill between two of them leaves the same state wherever it happens.
 */
export interface HostCall {
  readonly kubeletDir: string;
  readonly target: string;
  readonly action: 'put' | 'detach';
  readonly revision: number;
  /** Of a put; `kept` when absent. */
  readonly replaced?: 'kept' | 'removed';
  readonly killBefore: number;
}

/** @throws when the child ends in any other way than its own end or the kill. */
export function runHostCall(program: string, call: HostCall): HostCallEnd {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify(call)], {
    encoding: 'utf8',
  });
  if (status === 0) return { killedBefore: undefined };
  if (signal === 'SIGKILL' && stdout !== '') return { killedBefore: stdout };
  throw new Error(`${call.action} ended with status ${status}, signal ${signal}: ${stderr}`);
}
