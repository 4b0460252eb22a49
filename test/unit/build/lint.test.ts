import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.ts';

/** Files with one mistake in each line, and the rules that find them. */
const mistakes: Readonly<Record<string, readonly (readonly [line: string, rule: string])[]>> = {
  'src/shared/a.ts': [
    ["import { kept } from '../main.ts'; export const used = kept;", ''],
    ['async function work() { await used; }', ''],
    ['work();', 'no-floating-promises'],
    ["export const part = (JSON.parse('1') as { a: any }).a.b;", 'no-explicit-any no-unsafe-member-access'],
    ['export const first = [1].find((each) => each > 0)!;', 'no-non-null-assertion'],
    ['export const exits = process.exitCode;', 'no-restricted-globals'],
    ["console.log('a');", 'no-console'],
    ['export const text = `${[first]}`;', 'restrict-template-expressions'],
    [
      "export function of(k: 'a' | 'b') { switch (k) { case 'a': return 1; } return 2; }",
      'switch-exhaustiveness-check',
    ],
    ['if (first !== undefined) void 0;', 'no-unnecessary-condition'],
  ],
  'src/shared/gotemplate/b.ts': [
    ['export const number = Math.random();', 'no-restricted-properties'],
    ["import { randomBytes } from 'node:crypto'; export { randomBytes };", 'no-restricted-imports'],
  ],
  'src/main.ts': [['export const kept = Promise.resolve(process.pid); // no mistake', '']],
  'test/soak/c.ts': [["import { a } from '../kubelet-node.ts'; export { a };", 'no-restricted-imports']],
};

describe('the rules of lint', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lint-'));
  after(() => rmSync(folder, { recursive: true }));

  it('find what they are for, with file and line', () => {
    for (const [file, lines] of Object.entries(mistakes)) {
      mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(folder, file), lines.map(([line]) => `${line}\n`).join(''));
    }
    for (const name of ['.oxlintrc.json', 'tsconfig.json'])
      cpSync(path.join(repository, name), path.join(folder, name));
    // The linter of types is found from there, and the types of Node.
    symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
    const oxlint = path.join(folder, 'node_modules', '.bin', 'oxlint');
    const { status, stdout } = spawnSync(oxlint, ['--format', 'unix', 'src', 'test'], {
      cwd: folder,
      encoding: 'utf8',
    });
    for (const [file, lines] of Object.entries(mistakes)) {
      for (const [index, [line, rules]] of lines.entries()) {
        const found = stdout.split('\n').filter((text) => text.startsWith(`${file}:${index + 1}:`));
        for (const rule of rules.split(' ').filter(Boolean))
          assert.ok(
            found.some((text) => text.includes(`(${rule})`)),
            `${file}: ${line}: ${rule}\n${stdout}`,
          );
        if (rules === '' && file === 'src/main.ts') assert.deepEqual(found, []);
      }
    }
    assert.equal(status, 1);
  });
});
