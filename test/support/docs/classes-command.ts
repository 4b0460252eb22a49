// `npm run generate:classes`: writes docs/classes.md from the class files.
import { writeFileSync } from 'node:fs';
import { classesPage, classesText } from './classes-page.ts';

writeFileSync(classesPage, await classesText());
