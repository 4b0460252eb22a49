import assert from 'node:assert/strict';
import { CodedError } from '../../src/shared/errors.ts';
import type { JsonObject } from '../../src/shared/json.ts';
import type { PublishSlot, ConnectorSource } from '../../src/driver/publish/ports.ts';
import type { ConnectorRef, FeatureFlags } from '../../src/shared/connectors/model.ts';
import { connector, connectorClass, flagsConfigMap } from './driver/manifests.ts';
import { eventually } from './poll.ts';

/** A source whose objects the contract can change. Nothing is in it at first. */
interface SourceUnderTest {
  readonly source: ConnectorSource;
  /** Creates or replaces. */
  put(object: JsonObject): void;
  remove(object: JsonObject): void;
  stop(): Promise<void>;
}

const owner = { namespace: 'ci', podUid: 'uid-of-build-1' };
const harbor: ConnectorRef = { namespace: 'ci', name: 'harbor' };
const github: ConnectorRef = { namespace: 'scm', name: 'github' };
const flagsOff: FeatureFlags = {
  connectorProxyPermissions: false,
  connectorsApproval: false,
  multiConnector: true,
};

function callUntil(signal: AbortSignal = new AbortController().signal): PublishSlot {
  return { owner, signal, releaseWhile: (wait) => wait() };
}

