// `npm run generate:limits`: writes docs/limits.md from the marked limits of the sources.
import { writeFileSync } from 'node:fs';
import { limitsPage, limitsText } from './limits-page.ts';

writeFileSync(limitsPage, await limitsText());
