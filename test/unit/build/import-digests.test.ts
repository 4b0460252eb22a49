import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { importDigests } from '../../../.ci/import-digests.mjs';

const sources = {
  'access.ts': 'export function isAllowed(): boolean { return true; }',
  'types.ts': "export type { Answer } from './answer.js';",
  'answer.ts': 'export interface Answer { readonly status: number }',
  'rules.mjs': 'export const rules = 1;',
  'rules.d.mts': 'export const rules: number;',
  'data.json': '{}',
  'direct.ts': "import { isAllowed } from './access.js';\nif (isAllowed()) console.log('in');",
  'indirect.ts': "import type { Answer } from './types.js';\nexport const of = (answer: Answer) => answer.status;",
  'late.ts': "export const load = () => import('./direct.js');",
  'others.ts': "import { rules } from './rules.mjs';\nimport data from './data.json' with { type: 'json' };",
  'circle/a.ts': "export * from './b.js';",
  'circle/b.ts': "import './a.js';\nexport type { Answer } from '../answer.js';",
} as const;
type Name = keyof typeof sources;
const names = Object.keys(sources) as Name[];

/** What the linter of `npm run check` looks at again. */
describe('the digests of files with their imports', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'digests-'));
    mkdirSync(path.join(folder, 'circle'));
    for (const name of names) write(name, sources[name]);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: Name, text: string): void => writeFileSync(path.join(folder, name), text);
  const digests = (common = ''): readonly (string | undefined)[] => {
    const files = names.map((name) => path.join(folder, name));
    const found = importDigests(files, common);
    return files.map((file) => found.get(file));
  };
  const changedBy = (change: () => void): readonly Name[] => {
    const before = digests();
    change();
    const after = digests();
    return names.filter((_name, at) => before[at] !== after[at]);
  };

  for (const [changed, expected] of [
    ['access.ts', ['access.ts', 'direct.ts', 'late.ts']],
    ['answer.ts', ['types.ts', 'answer.ts', 'indirect.ts', 'circle/a.ts', 'circle/b.ts']],
    ['rules.d.mts', ['rules.d.mts', 'others.ts']],
    ['data.json', ['data.json', 'others.ts']],
    ['circle/b.ts', ['circle/a.ts', 'circle/b.ts']],
    ['indirect.ts', ['indirect.ts']],
  ] as const) {
    it(`differ for all that ${changed} leads to when it changes, and for nothing else`, () => {
      assert.deepEqual(
        changedBy(() => write(changed, `${sources[changed]}\n`)),
        expected,
      );
    });
  }

  it('are those of before when the change is taken back', () => {
    const before = digests();
    write('access.ts', 'export function isAllowed(): Promise<boolean> { return Promise.resolve(true); }');
    write('access.ts', sources['access.ts']);
    assert.deepEqual(digests(), before);
  });

  it('differ for all files when what they have in common does', () => {
    const before = digests('rules');
    assert.ok(digests('other rules').every((digest, at) => digest !== before[at]));
  });
});