/** What every ConnectorSource does, whatever it reads. */
export function connectorSourceContract(
  open: (options: { readonly notFoundWaitMs: number }) => Promise<SourceUnderTest>,
): void {
  let opened: SourceUnderTest[];
  beforeEach(() => (opened = []));
  afterEach(async () => {
    for (const each of opened) await each.stop();
  });

  const start = async (notFoundWaitMs = 0): Promise<SourceUnderTest> => {
    const under = await open({ notFoundWaitMs });
    opened.push(under);
    return under;
  };
  const startWithBoth = async (notFoundWaitMs = 0): Promise<SourceUnderTest> => {
    const under = await start(notFoundWaitMs);
    under.put(connector('harbor'));
    under.put(connector('github', { namespace: 'scm', className: 'git' }));
    under.put(connectorClass('oci'));
    under.put(connectorClass('git'));
    return under;
  };
  const assertRefused = async (call: Promise<unknown>, code: string, message: RegExp): Promise<void> => {
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof CodedError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  };

  describe('resolve', () => {
    it('gives connectors with their classes in the order asked for', async () => {
      const { source } = await startWithBoth();
      for (const refs of [
        [harbor, github],
        [github, harbor],
      ]) {
        const resolved = await source.resolve(refs, callUntil());
        assert.deepEqual(
          resolved.map(({ connector: { ref } }) => ref),
          refs,
        );
        assert.deepEqual(
          resolved.map(({ connectorClass: { name } }) => name),
          refs.map(({ name }) => (name === 'harbor' ? 'oci' : 'git')),
        );
      }
    });

    it('keeps fields that the driver does not know, for templates', async () => {
      const under = await start();
      under.put({ ...connector('harbor'), futureField: { deep: [1n, 'two'] } });
      under.put(connectorClass('oci'));
      const [resolved] = await under.source.resolve([harbor], callUntil());
      assert.deepEqual(resolved?.connector.object['futureField'], { deep: [1n, 'two'] });
    });

    it('refuses a connector that does not exist, by name', async () => {
      const { source } = await startWithBoth();
      const missing = { namespace: 'ci', name: 'nexus' };
      await assertRefused(source.resolve([harbor, missing], callUntil()), 'NOT_FOUND', /connector ci\/nexus/);
    });

    it('refuses a connector of the same name in another namespace', async () => {
      const { source } = await startWithBoth();
      const elsewhere = { namespace: 'scm', name: 'harbor' };
      await assertRefused(source.resolve([elsewhere], callUntil()), 'NOT_FOUND', /connector scm\/harbor/);
    });

    it('refuses a connector whose class does not exist, naming both', async () => {
      const under = await start();
      under.put(connector('harbor'));
      await assertRefused(
        under.source.resolve([harbor], callUntil()),
        'NOT_FOUND',
        /connectorclass oci .*connector ci\/harbor/,
      );
    });

    it('waits for a connector and then for its class to appear', async () => {
      const under = await start(60_000);
      const resolving = under.source.resolve([harbor], callUntil());
      await new Promise((resolve) => setTimeout(resolve, 20));
      under.put(connector('harbor'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      under.put(connectorClass('oci'));
      const [resolved] = await resolving;
      assert.equal(resolved?.connectorClass.name, 'oci');
    });

    it('waits no longer than its caller, and tells why', async () => {
      const { source } = await start(60_000);
      const caller = new AbortController();
      const resolving = source.resolve([harbor], callUntil(caller.signal));
      setTimeout(() => caller.abort(new CodedError('ABORTED', 'the volume is being unpublished')), 20);
      await assertRefused(resolving, 'ABORTED', /^the volume is being unpublished$/);
    });

    it('says what does not exist also to a caller whose own time is over first', async () => {
      const { source } = await start(60_000);
      const outOfTime = new CodedError('DEADLINE_EXCEEDED', 'the call ran out of time');
      await eventually('it is known not to exist', async () => {
        const deadline = new AbortController();
        setTimeout(() => deadline.abort(outOfTime), 20);
        const failure = await source.resolve([harbor], callUntil(deadline.signal)).catch((error: unknown) => error);
        assert.ok(failure instanceof CodedError && failure.code !== 'DEADLINE_EXCEEDED', String(failure));
        return failure.code === 'NOT_FOUND' && failure.message === 'connector ci/harbor does not exist';
      });
    });

    it('sees that a connector is deleted, and that another one of its name is created', async () => {
      const under = await startWithBoth();
      const [before] = await under.source.resolve([harbor], callUntil());
      under.remove(connector('harbor'));
      await eventually('it is gone', () => under.source.peek([harbor]) === undefined);
      await assertRefused(under.source.resolve([harbor], callUntil()), 'NOT_FOUND', /connector ci\/harbor/);
      under.put(connector('harbor'));
      await eventually('it is back', () => under.source.peek([harbor]) !== undefined);
      const [after] = await under.source.resolve([harbor], callUntil());
      assert.notEqual(after?.connector, before?.connector);
    });

    it('sees that a connector is given another class', async () => {
      const under = await startWithBoth();
      await under.source.resolve([harbor], callUntil());
      under.put(connector('harbor', { className: 'git' }));
      await eventually('it is of the other class', async () => {
        const [resolved] = await under.source.resolve([harbor], callUntil());
        return resolved?.connectorClass.name === 'git';
      });
    });

    for (const [what, object, message] of [
      [
        'connector',
        { ...connector('harbor'), spec: { connectorClassName: 7n } },
        /^connector ci\/harbor: spec\.connectorClassName must be a string/,
      ],
      [
        'proxy address',
        { ...connector('harbor'), status: { proxy: { httpAddress: [] } } },
        /^connector ci\/harbor: status\.proxy\.httpAddress must be an object/,
      ],
      [
        'connectorclass',
        { ...connectorClass('oci'), spec: { configurations: [{ name: 'a', params: [{ name: 'p', type: 'int' }] }] } },
        /^connectorclass oci: spec\.configurations\[0\]\.params\[0\]\.type must be one of/,
      ],
    ] as const) {
      it(`refuses a malformed ${what} at once with the path of the field, and others not`, async () => {
        const under = await start(60_000);
        under.put(connector('github', { namespace: 'scm', className: 'git' }));
        under.put(connectorClass('git'));
        under.put(connector('harbor'));
        under.put(connectorClass('oci'));
        under.put(object);
        await assertRefused(under.source.resolve([github, harbor], callUntil()), 'FAILED_PRECONDITION', message);
        assert.equal(under.source.peek([harbor]), undefined);
        assert.equal((await under.source.resolve([github], callUntil())).length, 1);
      });
    }

    it('recovers when what was malformed is mended', async () => {
      const under = await start();
      under.put({ ...connector('harbor'), spec: {} });
      under.put(connectorClass('oci'));
      await assertRefused(under.source.resolve([harbor], callUntil()), 'FAILED_PRECONDITION', /must be set/);
      under.put(connector('harbor'));
      await eventually('it is well', () =>
        under.source.resolve([harbor], callUntil()).then(
          () => true,
          () => false,
        ),
      );
    });
  });

  describe('peek', () => {
    it('gives the very objects that resolve gave, as long as they do not change', async () => {
      const under = await startWithBoth();
      const resolved = await under.source.resolve([harbor, github], callUntil());
      under.put(connector('unrelated'));
      for (let turn = 0; turn < 3; turn += 1) {
        const peeked = under.source.peek([harbor, github]);
        const again = await under.source.resolve([harbor, github], callUntil());
        for (const [index, { connector: first, connectorClass: cls }] of resolved.entries()) {
          assert.equal(peeked?.[index]?.connector, first);
          assert.equal(peeked[index].connectorClass, cls);
          assert.equal(again[index]?.connector, first);
          assert.equal(again[index].connectorClass, cls);
        }
      }
    });

    it('gives another object once it has changed, and the same class', async () => {
      const under = await startWithBoth();
      const [before] = await under.source.resolve([harbor], callUntil());
      under.put(connector('harbor', { proxyUrl: 'http://two.example' }));
      await eventually('it has changed', () => under.source.peek([harbor])?.[0]?.connector !== before?.connector);
      const [after] = under.source.peek([harbor]) ?? [];
      assert.equal(after?.connector.proxyAddress?.url, 'http://two.example');
      assert.equal(after.connectorClass, before?.connectorClass);
    });

    it('gives nothing when one of several does not exist', async () => {
      const { source } = await startWithBoth();
      await source.resolve([harbor], callUntil());
      assert.equal(source.peek([harbor, { namespace: 'ci', name: 'nexus' }]), undefined);
    });

    it('goes on for a volume that is retained twice, released, and released again', async () => {
      const { source } = await startWithBoth();
      await source.resolve([harbor], callUntil());
      source.retain('volume', [harbor], owner);
      source.retain('volume', [harbor], owner);
      source.release('volume');
      source.release('volume');
      assert.equal(source.peek([harbor])?.length, 1);
    });
  });

  describe('flags', () => {
    const never = new AbortController().signal;

    it('have their defaults without the ConfigMap, and keep their identity', async () => {
      const { source } = await start();
      const flags = await source.flags(never);
      assert.deepEqual(flags, flagsOff);
      assert.equal(source.peekFlags(), flags);
      assert.equal(await source.flags(never), flags);
    });

    it('are read where the ConfigMap has them, and their changes seen', async () => {
      const under = await start();
      under.put(flagsConfigMap({ 'enable-connector-proxy-permissions': 'true', 'enable-multi-connector': 'false' }));
      const first = { ...flagsOff, connectorProxyPermissions: true, multiConnector: false };
      await eventually('they are as set', async () => (await under.source.flags(never)).connectorProxyPermissions);
      assert.deepEqual(await under.source.flags(never), first);
      assert.equal(await under.source.flags(never), under.source.peekFlags());
      under.put(flagsConfigMap({ 'enable-connectors-approval': 'true' }));
      await eventually('they have changed', () => under.source.peekFlags()?.connectorsApproval === true);
      assert.deepEqual(await under.source.flags(never), { ...flagsOff, connectorsApproval: true });
      under.remove(flagsConfigMap({}));
      await eventually('they are off again', () => under.source.peekFlags()?.connectorsApproval === false);
    });

    it('refuse a value that is neither true nor false, since guessing could open a door', async () => {
      const under = await start();
      under.put(flagsConfigMap({ 'enable-connector-proxy-permissions': 'yes' }));
      await eventually('it is seen', () => under.source.peekFlags() === undefined);
      await assertRefused(
        under.source.flags(never),
        'FAILED_PRECONDITION',
        /^configmap connectors-config: data\.enable-connector-proxy-permissions must be "true" or "false"$/,
      );
      under.put(flagsConfigMap({}));
      await eventually('it is mended', () => under.source.peekFlags() !== undefined);
      assert.deepEqual(await under.source.flags(never), flagsOff);
    });

    it('of another namespace do not count', async () => {
      const under = await start();
      const elsewhere = flagsConfigMap({ 'enable-connectors-approval': 'true' });
      under.put({ ...elsewhere, metadata: { namespace: 'ci', name: 'connectors-config' } });
      assert.deepEqual(await under.source.flags(never), flagsOff);
    });
  });
}
