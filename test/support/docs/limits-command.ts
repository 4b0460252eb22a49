// `npm run generate:limits`: writes docs/limits.md from src/shared/limits/defaults.ts.
import { writeFileSync } from 'node:fs';
import { limitsPage, limitsText } from './limits-page.js';

writeFileSync(limitsPage, await limitsText());
