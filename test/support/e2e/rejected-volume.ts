import { ApprovalsController, rejected } from '../access/approvals-controller.js';
import { bindingsFor } from '../access/driver-rules.js';
import { flagsConfigMap } from '../driver/manifests.js';
import type { TestVolume } from '../driver/test-volume.js';
import { eventually } from '../poll.js';
import type { FlowFixture, FlowVolume } from './flow-fixture.js';

/** For the flags to be known, on a busy machine. */
const knownMs = 60_000;

/** From here on the cluster wants approvals. @returns a volume of a pod that asked for one and was rejected. */
export async function rejectedVolume(fixture: FlowFixture, attributes: FlowVolume['attributes']): Promise<TestVolume> {
  for (const binding of bindingsFor('approval', { user: 'driver' })) fixture.api.bind(binding);
  fixture.put(flagsConfigMap({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
  const approvals = new ApprovalsController(fixture.api);
  // Pods that start before the driver knows of the flags get their files.
  await eventually(
    'a request is made',
    async () => {
      const early = fixture.node.volume();
      const publishing = fixture.publish(early, attributes).catch(() => undefined);
      await Promise.race([publishing, approvals.requested().catch(() => undefined)]);
      return approvals.requests.length > 0;
    },
    knownMs,
  );
  const volume = fixture.node.volume();
  let publishing = Promise.resolve<unknown>(undefined);
  let isUnderWay = false;
  await eventually(
    'the volume is mounted',
    () => {
      for (const request of approvals.requests) {
        const isOfPod = JSON.stringify(request['spec']).includes(volume.pod.uid);
        if (isOfPod && request['status'] === undefined) approvals.setConditions(request, rejected);
      }
      if (!isUnderWay) {
        isUnderWay = true;
        publishing = fixture
          .publish(volume, attributes)
          .catch(() => undefined)
          .finally(() => (isUnderWay = false));
      }
      return volume.isMounted();
    },
    knownMs,
  );
  await publishing;
  return volume;
}
