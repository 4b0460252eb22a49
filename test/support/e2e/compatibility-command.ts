// `npm run generate:compatibility`: writes docs/compatibility.md anew, with the versions of the programs of this machine.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { compatibilityPage } from './compatibility-page.ts';

const file = path.join(import.meta.dirname, '../../../docs/compatibility.md');
writeFileSync(file, await format(compatibilityPage(), { ...(await resolveConfig(file)), filepath: file }));
