import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { isResponseGood } from '../../../../src/proxy/probe/probe-expressions.ts';

function judge(cel: string, body = ''): ReturnType<typeof isResponseGood> {
  assert.ok(cel.length <= proxyLimits.probes.textLength);
  return isResponseGood('probe', cel, { status: 200, headers: {}, body });
}

/** Doubles the value this often, and then tests it as `a`. */
function doubled(value: string, times: number, test: string): string {
  return `[${value}]${'.map(a, a + a)'.repeat(times)}.exists(a, ${test})`;
}

describe('An expression of a probe', () => {
  // Each takes megabytes, so that without counting these cases only fail. A few doublings more end the process.
  const large: readonly (readonly [what: string, cel: string])[] = [
    ['text', doubled('"0123456789abcdef"', 17, 'a == ""')],
    ['text that is taken apart', doubled('"0123456789abcdef"', 16, 'a.size() == 0')],
    ['text in bytes', doubled('"0123456789abcdef"', 17, 'bytes(a) == b""')],
    ['bytes', doubled('b"0123456789abcdef"', 20, 'a.size() == 0')],
    ['bytes in text', doubled('b"0123456789abcdef"', 17, 'string(a) == ""')],
    ['a list', doubled('[1, 2, 3, 4]', 20, 'a.size() == 0')],
    ['a list in a loop', doubled('[1, 2, 3, 4]', 16, 'a.exists(b, b == 0)')],
    ['a list that is searched', doubled('[1, 2, 3, 4]', 18, '0 in a')],
    ['loops in loops', `${'[0,1,2,3,4,5,6,7,8,9].all(a, '.repeat(6)}true${')'.repeat(6)}`],
    ['copies in a pattern', `"x".matches("${'.{0,1000}'.repeat(40)}")`],
    ['states of a search', doubled('"0123456789abcdef"', 10, 'a.matches("[0-9]*[ab][0-9a-f]{1000}[xyz]")')],
    ['a pattern', doubled('"(a|b)"', 13, '"x".matches(a)')],
    ['a search', doubled('"0123456789abcdef"', 13, 'a.matches("[xyz]")')],
  ];
  for (const [what, cel] of large) {
    it(`has counted work, which limits its memory: ${what}`, () => {
      const message = `probe.response.cel: takes more than ${proxyLimits.probes.work} units of work: make it simpler`;
      assert.throws(() => judge(cel), { message });
    });
  }

  const items = Array.from({ length: 1_000 }, (_, at) => ({ name: `item-${at}-${'x'.repeat(30)}`, isUp: true }));
  const usual: readonly (readonly [cel: string, body: string])[] = [
    ['response.bodyString.matches("(?i)is[ -]up")', `${' '.repeat(proxyLimits.probes.bodyBytes - 5)}is up`],
    ['response.bodyString.contains("up") && !response.bodyString.contains("down")', 'x'.repeat(65_534) + 'up'],
    [
      'response.body.items.all(item, item.isUp) && response.body.items.exists(item, item.name.startsWith("item-999-"))',
      '',
    ],
    ['response.body.items.filter(item, item.isUp).size() == 1000', ''],
    ['response.body.items == response.body.items', ''],
  ];
  for (const [cel, body] of usual) {
    it(`can judge the longest body: ${cel}`, () => {
      const text = body === '' ? JSON.stringify({ items }) : body;
      assert.ok(
        text.length <= proxyLimits.probes.bodyBytes && text.length > 0.9 * proxyLimits.probes.bodyBytes,
        `${text.length}`,
      );
      assert.equal(judge(cel, text), true);
    });
  }
});
