import assert from 'node:assert/strict';
import { identifyPublish } from '../../../../src/driver/csi/publish-request.ts';
import type { NodePublishVolumeRequest__Output } from '../../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import { TestVolume } from '../../../support/driver/test-volume.ts';

type Changes = Parameters<TestVolume['publishRequest']>[0];

const volume = new TestVolume('/data/pods/kubelet', { namespace: 'ci', name: 'build', uid: 'uid-1' });
const request = (changes?: Changes): NodePublishVolumeRequest__Output =>
  ({ secrets: {}, ...volume.publishRequest(changes) }) as NodePublishVolumeRequest__Output;

describe('identifyPublish', () => {
  it("takes the pod from the target path and the namespace from the kubelet's pod information", () => {
    const { owner, pod, memoryOwner } = identifyPublish(request(), true);
    assert.deepEqual({ owner, pod }, { owner: { namespace: 'ci', podUid: 'uid-1' }, pod: 'ci/build' });
    assert.deepEqual(memoryOwner, { podUid: 'uid-1', pod: { namespace: 'ci', name: 'build' } });
  });

  it('does not believe the namespace before the CSIDriver object vouches for it', () => {
    const { owner, memoryOwner } = identifyPublish(request(), false);
    assert.deepEqual(
      { owner, memoryOwner },
      { owner: { namespace: '', podUid: 'uid-1' }, memoryOwner: { podUid: 'uid-1' } },
    );
  });

  it('cannot be told another pod by the volume context', () => {
    const context = { 'csi.storage.k8s.io/pod.uid': 'uid-2' };
    assert.equal(identifyPublish(request({ context }), true).owner.podUid, 'uid-1');
  });

  for (const [what, changes] of [
    ['a target path of another shape', { fields: { target_path: '/data/pods/kubelet/elsewhere' } }],
    ['no target path', { fields: { target_path: '' } }],
    ['a target path longer than any', { fields: { target_path: `/pods/${'x'.repeat(5000)}` } }],
  ] as const) {
    it(`counts ${what} for a pod without a uid`, () => {
      assert.equal(identifyPublish(request(changes), true).owner.podUid, '');
    });
  }

  it('names a pod by its uid when it is called what no pod is', () => {
    for (const key of ['pod.namespace', 'pod.name']) {
      const context = { [`csi.storage.k8s.io/${key}`]: 'x\n'.repeat(100_000) };
      const { owner, pod } = identifyPublish(request({ context }), true);
      assert.deepEqual({ owner, pod }, { owner: { namespace: '', podUid: 'uid-1' }, pod: 'of uid uid-1' });
    }
  });
});
