// `npm run generate:admission`: writes what deploy/ has from the table of volume attributes.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../deploy/manifests.js';
import { generatedFiles } from './generated-files.js';

for (const [file, text] of await generatedFiles()) writeFileSync(path.join(repository, file), text);
