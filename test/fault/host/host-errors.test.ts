import assert from 'node:assert/strict';
import fs from 'node:fs';
import { constants } from 'node:os';
import { DriverError } from '../../../src/errors.js';
import { generationFiles, generationOf } from '../../support/host/generation-files.js';
import { KubeletDir, openDescriptors, readVolume } from '../../support/host/kubelet-dir.js';
import { kernelNames, kernels, wrapSyscalls } from '../../support/host/syscall-wrapper.js';
import type { CallName } from '../../support/host/syscall-wrapper.js';

const failures = { EIO: 'INTERNAL', ENOSPC: 'RESOURCE_EXHAUSTED' } as const;

for (const kernel of kernelNames) {
  describe(`a ${kernel} volume where a system call fails`, function () {
    this.timeout(60_000);
    const plain = kernels[kernel]();
    let kubelet: KubeletDir;
    beforeEach(() => {
      kubelet = new KubeletDir();
    });
    afterEach(() => kubelet.remove());

    /** A host whose call number `step` (close aside, which cannot fail in a way that matters) fails. */
    function failingHost(step: number, error: keyof typeof failures) {
      const failed: CallName[] = [];
      let count = Number.NEGATIVE_INFINITY;
      const syscalls = wrapSyscalls(plain, (call) => {
        if (call === 'close' || ++count !== step) return undefined;
        failed.push(call);
        return -constants.errno[error];
      });
      const host = kubelet.host(syscalls);
      host.mountProblem();
      count = 0;
      return { host, failed };
    }

    /** Makes the call once per step, with that step failing, until no step is left. @returns the calls that failed. */
    function atEveryStep(
      error: keyof typeof failures,
      call: (host: ReturnType<KubeletDir['host']>) => unknown,
      afterFailure: (failedSoFar: readonly CallName[]) => void,
    ): CallName[] {
      const all: CallName[] = [];
      for (let step = 1; ; step += 1) {
        const { host, failed } = failingHost(step, error);
        const descriptors = openDescriptors();
        let thrown: unknown;
        try {
          call(host);
        } catch (caught) {
          thrown = caught;
        }
        assert.equal(openDescriptors(), descriptors, `descriptors after ${failed.join()} failed`);
        if (failed.length === 0) {
          assert.equal(thrown, undefined);
          return all;
        }
        all.push(...failed);
        assert.ok(thrown instanceof DriverError, `${failed.join()} failed unnoticed: ${String(thrown)}`);
        assert.equal(thrown.code, failures[error]);
        assert.match(thrown.message, new RegExp(`${error}$`));
        afterFailure(all);
      }
    }

    for (const error of ['EIO', 'ENOSPC'] as const) {
      for (const existed of [false, true]) {
        it(`is taken back whole when attaching fails with ${error}, directory there before: ${existed}`, () => {
          const host = kubelet.host(plain);
          const calls = atEveryStep(
            error,
            (failing) => {
              if (existed) fs.mkdirSync(kubelet.target, { recursive: true });
              failing.attach(kubelet.target, generationFiles(1), {});
            },
            () => {
              assert.deepEqual(kubelet.mounts(), []);
              assert.deepEqual(
                fs.readdirSync(kubelet.parent).sort(),
                existed ? ['mount', 'vol_data.json'] : ['vol_data.json'],
              );
              if (existed) assert.deepEqual(kubelet.entries(), []);
              host.attach(kubelet.target, generationFiles(2), {});
              assert.equal(generationOf(readVolume(kubelet.target)), 2);
              host.detach(kubelet.target);
            },
          );
          assert.equal(generationOf(readVolume(kubelet.target)), 1);
          for (const call of ['write', 'symlinkat', kernel === 'detached' ? 'moveMount' : 'mount'] as const) {
            assert.ok(calls.includes(call), `${call} never failed`);
          }
        });
      }

      it(`keeps the old content, or has the new, when refreshing fails with ${error}`, () => {
        const host = kubelet.host(plain);
        host.attach(kubelet.target, generationFiles(1), {});
        let before = kubelet.entries();
        let generation = 1;
        atEveryStep(
          error,
          (failing) => failing.refresh(kubelet.target, generationFiles(generation + 1), {}),
          (failed) => {
            const isSwapped = failed.slice(0, -1).includes('renameat');
            const found = currentGeneration(kubelet);
            assert.equal(found, isSwapped ? generation + 1 : generation, `${failed.at(-1)} failed`);
            // What a failure leaves is never more than was there before.
            if (!isSwapped)
              assert.deepEqual(
                kubelet.entries().filter((entry) => !before.includes(entry)),
                [],
              );
            host.refresh(kubelet.target, generationFiles(generation + 1), {});
            generation += 1;
            before = kubelet.entries();
            assert.equal(generationOf(readVolume(kubelet.target)), generation);
            assert.ok(before.filter((entry) => entry.startsWith('..')).length <= 3);
          },
        );
        assert.equal(generationOf(readVolume(kubelet.target)), generation + 1);
      });

      it(`can be detached after detaching failed with ${error}`, () => {
        const host = kubelet.host(plain);
        const calls = atEveryStep(
          error,
          (failing) => {
            if (host.inspect(kubelet.target) !== 'published') host.attach(kubelet.target, generationFiles(1), {});
            failing.detach(kubelet.target);
          },
          () => {
            host.detach(kubelet.target);
            assert.deepEqual(fs.readdirSync(kubelet.parent), ['vol_data.json']);
            assert.deepEqual(kubelet.mounts(), []);
          },
        );
        assert.ok(calls.includes('umount2') && calls.includes('unlinkat'));
      });
    }
  });
}

function currentGeneration(kubelet: KubeletDir): number {
  const data = `${kubelet.target}/..data`;
  return generationOf(
    Object.fromEntries(fs.readdirSync(data).map((name) => [name, fs.readFileSync(`${data}/${name}`, 'utf8')])),
  );
}
