// `npm run check`: format, lint, types and wording in parallel. Files without a problem are skipped until they change.
import { spawn } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules', '.bin');
const checks = [
  [process.execPath, path.join(import.meta.dirname, 'lint-changed.mjs')],
  [`${bin}/tsc`, '--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  [`${bin}/prettier`, '--check', '--log-level', 'warn', '--cache', '--cache-strategy', 'content', '.'],
  [process.execPath, path.join(import.meta.dirname, 'check-wording.mjs')],
  [`${bin}/markdownlint-cli2`],
];

const statuses = await Promise.all(
  checks.map(([program, ...args]) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  }),
);
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;
