// Builds dist: the bundles, the licences of their packages, and the bill of materials.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundles } from './bundles.mjs';
import { noticesOf } from './notices.mjs';
import { sbomOf } from './sbom.mjs';

const root = path.join(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
// Built next to dist and moved file by file: programs that run from dist can load the rest of it at any time.
const built = mkdtempSync(path.join(root, '.dist-'));
try {
  const metafiles = [];
  for (const options of Object.values(bundles)) {
    const { metafile } = await build({ ...options, outdir: built });
    metafiles.push(metafile);
  }
  writeFileSync(path.join(built, 'NOTICES.txt'), noticesOf(root, metafiles));
  writeFileSync(path.join(built, 'sbom.cdx.json'), sbomOf(root, metafiles));
  // `npx connectors-csi` runs it.
  chmodSync(path.join(built, 'main.js'), 0o755);
  mkdirSync(dist, { recursive: true });
  const names = readdirSync(built);
  for (const name of names) renameSync(path.join(built, name), path.join(dist, name));
  for (const name of readdirSync(dist).filter((name) => !names.includes(name))) {
    rmSync(path.join(dist, name), { recursive: true });
  }
} finally {
  rmSync(built, { recursive: true, force: true });
}
