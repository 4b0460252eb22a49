// Builds dist: the bundles, the licences of their packages, and the bill of materials.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundles } from './bundles.mjs';
import { noticesOf } from './notices.mjs';
import { sbomOf } from './sbom.mjs';

const root = path.join(import.meta.dirname, '..');
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
const metafiles = [];
for (const [name, options] of Object.entries(bundles)) {
  const { metafile } = await build({ ...options, outfile: `dist/${name}.js` });
  metafiles.push(metafile);
}
writeFileSync(path.join(root, 'dist', 'NOTICES.txt'), noticesOf(root, metafiles));
writeFileSync(path.join(root, 'dist', 'sbom.cdx.json'), sbomOf(root, metafiles));
