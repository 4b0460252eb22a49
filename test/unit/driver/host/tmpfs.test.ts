import assert from 'node:assert/strict';
import { constants, release } from 'node:os';
import { fileModeOf } from '../../../../src/driver/host/file-mode.ts';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import type { Syscalls } from '../../../../src/driver/host/syscalls.ts';
import { TmpfsMaker } from '../../../../src/driver/host/tmpfs.ts';
import type { TmpfsOptions } from '../../../../src/driver/host/tmpfs.ts';
import { wrapSyscalls } from '../../../support/host/syscall-wrapper.ts';
import type { CallName } from '../../../support/host/syscall-wrapper.ts';

const { ENOSYS, EPERM, EINVAL } = constants.errno;

type Answers = Partial<Record<CallName, number | ((args: readonly unknown[]) => number)>>;

/** Mount calls that all succeed with descriptors that nobody opened, except as `answers` says; every call is noted. */
function scripted(answers: Answers): { syscalls: Syscalls; calls: [CallName, readonly unknown[]][] } {
  const calls: [CallName, readonly unknown[]][] = [];
  const kernel: Answers = {
    fsopen: 1000,
    fsconfig: 0,
    fsconfigCreate: 0,
    fsmount: 1001,
    moveMount: 0,
    mount: 0,
    close: 0,
  };
  const syscalls = wrapSyscalls(loadSyscalls(), (call, args) => {
    calls.push([call, args]);
    const answer = answers[call] ?? kernel[call];
    assert.notEqual(answer, undefined, `unexpected ${call}`);
    return typeof answer === 'function' ? answer(args) : answer;
  });
  return { syscalls, calls };
}

const options: TmpfsOptions = {
  limits: { sizeBytes: 65536, inodes: 100 },
  permissions: fileModeOf({}),
  selinuxContext: undefined,
};

/** What the maker sets for a volume, without what its probe did before. */
function settingsOf(answers: Answers, wanted: TmpfsOptions): string[] {
  const { syscalls, calls } = scripted(answers);
  const maker = new TmpfsMaker(syscalls);
  maker.problem();
  calls.length = 0;
  maker.createDetached(wanted);
  return calls.filter(([call]) => call === 'fsconfig').map(([, [, key, value]]) => [key, value].join('='));
}

const refusesNoswap: Answers = { fsconfig: ([, key]) => (key === 'noswap' ? -EINVAL : 0) };

describe('making a tmpfs', () => {
  it('says what to do where it is not permitted', () => {
    const problem = new TmpfsMaker(scripted({ fsmount: -EPERM }).syscalls).problem();
    assert.match(problem ?? '', /cannot mount.*EPERM.*privileged: true/);
  });

  it('names the version of Linux that it needs, and the one that there is', () => {
    const problem = new TmpfsMaker(scripted({ fsopen: -ENOSYS }).syscalls).problem();
    assert.equal(
      problem,
      `the driver needs Linux 5.2 or later (fsopen, fsmount, move_mount), and this node has ${release()}`,
    );
  });

  it('asks again after a problem, and not after a success', () => {
    let answer = -EPERM;
    const { syscalls, calls } = scripted({ fsopen: () => answer });
    const maker = new TmpfsMaker(syscalls);
    assert.notEqual(maker.problem(), undefined);
    answer = 1000;
    assert.equal(maker.problem(), undefined);
    calls.length = 0;
    assert.equal(maker.problem(), undefined);
    assert.deepEqual(calls, []);
  });

  it('bounds size and inodes and keeps the pages out of swap', () => {
    assert.deepEqual(settingsOf({}, options), [
      'source=connectors-csi',
      'size=65536',
      'nr_inodes=100',
      'mode=0755',
      'noswap=',
    ]);
  });

  it('leaves noswap out where it is refused', () => {
    assert.equal(settingsOf(refusesNoswap, options).includes('noswap='), false);
  });

  it('gives the root of the volume its group and its label', () => {
    const settings = settingsOf(refusesNoswap, {
      ...options,
      permissions: fileModeOf({ gid: 4711 }),
      selinuxContext: 'u:r:t:s0:c1,c2',
    });
    assert.deepEqual(settings.slice(-3), ['mode=0750', 'gid=4711', 'context=u:r:t:s0:c1,c2']);
  });

  it('is never executable, and has neither devices nor set-uid programs', () => {
    const { syscalls, calls } = scripted({});
    new TmpfsMaker(syscalls).createDetached(options);
    assert.deepEqual(calls.find(([call]) => call === 'fsmount')?.[1], [1000, 2 | 4 | 8]);
  });

  it('closes the file system context when a step fails', () => {
    const { syscalls, calls } = scripted({ fsconfigCreate: -EINVAL });
    assert.throws(() => new TmpfsMaker(syscalls).createDetached(options), { message: 'fsconfig create tmpfs: EINVAL' });
    assert.deepEqual(calls.at(-1), ['close', [1000]]);
  });
});
