import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { mock } from 'node:test';
import { CodedError } from '../../../../src/shared/errors.ts';
import { FairSemaphore } from '../../../../src/shared/limits/fair-semaphore.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { AddressRules } from '../../../../src/proxy/tool/address-rules.ts';
import type { ToolOwner } from '../../../../src/proxy/tool/resolver.ts';
import { Resolver, ownerOfConnector } from '../../../../src/proxy/tool/resolver.ts';
import { eventually } from '../../../support/poll.ts';

const address = (text: string): LookupAddress[] => [{ address: text, family: 4 }];
const pod = (namespace: string, holder = 'one'): ToolOwner => ({ chosenBy: 'client', namespace, holder });
const host = (namespace: string, name = 'tool'): ToolOwner => ownerOfConnector({ namespace, name });
const longMs = 60_000;
/** Four turns, two of them for each namespace. */
const turns = (): FairSemaphore =>
  new FairSemaphore({
    permits: 4,
    namespaceShare: 1 / 2,
    queue: { length: 1000, rejection: () => new CodedError('RESOURCE_EXHAUSTED', 'enough waits') },
  });

/** A system whose answers are the test's. */
class Names {
  readonly asked: string[] = [];
  readonly #waiting = new Map<string, (found: LookupAddress[]) => void>();
  nowMs = 0;
  readonly resolver: Resolver;

