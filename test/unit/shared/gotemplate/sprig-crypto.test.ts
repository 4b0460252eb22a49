import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import bcryptjs from 'bcryptjs';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';

function render(template: string): string {
  return compileTemplate('t', template)
    .render({}, { clock: () => 0 })
    .toString('utf8');
}

describe("sprig's keys and hashes", () => {
  it('gives bcrypt hashes of cost 10 that verify', () => {
    const hash = render('{{ bcrypt "pässword" }}');
    assert.match(hash, /^\$2a\$10\$[./A-Za-z0-9]{53}$/);
    assert.ok(bcryptjs.compareSync('pässword', hash));
    assert.ok(!bcryptjs.compareSync('other', hash));
  });

  it('refuses passwords that bcrypt would cut, and users with a colon', () => {
    assert.match(render('{{ bcrypt (repeat 73 "x") }}'), /password length exceeds 72 bytes/);
    assert.equal(render('{{ htpasswd "a:b" "x" }}'), 'invalid username: a:b');
  });

  it('makes private keys that OpenSSL reads', () => {
    assert.equal(
      createPrivateKey(render('{{ genPrivateKey "ecdsa" }}')).asymmetricKeyDetails?.namedCurve,
      'prime256v1',
    );
    assert.equal(createPrivateKey(render('{{ genPrivateKey "ed25519" }}')).asymmetricKeyType, 'ed25519');
    assert.equal(render('{{ genPrivateKey "x" }}'), 'Unknown type x');
  });

  it('decrypts what it encrypted, and not with another password', () => {
    assert.equal(render('{{ encryptAES "k" "größe" | decryptAES "k" }}'), 'größe');
    const other = '{{ encryptAES "k" "0123456789" | decryptAES "other" | eq "0123456789" }}';
    try {
      assert.equal(render(other), 'false');
    } catch (error) {
      assert.match(String(error), /slice bounds out of range/);
    }
  });

  it('draws different values each time, of the alphabet and length that were asked for', () => {
    assert.match(render('{{ randAlpha 30 }}{{ randNumeric 30 }}'), /^[A-Za-z]{30}[0-9]{30}$/);
    assert.notEqual(render('{{ randAlphaNum 30 }}'), render('{{ randAlphaNum 30 }}'));
    assert.equal(render('{{ randAlpha -1 }}{{ randAlpha 0 }}'), '');
  });
});
