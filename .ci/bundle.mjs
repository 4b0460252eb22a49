// Makes dist: the bundles and the licences of what is in them.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundles } from './bundles.mjs';
import { noticesOf } from './notices.mjs';

const root = path.join(import.meta.dirname, '..');
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
const metafiles = [];
for (const [name, options] of Object.entries(bundles)) {
  const { metafile } = await build({ ...options, outfile: `dist/${name}.js` });
  metafiles.push(metafile);
}
writeFileSync(path.join(root, 'dist', 'NOTICES.txt'), noticesOf(root, metafiles));
