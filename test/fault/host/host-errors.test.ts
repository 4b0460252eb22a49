import assert from 'node:assert/strict';
import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import { CodedError } from '../../../src/shared/errors.ts';
import type { MountOptions } from '../../../src/driver/publish/ports.ts';
import { largeRevision, revisionFiles, revisionOf } from '../../support/host/revision-files.ts';
import { KubeletDir, openDescriptors, pathsWith, readVolume, somebody } from '../../support/host/kubelet-dir.ts';
import type { TestHost } from '../../support/host/kubelet-dir.ts';
import { plausibleErrors } from '../../support/host/plausible-errors.ts';
import type { ErrnoName } from '../../support/host/plausible-errors.ts';
import { wrapSyscalls } from '../../support/host/syscall-wrapper.ts';
import type { CallName } from '../../support/host/syscall-wrapper.ts';
import { started } from '../../support/started.ts';
import { hasManyIds } from '../../support/user-ids.ts';

/** `once`: the calls after it work again, so that all can be undone. `on`: nothing works any more until the call ends. */
type Duration = 'once' | 'on';

interface Failure {
  readonly step: number;
  readonly duration: Duration;
  /** Which of the plausible errors of the call at that step; those that have fewer fail with their last. */
  readonly errorIndex: number;
}

interface Failed {
  readonly call: CallName;
  readonly error: ErrnoName;
}

const mostErrors = Math.max(...Object.values(plausibleErrors).map(({ length }) => length));

