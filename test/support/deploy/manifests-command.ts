// `npm run generate:manifests`: renders deploy/manifests from the chart. Needs Helm.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from './manifests.ts';
import { renderedFiles } from './rendered-files.ts';

for (const [file, text] of await renderedFiles()) writeFileSync(path.join(repository, file), text);
