import assert from 'node:assert/strict';
import { problemsOf } from '../../../.ci/check-imports.mjs';

const sound = {
  'src/main.ts': "import { a } from './driver/limits.ts';\nconsole.log(a);\n",
  'src/driver/limits.ts': 'export const a = 1;\n',
};

function problems(changed: Readonly<Record<string, string>>, others = "entry: 'src/main.ts'"): readonly string[] {
  return problemsOf(new Map(Object.entries({ ...sound, ...changed })), others);
}

describe('the check of imports', () => {
  it('finds nothing in files that may import each other', () => {
    assert.deepEqual(problems({}), []);
    assert.deepEqual(
      problems({ 'src/shared/pem.ts': '', 'test/a.test.ts': "await import('../src/shared/pem.ts');" }),
      [],
    );
  });

  it('finds imports, also of packages and for a type, that the table of layers has not', () => {
    const text = "\nimport type { B } from '../proxy/b.ts';\nexport { c } from 'undici';\nexport const a: B = c;\n";
    assert.deepEqual(problems({ 'src/driver/limits.ts': text, 'src/proxy/b.ts': 'export type B = 1;\n' }), [
      'src/driver/limits.ts:2: driver/limits must not import proxy (it may: )',
      'src/driver/limits.ts:3: driver/limits must not import npm:undici (it may: )',
      'src/driver/limits.ts:3: no other file imports c',
    ]);
  });

  it('finds getters of object literals', () => {
    const text = 'class C {\n  get b() { return 1; }\n}\nexport const a = {\n  get b() { return C; } };\n';
    assert.deepEqual(problems({ 'src/driver/limits.ts': text }), [
      'src/driver/limits.ts:5: getter of an object literal: use a class or a method',
    ]);
  });

  it('finds exports and files that nothing imports', () => {
    const text = 'export const a = 1;\nexport interface Gone {}\n';
    assert.deepEqual(problems({ 'src/driver/limits.ts': text }, ''), [
      'src/main.ts:1: nothing imports this file',
      'src/driver/limits.ts:2: no other file imports Gone',
    ]);
  });

  it('finds rings of imports, even for a type alone', () => {
    const text = "import type { B } from './b.ts';\nexport const a: B = 1;\n";
    const b = "import type { a } from './limits.ts';\nexport type B = typeof a;\n";
    assert.deepEqual(problems({ 'src/driver/limits.ts': text, 'src/driver/b.ts': b }).slice(-1), [
      'src/driver/b.ts:1: ring of imports: src/driver/limits.ts -> src/driver/b.ts -> src/driver/limits.ts',
    ]);
  });
});
