// `npm run generate:compatibility`: writes docs/compatibility.md anew, with the versions of the programs of this machine.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatted } from '../docs/formatted.ts';
import { compatibilityPage } from './compatibility-page.ts';

const file = path.join(import.meta.dirname, '../../../docs/compatibility.md');
writeFileSync(file, await formatted(file, compatibilityPage()));