describe('a volume where a system call fails', function () {
  const plain = loadSyscalls();
  let kubelet: KubeletDir;
  let host: TestHost;
  let failing: TestHost;
  let failure: Failure | undefined;
  /** Number of system calls of `failing` since the failure was set. */
  let count: number;
  let failed: Failed[];
  beforeEach(() => {
    kubelet = started(new KubeletDir());
    host = kubelet.host(plain);
    failing = kubelet.host(wrapSyscalls(plain, answer));
    failure = undefined;
    failing.mountProblem();
  });

  /** Fails the system call if the failure says so. The kernel closes a descriptor even when it reports a failure. */
  function answer(call: CallName, args: readonly unknown[]): number | undefined {
    if (failure === undefined) return undefined;
    count += 1;
    const { step, duration, errorIndex } = failure;
    if (count < step || (duration === 'once' && count > step)) return undefined;
    const errors = plausibleErrors[call];
    const error = errors[errorIndex] ?? errors.at(-1)!;
    failed.push({ call, error });
    if (call === 'close') plain.close(args[0] as number);
    return -constants.errno[error];
  }

  /**
   * Makes the call once for each step and each way in which it can fail, until no step is left.
   * @param afterwards checks what is left, and repairs it. @returns the calls that failed.
   */
  async function atEveryStep(
    duration: Duration,
    prepare: () => unknown,
    call: (host: TestHost) => unknown,
    afterwards: (thrown: CodedError | undefined, where: string) => unknown,
  ): Promise<ReadonlySet<CallName>> {
    const calls = new Set<CallName>();
    for (let step = 1; ; step += 1) {
      let ways = 1;
      for (let errorIndex = 0; errorIndex < ways; errorIndex += 1) {
        await prepare();
        failure = { step, duration, errorIndex };
        count = 0;
        failed = [];
        const descriptors = openDescriptors();
        const thrown = await caught(() => call(failing));
        failure = undefined;
        const [first] = failed;
        if (first === undefined) {
          assert.equal(thrown, undefined);
          await afterwards(undefined, 'no failure');
          return calls;
        }
        const where = `step ${step}, ${first.call}: ${first.error}, ${duration}`;
        calls.add(first.call);
        assert.equal(openDescriptors(), descriptors, `descriptors after ${where}`);
        if (thrown !== undefined) assertNamed(thrown, failed, where);
        await afterwards(thrown, where);
        ways = duration === 'once' ? plausibleErrors[first.call].length : mostErrors;
      }
    }
  }

  const detachAll = async () => {
    await host.detach(kubelet.target);
    assert.deepEqual(fs.readdirSync(kubelet.parent), ['vol_data.json']);
    assert.deepEqual(kubelet.mounts(), []);
  };

  const ownerships: Record<string, MountOptions> = { 'without a group': {}, 'with a group': { gid: 4711 } };
  for (const [whose, options] of Object.entries(ownerships)) {
    const needIds = (context: Mocha.Context): void => {
      if (options.gid !== undefined && !hasManyIds()) {
        console.log('      skipped: a group other than 0 exists only for real root, not in this user namespace');
        context.skip();
      }
    };

    for (const existed of options.gid === undefined ? [false, true] : [false]) {
      it(`is taken back whole or complete, ${whose}, directory there before: ${existed}`, async function () {
        needIds(this);
        const rest = existed ? ['mount', 'vol_data.json'] : ['vol_data.json'];
        const calls = await atEveryStep(
          'once',
          () => existed && fs.mkdirSync(kubelet.target, { recursive: true }),
          (failing) => failing.put(kubelet.target, revisionFiles(1), options),
          async (thrown, where) => {
            if (thrown === undefined) {
              assert.equal(revisionOf(readVolume(kubelet.target)), 1, where);
            } else {
              assert.deepEqual(kubelet.mounts(), [], where);
              assert.deepEqual(fs.readdirSync(kubelet.parent).sort(), rest, where);
              if (existed) assert.deepEqual(kubelet.entries(), [], where);
              host.put(kubelet.target, revisionFiles(2), options);
              assert.equal(revisionOf(readVolume(kubelet.target)), 2, where);
            }
            await detachAll();
          },
        );
        assertAmong(calls, ['write', 'linkat', 'symlinkat', 'moveMount']);
      });
    }

    for (const next of [2, largeRevision]) {
      it(`keeps the old content, or has the new, ${whose}, of revision ${next}`, async function () {
        needIds(this);
        const calls = await atEveryStep(
          'once',
          () => {
            host.put(kubelet.target, revisionFiles(0), options);
            host.put(kubelet.target, revisionFiles(1), options);
          },
          (failing) => failing.put(kubelet.target, revisionFiles(next), options),
          (thrown, where) => {
            const found = currentRevision(kubelet);
            assert.ok(found === next || (found === 1 && thrown !== undefined), `revision ${found} after ${where}`);
            const own = kubelet.entries().filter((entry) => entry.startsWith('..'));
            assert.ok(own.length <= 3 && own.includes('..data'), `${own.join(' ')} after ${where}`);
            host.put(kubelet.target, revisionFiles(next), options);
            assert.equal(revisionOf(readVolume(kubelet.target)), next, where);
          },
        );
        assertAmong(calls, [
          ...(next === 2 ? [] : (['mount'] as const)),
          'write',
          'linkat',
          'symlinkat',
          'renameat',
          'unlinkat',
          'read',
        ]);
        await detachAll();
      });
    }
  }

  for (const duration of ['once', 'on'] as const) {
    it(`has no replaced file when that was asked for, or fails and has none after the next write, ${duration}`, async () => {
      const replaced = (): readonly string[] => ['0:', '1:'].flatMap((start) => pathsWith(kubelet.target, start));
      const calls = await atEveryStep(
        duration,
        () => {
          host.put(kubelet.target, revisionFiles(0), {});
          host.put(kubelet.target, revisionFiles(1), {});
        },
        (failing) => failing.put(kubelet.target, revisionFiles(2), {}, somebody, 'removed'),
        (thrown, where) => {
          if (thrown !== undefined) host.put(kubelet.target, revisionFiles(2), {}, somebody, 'removed');
          assert.deepEqual(replaced(), [], where);
          assert.equal(revisionOf(readVolume(kubelet.target)), 2, where);
        },
      );
      assertAmong(calls, ['write', 'renameat', 'unlinkat']);
      await detachAll();
    });
  }

  it('holds a whole revision or none when nothing works any more, and the next publish and unpublish mend it', async () => {
    for (const before of [undefined, 1]) {
      await atEveryStep(
        'on',
        () => before !== undefined && host.put(kubelet.target, revisionFiles(before), {}),
        (failing) => failing.put(kubelet.target, revisionFiles(largeRevision), {}),
        async (_thrown, where) => {
          if (host.hasVolume(kubelet.target)) {
            assert.ok([before, largeRevision].includes(currentRevision(kubelet)), where);
          } else {
            assert.equal(before, undefined, where);
          }
          host.put(kubelet.target, revisionFiles(3), {});
          assert.equal(revisionOf(readVolume(kubelet.target)), 3, where);
          await detachAll();
        },
      );
    }
  });

  for (const duration of ['once', 'on'] as const) {
    it(`can be detached after detaching failed ${duration}`, async () => {
      const calls = await atEveryStep(
        duration,
        () => host.put(kubelet.target, revisionFiles(1), {}),
        (failing) => failing.detach(kubelet.target),
        async (thrown, where) => {
          if (thrown === undefined) {
            assert.deepEqual(fs.readdirSync(kubelet.parent), ['vol_data.json'], where);
            assert.deepEqual(kubelet.mounts(), [], where);
          }
          await detachAll();
        },
      );
      assertAmong(calls, ['inotifyAddWatch', 'umount2InThread', 'unlinkatInThread']);
    });
  }
});

async function caught(call: () => unknown): Promise<CodedError | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof CodedError, String(error));
    return error;
  }
}

/** Who reads the error is told which of the failures it was. */
function assertNamed(thrown: CodedError, failed: readonly Failed[], where: string): void {
  const isRoom = /(ENOSPC|EDQUOT)$/.test(thrown.message);
  assert.equal(thrown.code, isRoom ? 'RESOURCE_EXHAUSTED' : 'INTERNAL', where);
  const isNamed =
    failed.some(({ error }) => thrown.message.endsWith(error)) || thrown.message.endsWith('nothing was removed');
  assert.ok(isNamed, `${thrown.message}, after ${where}`);
}

function assertAmong(calls: ReadonlySet<CallName>, expected: readonly CallName[]): void {
  for (const call of expected) assert.ok(calls.has(call), `${call} never failed`);
}

function currentRevision(kubelet: KubeletDir): number {
  const data = path.join(kubelet.target, '..data');
  return revisionOf(
    Object.fromEntries(fs.readdirSync(data).map((name) => [name, fs.readFileSync(path.join(data, name), 'utf8')])),
  );
}
