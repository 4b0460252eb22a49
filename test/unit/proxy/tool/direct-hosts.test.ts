import assert from 'node:assert/strict';
import { parseDirectHosts } from '../../../../src/proxy/tool/direct-hosts.ts';

describe('hosts that are reached without the egress proxy', () => {
  const cases: readonly (readonly [entry: string, matching: readonly string[], others: readonly string[]])[] = [
    ['', [], ['example.com:443']],
    [' , ', [], ['example.com:443']],
    ['*', ['example.com:443', '10.0.0.1:80'], []],
    ['example.com', ['example.com:443', 'a.b.example.com:80'], ['example.org:443', 'notexample.com:443', 'com:443']],
    ['Example.COM', ['example.com:443'], []],
    ['.example.com', ['a.example.com:443'], ['example.com:443', 'notexample.com:443']],
    ['*.example.com', ['a.example.com:443'], ['example.com:443']],
    ['example.com:8443', ['example.com:8443', 'a.example.com:8443'], ['example.com:443']],
    ['.example.com:80', ['a.example.com:80'], ['a.example.com:443', 'example.com:80']],
    ['intranet', ['intranet:443', 'git.intranet:443'], ['intranet2:443']],
    ['10.1.2.3', ['10.1.2.3:443', '::ffff:a01:203:443'], ['10.1.2.4:443', 'a.10.1.2.3:443']],
    ['10.1.2.3:80', ['10.1.2.3:80'], ['10.1.2.3:443']],
    ['10.0.0.0/8', ['10.255.0.1:443'], ['11.0.0.1:443', 'ten.example.com:443']],
    ['fd00::1', ['fd00::1:443', 'fd00:0:0::1:443'], ['fd00::2:443']],
    ['[fd00::1]', ['fd00::1:443'], []],
    ['[fd00::1]:80', ['fd00::1:80'], ['fd00::1:443']],
    ['fd00::/8', ['fdff::1:443'], ['fe00::1:443']],
    ['a.example, 10.0.0.0/8,b.example', ['a.example:1', 'b.example:1', '10.1.1.1:1'], ['c.example:1']],
  ];
  for (const [entry, matching, others] of cases) {
    it(`are those of ${JSON.stringify(entry)}`, () => {
      const isDirect = parseDirectHosts(entry);
      const find = (all: readonly string[]): readonly string[] =>
        all.filter((each) =>
          isDirect(each.slice(0, each.lastIndexOf(':')), Number(each.slice(each.lastIndexOf(':') + 1))),
        );
      assert.deepEqual(find([...matching, ...others]), matching);
    });
  }

  for (const entry of [
    ...[
      'http://a.example',
      'a b',
      '10.',
      '*example.com',
      '*.',
      '.',
      ':80',
      'a.example:',
      'a.example:x',
      'a.example:99999',
    ],
    ...['10.0.0.0/33', '10.0.0.0/8:80', 'a.example/8', '[a.example]', '[fd00::1', 'a..b', 'user@a.example'],
  ]) {
    it(`are not ${JSON.stringify(entry)}`, () => {
      assert.throws(() => parseDirectHosts(`b.example,${entry}`), { name: 'RangeError' });
    });
  }
});
