// `npm run check`: format, lint and types side by side. What was without a problem and has not changed is skipped.
import { spawn } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules', '.bin');
const checks = [
  [process.execPath, path.join(import.meta.dirname, 'lint-changed.mjs')],
  [`${bin}/tsc`, '--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  [`${bin}/prettier`, '--check', '--log-level', 'warn', '--cache', '--cache-strategy', 'content', '.'],
];

const statuses = await Promise.all(
  checks.map(([program, ...args]) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  }),
);
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;
