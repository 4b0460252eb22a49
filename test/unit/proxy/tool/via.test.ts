import assert from 'node:assert/strict';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';
import { Via } from '../../../../src/proxy/tool/via.ts';

describe('the name of the proxy in Via', () => {
  const ofOne = (): Via => new Via(() => 'one');
  const name = ofOne().headers[1]?.split(' ')[1] ?? '';
  const loops = (...values: readonly string[]): boolean => {
    try {
      ofOne().ensureFirstPass(values.flatMap((value) => ['Via', value]));
      return false;
    } catch (error) {
      assert.ok(error instanceof ProxyError);
      assert.equal(error.status, 508);
      assert.match(error.message, /has passed this proxy before \(Via\): set the address of the Connector/);
      return true;
    }
  };

  it('is the same for all replicas, and another one for every other proxy', () => {
    assert.match(name, /^connectors-proxy-[0-9a-f]{16}$/);
    assert.deepEqual(ofOne().headers, ['Via', `1.1 ${name}`]);
    assert.notDeepEqual(new Via(() => 'other').headers, ofOne().headers);
    assert.notDeepEqual(new Via(() => undefined).headers, new Via(() => undefined).headers);
  });

  it('is found wherever it is in the list, in either case', () => {
    for (const value of [`1.1 ${name}`, `1.0 a, 1.1 ${name} (x)`, `1.1 ${name.toUpperCase()},1.1 b`, `1.1\t${name}`]) {
      assert.equal(loops(value), true, value);
    }
    assert.equal(loops('1.1 a', `1.1 b (unclosed, 1.1 ${name}`), true);
  });

  it('is not taken for that of others', () => {
    assert.equal(loops(), false);
    for (const value of ['', '1.1 a', `1.1 ${name}0`, '1.1 connectors-proxy', `1.1 x (${name})`]) {
      assert.equal(loops(value), false, value);
    }
  });
});
