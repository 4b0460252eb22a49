import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkRotation, signingChain } from '../../../src/cli/doctor/proxy/ca-rotation.js';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.js';

const dayMs = 86_400_000;
const caOf = (ageDays: number): string => createCa({ now: () => Date.now() - ageDays * dayMs }).certificate;
const [oldest, older, newest] = [caOf(900), caOf(400), caOf(0)] as const;

function resultOf(...certificates: readonly string[]): string {
  const { level, text } = checkRotation('secret a/b', certificates.join(''));
  return `${level}: ${text}`;
}

describe('the step of a rotation of the CA', () => {
  it('is none with one CA, also if it is there twice', () => {
    assert.equal(resultOf(newest), 'ok: none: secret a/b has one CA');
    assert.equal(resultOf(newest, newest), 'ok: none: secret a/b has one CA');
  });

  it('is the first while the older one signs, with what to wait for', () => {
    assert.match(
      resultOf(older, newest),
      /^warn: step 1 of 3: in secret a\/b the old CA signs \(until 20\d\d-\d\d-\d\d\), and a newer one is in every ca\.crt: when each running program .* step 2 of /,
    );
  });

  it('is the second once the newer one signs', () => {
    assert.match(
      resultOf(newest, older),
      /^warn: step 2 of 3: .* the new CA signs .*: remove the older one with step 3/,
    );
    assert.match(resultOf(newest, older, oldest), /^warn: step 2 of 3: /);
  });

  it('is not clear where some are older and some newer', () => {
    assert.match(resultOf(older, oldest, newest), /^warn: secret a\/b has 3 CAs of about the same age: the first one/);
  });

  it('does not mistake the issuer of an intermediate CA for another one', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'connectors-chain-'));
    try {
      const openssl = (...words: readonly string[]): void =>
        void execFileSync('openssl', words, { cwd: directory, stdio: 'pipe' });
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const isCa = ['-addext', 'basicConstraints=critical,CA:TRUE'];
      openssl('req', '-x509', ...key, ...isCa, '-subj', '/CN=root', '-keyout', 'root.key', '-out', 'root.crt');
      openssl(
        ...['req', '-x509', ...key, ...isCa, '-subj', '/CN=intermediate'],
        ...['-CA', 'root.crt', '-CAkey', 'root.key', '-keyout', 'int.key', '-out', 'int.crt'],
      );
      const [root, intermediate] = ['root.crt', 'int.crt'].map((name) =>
        readFileSync(path.join(directory, name), 'utf8'),
      );
      assert.match(resultOf(intermediate ?? '', root ?? ''), /^ok: none: /);
      assert.match(resultOf(intermediate ?? '', root ?? '', older), /^warn: step 2 of 3/);
      assert.equal(signingChain(`${intermediate}${older}${root}`), `${intermediate}${root}`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
