import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { WorkPlaces } from '../../../../src/load/work-places.js';
import { AddressRules } from '../../../../src/proxy/upstream/address-rules.js';
import type { LookupOwner } from '../../../../src/proxy/upstream/resolver.js';
import { Resolver } from '../../../../src/proxy/upstream/resolver.js';
import { eventually } from '../../../support/poll.js';

const address = (text: string): LookupAddress[] => [{ address: text, family: 4 }];
const hostile = { namespace: 'hostile', podUid: 'one' };
const innocent = { namespace: 'innocent', podUid: 'two' };

/** A system whose answers are the test's. */
class Names {
  readonly asked: string[] = [];
  readonly #waiting = new Map<string, (found: LookupAddress[]) => void>();
  nowMs = 0;
  readonly resolver = new Resolver({
    rules: new AddressRules({ allowed: [], apiServer: [] }),
    lookUp: (host) => {
      this.asked.push(host);
      return new Promise((resolve) => this.#waiting.set(host, resolve));
    },
    turns: new WorkPlaces(4),
    steadyNow: () => this.nowMs,
  });

  answer(host: string, text: string): void {
    this.#waiting.get(host)?.(address(text));
  }

  /** As a tunnel of the owner's does. */
  tunnel(host: string, owner: LookupOwner): Promise<string> {
    return new Promise((resolve, reject) => {
      this.resolver.lookupFor(owner)(host, {}, (error, found: unknown) => {
        if (error === null && typeof found === 'string') resolve(found);
        else reject(error ?? new TypeError('no address'));
      });
    });
  }
}

describe('looking up names', () => {
  it('for tunnels goes by turns, however many names one pod wants, and holds up no Connector', async () => {
    const names = new Names();
    const flood = Array.from({ length: 500 }, (_, at) => names.tunnel(`black-hole-${at}.example`, hostile));
    for (const each of flood) each.catch(() => undefined);
    const other = names.tunnel('other.example', innocent);
    await eventually('some are asked for', () => names.asked.length === 4);
    const ofConnector = names.resolver.addressesOf('tool.example');
    names.answer('tool.example', '192.0.2.1');
    assert.deepEqual(await ofConnector, address('192.0.2.1'));
    names.answer('black-hole-0.example', '192.0.2.2');
    await eventually('the other pod has its turn', () => names.asked.includes('other.example'));
    assert.equal(names.asked.length, 6);
    names.answer('other.example', '192.0.2.3');
    assert.equal(await other, '192.0.2.3');
  });

  it('asks once for what is asked for already', async () => {
    const names = new Names();
    const both = [names.resolver.addressesOf('tool.example'), names.tunnel('tool.example', hostile)];
    names.nowMs = 60_000;
    both.push(names.resolver.addressesOf('tool.example'));
    names.answer('tool.example', '192.0.2.1');
    await Promise.all(both);
    assert.deepEqual(names.asked, ['tool.example']);
  });

  it('takes the last answer where the next takes long, for five minutes', async () => {
    const names = new Names();
    const first = names.resolver.addressesOf('tool.example');
    names.answer('tool.example', '192.0.2.1');
    await first;
    names.nowMs = 10_000;
    assert.deepEqual(await names.resolver.addressesOf('tool.example'), address('192.0.2.1'));
    assert.equal(names.asked.length, 2);
    names.nowMs = 10_000 + 300_000;
    const late = names.resolver.addressesOf('tool.example');
    names.answer('tool.example', '192.0.2.2');
    assert.deepEqual(await late, address('192.0.2.2'));
  });
});
