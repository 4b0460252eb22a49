import assert from 'node:assert/strict';
import type { NodePublishVolumeRequest__Output } from '../../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import { parsePublishRequest } from '../../../../src/driver/csi/publish-request.ts';
import { memoryOfRequest } from '../../../../src/driver/publish/volume-memory.ts';
import { paramsOf } from '../../../../src/driver/publish/attributes.ts';
import { TestVolume } from '../../../support/driver/test-volume.ts';
import { heapGrowth } from '../../../support/heap-growth.ts';

const volume = new TestVolume('/data/pods/kubelet', { namespace: 'ci', name: 'build', uid: 'uid-1' });
const requestOf = (
  attributes: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>> = {},
): NodePublishVolumeRequest__Output =>
  ({
    ...volume.publishRequest({ attributes: { connectors: 'a', ...attributes } }),
    secrets,
  }) as NodePublishVolumeRequest__Output;
/** As from a socket: strings of their own. */
const received = (request: NodePublishVolumeRequest__Output): NodePublishVolumeRequest__Output =>
  JSON.parse(JSON.stringify(request)) as NodePublishVolumeRequest__Output;

const entries = (count: number, prefix: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, '']));
const emptyParams = Array.from({ length: 1020 }, (_, index) => `"${index}":{}`).join();

describe('the memory of a request', () => {
  for (const [what, request] of [
    ['texts', requestOf({ 'csi.storage.k8s.io/x': 'x'.repeat(200_000) })],
    ['texts of two bytes a character', requestOf({ 'csi.storage.k8s.io/x': `${'x'.repeat(200_000)}€` })],
    ['empty attributes', requestOf(entries(8000, 'csi.storage.k8s.io/'))],
    ['empty keys of a Secret', requestOf({}, entries(20_000, 'k'))],
    [
      'short names',
      requestOf({ 'configuration.names': Array.from({ length: 256 }, (_, index) => index.toString(36)).join() }),
    ],
    ['small params', requestOf({ 'configuration.names': 'a', 'configuration.params': `{"a":{${emptyParams}}}` })],
  ] as const) {
    it(`is over one and a half times what it takes in flight, with ${what}`, () => {
      const kept: unknown[] = [];
      const receive = (): void => {
        const message = received(request);
        const parsed = parsePublishRequest(message, { targetPathProblem: () => undefined, maxTokenExpirationMs: 1e9 });
        kept.push(message, parsed, paramsOf(parsed.attributes));
      };
      // The first one also compiles.
      receive();
      const count = 20;
      const bytes = heapGrowth(() => {
        for (let index = 0; index < count; index += 1) receive();
      });
      assert.equal(kept.length, 3 * (count + 1));
      const counted = memoryOfRequest(request);
      assert.ok((1.5 * bytes) / count < counted, `${bytes / count} bytes, counted ${counted}`);
    });
  }
});
