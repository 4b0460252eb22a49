import assert from 'node:assert/strict';
import { Turns } from '../../../../src/driver/content/turns.js';

describe('turns', () => {
  it('come one in each round of the event loop, first come first served', async () => {
    const turns = new Turns();
    let round = 0;
    const count = (): void => {
      round += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const seen = await Promise.all(['a', 'b', 'c'].map((who) => turns.next().then(() => ({ who, round }))));
    clearImmediate(counting);
    assert.deepEqual(
      seen.map(({ who }) => who),
      ['a', 'b', 'c'],
    );
    const rounds = seen.map((each) => each.round);
    assert.equal(new Set(rounds).size, 3, rounds.join(' '));
  });
});
