// `npm run check`: format, lint, types, wording and links in parallel. While you work, files are checked again once they change;
// a file that uses a changed type is not. So CI checks everything.
import { spawn } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules', '.bin');
const cached = process.env.CI ? [] : ['--cache', '--cache-strategy', 'content', '--cache-location'];
const cacheOf = (name) => (cached.length > 0 ? [...cached, `node_modules/.cache/${name}`] : []);
// More threads load all types again: they help from four processors on.
const lint = ['--config', '.ci/eslint.config.mjs', '--concurrency', 'auto', ...cacheOf('eslint.json')];
const checks = [
  [`${bin}/eslint`, ...lint, 'src', 'test', '.ci'],
  [`${bin}/tsc`, '--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  [`${bin}/prettier`, '--check', '--log-level', 'warn', ...cacheOf('prettier.json'), '.'],
  [process.execPath, path.join(import.meta.dirname, 'check-wording.mjs')],
  [process.execPath, path.join(import.meta.dirname, 'check-links.mjs')],
  [`${bin}/markdownlint-cli2`],
];

const statuses = await Promise.all(
  checks.map(([program, ...args]) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  }),
);
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;
