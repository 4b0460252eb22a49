// `npm run demo | npm run generate:demo`: writes docs/demo.svg, the picture of the README.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../deploy/manifests.ts';
import { demoPicture } from './demo-picture.ts';

const output = readFileSync(0, 'utf8').replace(/^[^]*Building \.\.\.\n/, '');
writeFileSync(path.join(repository, 'docs/demo.svg'), demoPicture(output));
