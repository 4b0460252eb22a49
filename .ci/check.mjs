// `npm run check`: as many checks at a time as there are processors, cheap ones first. Each prints its findings at once, with
// file and line, and all of them run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const checks = [
  ['oxfmt', '--list-different'],
  ['node', '.ci/check-imports.mjs'],
  ['node', '.ci/check-links.mjs'],
  ['node', '.ci/check-wording.mjs'],
  ['markdownlint-cli2'],
  ['oxlint', '--format', 'unix', '--type-check'],
];

async function run() {
  for (let next = checks.shift(); next; next = checks.shift()) {
    const [program, ...args] = next;
    const child = spawn(path.join('node_modules', '.bin', program), args, { cwd: root, stdio: 'inherit' });
    const [status] = await once(child, 'exit');
    if (status !== 0) {
      console.error(`failed: ${next.join(' ')}`);
      process.exitCode = 1;
    }
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, run));
