import assert from 'node:assert/strict';
import { parseConnector } from '../../../../src/connectors/parse-connector.js';
import type { JsonObject } from '../../../../src/json.js';
import { addressHint } from '../../../../src/proxy/status/address-hint.js';
import { connector } from '../../../support/proxy/manifests.js';

function hintFor(...extensions: string[]): string | undefined {
  return addressHint(parseConnector(connector('tool', 'https://tool.example', { extensions }) as JsonObject));
}

describe('the hint about addresses of a Connector', () => {
  for (const [value, example] of [
    ['registry.example.com', 'https://registry.example.com'],
    [' auth.example.com:5000/token ', 'https://auth.example.com:5000/token'],
    ['registry:5000', 'https://registry:5000'],
    ['10.1.2.3', 'https://10.1.2.3'],
    ['oci://registry.example.com/team', 'https://registry.example.com/team'],
    // Not quoted: it may be a password.
    ['ftp://robot:secret@files.example.com', 'https://HOST'],
  ] as const) {
    it(`shows how to write ${value}`, () => {
      assert.equal(
        hintFor('https://api.example.com', value),
        `spec.addressExtensions[1] is no http or https URL, so no request to it gets the credential: write ${example}`,
      );
    });
  }

  it('says nothing of URLs, and of values that a class uses for other purposes', () => {
    const values = [
      'https://api.example.com',
      'HTTP://files.example.com:8080/x',
      'team-a',
      'v1.2',
      'a/b',
      '',
      'a b.com',
    ];
    for (const value of values) assert.equal(hintFor(value), undefined, value);
    assert.equal(hintFor(), undefined);
  });

  it('quotes no more than a hundred characters', () => {
    assert.match(
      hintFor(`registry.example.com/${'x'.repeat(10_000)}`) ?? '',
      /write https:\/\/registry\.example\.com\/x{79}$/,
    );
  });
});
