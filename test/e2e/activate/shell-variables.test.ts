import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { variableProblem } from '../../../src/driver/syntax/environment-variable.js';
import type { TestVolume } from '../../support/driver/test-volume.js';
import { ActivationFixture, shells, variablesIn } from '../../support/e2e/activation.js';
import { run } from '../../support/e2e/programs.js';
import { needs } from '../../support/e2e/rendered-classes.js';

/** Prints the shell's own variables, by all means that one of the shells has. */
const printNames = '{ set; typeset; typeset -p; typeset +; compgen -v; print -l ${(k)parameters}; } 2>/dev/null; true';

describe("activate does not evaluate the values of a class's variables", () => {
  let fixture: ActivationFixture;
  /** Undefined if the tests are skipped. */
  let started: ActivationFixture | undefined;
  let volume: TestVolume;
  let copies = 0;

  before(needs('dash', 'busybox', 'bash', 'mksh', 'ksh93', 'zsh'));
  before(async () => {
    started = fixture = await ActivationFixture.start();
    volume = await fixture.volume('one');
  });
  after(() => started?.stop());

  for (const [name, words] of Object.entries(shells)) {
    it(`${name}: also of those that are the shell's own`, async () => {
      const listed = await run(words[0]!, [...words.slice(1), '-c', printNames], '/');
      const own = [...new Set(listed.output.match(/\b[A-Za-z_]\w*/g))].filter((word) => !variableProblem(word));
      assert.ok(own.length > 0);
      for (const value of ['a[$(touch pwned)]', 'path[$(touch pwned)]', '($(touch pwned))']) {
        const folder = path.join(fixture.node.root, `copy-${(copies += 1)}`);
        fs.cpSync(volume.target, folder, { recursive: true, dereference: true });
        // A file of a class can have only names that its template has; this one stands for a class with all of them.
        fs.writeFileSync(path.join(folder, 'own.environment'), own.map((word) => `${word}=${value}\n`).join(''));
        const script = '. ./activate; env >after';
        const env = { CONNECTORS_DIR: folder, TMPDIR: folder };
        const { status, output } = await run(words[0]!, [...words.slice(1), '-euc', script], folder, env);
        assert.equal(status, 0, output);
        assert.equal(output, '');
        const after = variablesIn(path.join(folder, 'after'));
        for (const word of own) assert.equal(after[word], value, word);
        assert.ok(!fs.existsSync(path.join(folder, 'pwned')));
      }
    });
  }
});
