import assert from 'node:assert/strict';
import fs from 'node:fs';

/** The same part of two programs: a command of a bundle, and the backend of a program. */
const ofEachProgram = ['describedFlags', 'kubernetesBackend', 'run', 'usage'];

describe('an exported name', () => {
  it('has one meaning', () => {
    const seen = new Set<string>();
    const repeated = new Set<string>();
    const files = fs.readdirSync('src', { recursive: true, encoding: 'utf8' });
    for (const name of files) {
      // The template engine has the names of Go.
      if (!name.endsWith('.ts') || /gotemplate|generated/.test(name)) continue;
      const text = fs.readFileSync(`src/${name}`, 'utf8');
      for (const [, exported = ''] of text.matchAll(
        /^export (?:async )?(?:function\*?|class|const|interface|type) (\w+)/gm,
      ))
        (seen.has(exported) ? repeated : seen).add(exported);
    }
    assert.deepEqual([...repeated].sort(), ofEachProgram);
  });
});
