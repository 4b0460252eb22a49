// `node .ci/baseline.mjs COMMIT` stores a state of the project as test/fixtures/upgrade/VERSION-COMMIT: the driver's
// bundles as that commit builds them, and its manifests. The upgrade test runs both against the current ones, also
// without git history. Needs kubectl, and the packages of that commit: run `npm ci` there if they differ from the
// current ones.
import { Buffer } from 'node:buffer';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';

/** Bundles that `serve` never loads. */
const others = ['proxy.js', 'demo.js', 'probe-worker.js', 'generator-worker.js'];
/** Components that need input of the operator, or remove something. */
const apart = ['kubelet-dir', 'registrar-sidecar'];

export function hasCommit(root, commit) {
  return spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root }).status === 0;
}

export function hasPackages(root, packages) {
  return Object.entries(packages).every(([name, version]) => installedVersion(root, name) === version);
}

export function baselineOf(root, commit) {
  // The folder is on the file system of the packages, which are hard-linked: bundles contain the paths of packages.
  const cache = path.join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, 'baseline-'));
  try {
    const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 256 * 2 ** 20 });
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
    const lock = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
    const packages = packagesOf(lock);
    if (!hasPackages(root, packages)) throw new Error(`install the packages of ${commit} first`);
    linkPackages(root, folder);
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    return filesOf(root, folder, commit, packages);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function filesOf(root, folder, commit, packages) {
  const files = new Map();
  const dist = path.join(folder, 'dist');
  const kept = readdirSync(dist).filter((name) => /\.(js|txt)$/.test(name) && !others.includes(name));
  for (const name of kept.sort()) files.set(name, readFileSync(path.join(dist, name)));
  const components = readdirSync(path.join(folder, 'deploy', 'components')).filter((name) => !apart.includes(name));
  files.set('deploy.yaml', kustomize(path.join(folder, 'deploy')));
  // Older states have the CRDs as a component.
  const hasCrds = existsSync(path.join(folder, 'deploy', 'crds'));
  const overlay = path.join(folder, 'everything');
  mkdirSync(overlay);
  writeFileSync(
    path.join(overlay, 'kustomization.yaml'),
    JSON.stringify({
      resources: ['../deploy', ...(hasCrds ? ['../deploy/crds'] : [])],
      components: components.map((name) => `../deploy/components/${name}`),
    }),
  );
  files.set('everything.yaml', kustomize(overlay));
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const [full, date] = execFileSync('git', ['log', '-1', '--format=%H %cs', commit], { cwd: root, encoding: 'utf8' })
    .trim()
    .split(' ');
  const about = { commit: full, version, date, components, packages };
  files.set('baseline.json', Buffer.from(`${JSON.stringify(about, undefined, 2)}\n`));
  return files;
}

/** Returns the packages that determine the bundles: all shipped ones and the bundler. */
function packagesOf({ packages }) {
  const entries = Object.entries(packages).flatMap(([place, { version, dev, optional }]) => {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(place)?.[1];
    return name !== undefined && !optional && (!dev || name === 'esbuild') ? [[name, version]] : [];
  });
  return Object.fromEntries(entries.sort());
}

function linkPackages(root, folder) {
  const [from, to] = [root, folder].map((place) => path.join(place, 'node_modules'));
  mkdirSync(to);
  const names = readdirSync(from).filter((name) => name !== '.cache');
  execFileSync('cp', ['-al', ...names.map((name) => path.join(from, name)), to]);
}

function installedVersion(root, name) {
  try {
    return JSON.parse(readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

function kustomize(folder) {
  return execFileSync('kubectl', ['kustomize', folder], { maxBuffer: 16 * 2 ** 20 });
}

const [, script, commit] = process.argv;
if (script === import.meta.filename && commit !== undefined) {
  const root = path.join(import.meta.dirname, '..');
  const files = baselineOf(root, commit);
  const about = JSON.parse(files.get('baseline.json').toString());
  const folder = path.join(root, 'test', 'fixtures', 'upgrade', `${about.version}-${about.commit.slice(0, 7)}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) {
    const isBundled = /\.(js|txt)$/.test(name);
    writeFileSync(path.join(folder, isBundled ? `${name}.br` : name), isBundled ? brotliCompressSync(bytes) : bytes);
  }
  console.log(path.relative(root, folder));
}