  constructor(slotWaitMs = longMs) {
    this.resolver = new Resolver({
      rules: new AddressRules({ allowed: [], apiServer: [], apiServerEndpoints: () => [], self: () => [] }),
      isSelfName: () => false,
      lookUp: (name) => {
        this.asked.push(name);
        return new Promise((resolve) => this.#waiting.set(name, resolve));
      },
      limiters: { client: turns(), connector: turns() },
      slotWaitMs,
      monotonicNow: () => this.nowMs,
    });
  }

  /** As a system that takes its time. */
  async answer(name: string, text: string): Promise<void> {
    await eventually(`${name} is asked for`, () => this.#waiting.has(name));
    this.#waiting.get(name)?.(address(text));
    this.#waiting.delete(name);
  }

  /** Asks for names that are never answered. */
  flood(owner: ToolOwner, times: number): void {
    for (let at = 0; at < times; at += 1) {
      const name = `${owner.chosenBy}-${owner.namespace}-${at}.example`;
      this.resolver.addressesOf(name, 443, owner).catch(() => undefined);
    }
  }
}

describe('looking up names', () => {
  for (const owner of [pod, host]) {
    const { chosenBy } = owner('hostile');

    it(`that a ${chosenBy} has chosen leaves turns to other namespaces, however many one wants`, async () => {
      const names = new Names();
      names.flood(owner('hostile'), 400);
      await eventually('some are asked for', () => names.asked.length === 2);
      const other = names.resolver.addressesOf('other.example', 443, owner('innocent'));
      await names.answer('other.example', '192.0.2.1');
      assert.deepEqual(await other, address('192.0.2.1'));
      assert.equal(names.asked.length, 3);
    });
  }

  it('that clients of many namespaces have chosen holds up no Connector, nor the other way round', async () => {
    const names = new Names();
    for (const namespace of ['one', 'two', 'three']) {
      names.flood(pod(namespace), 10);
      await eventually('some are asked for', () => names.asked.length === 2 || names.asked.length === 4);
    }
    const tool = names.resolver.addressesOf('tool.example', 443, host('innocent'));
    await names.answer('tool.example', '192.0.2.1');
    await tool;
    for (const namespace of ['one', 'two', 'three']) names.flood(host(namespace), 10);
    await eventually('all turns are taken', () => names.asked.length === 9);
    await names.answer('client-one-0.example', '192.0.2.2');
    await eventually('the next client has its turn', () => names.asked.length === 10);
  });

  it('gives turns to the Connectors of a namespace one after the other', async () => {
    const names = new Names();
    names.flood(host('ci', 'wide'), 400);
    const other = names.resolver.addressesOf('other.example', 443, host('ci', 'other'));
    await names.answer('connector-ci-0.example', '192.0.2.1');
    await names.answer('other.example', '192.0.2.2');
    assert.deepEqual(await other, address('192.0.2.2'));
    assert.equal(names.asked.length, 3);
  });

  it('refuses what waits beyond a share of the room, and what has waited too long', async () => {
    const names = new Names(50);
    const refused = (found: Promise<unknown>, cause: RegExp): Promise<void> =>
      assert.rejects(found, (error: Error & { status?: number; cause?: Error }) => {
        assert.equal(error.status, 503);
        assert.match(error.message, /^too many names .* for Connectors of namespace "ci", and late\.example was not/);
        assert.match(String(error.cause?.message), cause);
        return true;
      });
    names.flood(host('ci'), 2);
    await refused(names.resolver.addressesOf('late.example', 443, host('ci')), /gave up/);
    names.flood(host('ci'), 502);
    await refused(names.resolver.addressesOf('late.example', 443, host('ci')), /enough waits/);
  });

  it('lets those of one owner that want the same name wait as one', async () => {
    const names = new Names();
    names.flood(host('ci', 'silent'), 2);
    const many = Array.from({ length: 2000 }, () => names.resolver.addressesOf('tool.example', 443, host('ci')));
    await names.answer('connector-ci-0.example', '192.0.2.1');
    await names.answer('tool.example', '192.0.2.2');
    for (const found of await Promise.all(many)) assert.deepEqual(found, address('192.0.2.2'));
  });

  it('asks once for what an owner asks for already, and not for what was found a moment ago', async () => {
    const names = new Names();
    const ask = (owner: ToolOwner): Promise<readonly LookupAddress[]> =>
      names.resolver.addressesOf('tool.example', 443, owner);
    const both = [ask(host('ci')), ask(host('ci'))];
    await eventually('it is asked for', () => names.asked.length > 0);
    names.nowMs = 60_000;
    both.push(ask(host('ci')));
    await names.answer('tool.example', '192.0.2.1');
    await Promise.all(both);
    assert.deepEqual(await ask(pod('other')), address('192.0.2.1'));
    assert.deepEqual(names.asked, ['tool.example']);
    names.nowMs += 2_000;
    const late = ask(host('ci'));
    await names.answer('tool.example', '192.0.2.2');
    assert.deepEqual(await late, address('192.0.2.2'));
  });

  it('uses the last result for five minutes where no lookup ends, or none has a turn', async () => {
    const names = new Names(50);
    const known = (owner: ToolOwner): Promise<readonly LookupAddress[]> =>
      names.resolver.addressesOf('known.example', 443, owner);
    const first = known(pod('ci'));
    await names.answer('known.example', '192.0.2.1');
    await first;
    names.nowMs = 2_000;
    assert.deepEqual(await known(pod('ci')), address('192.0.2.1'));
    for (const namespace of ['one', 'two', 'three']) names.flood(pod(namespace), 500);
    assert.deepEqual(await known(pod('one')), address('192.0.2.1'));
    names.nowMs = 5 * 60_000 - 1;
    assert.deepEqual(await known(pod('other')), address('192.0.2.1'));
    names.nowMs = 5 * 60_000;
    await assert.rejects(known(pod('late')), { status: 503 });
  });

  it('uses the last result at once while lookups wait for a turn', async () => {
    const names = new Names();
    const known = (): Promise<readonly LookupAddress[]> => names.resolver.addressesOf('known.example', 443, pod('ci'));
    const first = known();
    await names.answer('known.example', '192.0.2.1');
    await first;
    names.nowMs = 2_000;
    for (const namespace of ['one', 'two']) names.flood(pod(namespace), 10);
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const again = known();
      mock.timers.tick(1);
      // Nothing else can end it: the turns, and the wait for one, last a minute.
      const soon = new Promise((resolve) => setImmediate(() => resolve('waits')));
      assert.deepEqual(await Promise.race([again, soon]), address('192.0.2.1'));
    } finally {
      mock.timers.reset();
    }
  });

  it('keeps results although another namespace looks up thousands of names', async () => {
    const names = new Names();
    const known = names.resolver.addressesOf('known.example', 443, pod('ci'));
    await names.answer('known.example', '192.0.2.1');
    await known;
    for (let at = 0; at < proxyLimits.lookups.hosts + 1; at += 1) {
      const found = names.resolver.addressesOf(`${at}.example`, 443, pod('hostile'));
      await names.answer(`${at}.example`, '192.0.2.2');
      await found;
    }
    assert.deepEqual(await names.resolver.addressesOf('known.example', 443, pod('ci')), address('192.0.2.1'));
  });

  for (const [which, first] of [
    ['allowed', '10.9'],
    ['blocked', '127.0'],
  ]) {
    it(`reads the endpoints once for a thousand ${which} addresses of a name`, async () => {
      let reads = 0;
      const endpoints = (): [] => {
        reads += 1;
        return [];
      };
      const found = Array.from({ length: 1000 }, (_, at) => `${first}.${at >> 8}.${at & 255}`).flatMap(address);
      const resolver = new Resolver({
        rules: new AddressRules({ allowed: [], apiServer: [], apiServerEndpoints: endpoints, self: endpoints }),
        isSelfName: () => false,
        lookUp: () => Promise.resolve(found),
        limiters: { client: turns(), connector: turns() },
        slotWaitMs: longMs,
        monotonicNow: () => 0,
      });
      const result = resolver.addressesOf('many.example', 443, pod('ci'));
      if (which === 'allowed') assert.deepEqual(await result, found);
      else await assert.rejects(result, { status: 403 });
      assert.ok(reads <= 4, `${reads} reads`);
    });
  }
});
