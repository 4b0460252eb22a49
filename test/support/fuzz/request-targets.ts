import fc from 'fast-check';
import { parseConnectorClass } from '../../../src/shared/connectors/parse-connector-class.ts';
import { resolveParams } from '../../../src/driver/content/configuration-params.ts';
import { decodePublish, parsePublishRequest } from '../../../src/driver/csi/publish-request.ts';
import { pluginRegistration } from '../../../src/driver/csi/services.ts';
import { KubeletTokens } from '../../../src/driver/token/kubelet-tokens.ts';
import { CodedError } from '../../../src/shared/errors.ts';
import { isJsonObject, parseJson } from '../../../src/shared/json.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { acceptedBlocks } from '../attributes/corpus.ts';
import { classOf } from '../domain.ts';
import { connectorClass } from '../driver/manifests.ts';
import { TestVolume } from '../driver/test-volume.ts';
import { audience, kubeletTokens } from '../driver/tokens.ts';
import { allows } from './allowed.ts';
import { messagesOf, publishRequests } from './publish-messages.ts';
import { target } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-run.ts';
import { mutatedBytes, mutatedText, mutatedTree } from './mutations.ts';

const volume = new TestVolume('/var/lib/kubelet');
const bounds = { maxTokenExpirationMs: 86_400_000, targetPathProblem: (): undefined => undefined };
const requests = publishRequests(volume);

const valid = decodePublish(messagesOf(requests)[0]!);

const publishMessages = target('messages of NodePublishVolume', 20, mutatedBytes(messagesOf(requests)), (bytes) => {
  let request: ReturnType<typeof decodePublish>;
  try {
    request = decodePublish(bytes);
  } catch (error) {
    // What protobufjs throws, and grpc-js answers with.
    if (error instanceof Error) return;
    throw error;
  }
  allows([CodedError], () => parsePublishRequest(request, bounds));
});

const infoMethod = pluginRegistration.Registration.service.NotifyRegistrationStatus;
const registrationMessages = target(
  'messages of NotifyRegistrationStatus',
  3,
  mutatedBytes([infoMethod.requestSerialize({ plugin_registered: false, error: 'another version' })]),
  (bytes) => allows([Error], () => infoMethod.requestDeserialize(bytes)),
);

const contextKeys = [...new Set(requests.flatMap(({ volume_context: context }) => Object.keys(context ?? {})))];
const contextValues = acceptedBlocks.flatMap(({ block }) => Object.values(block)).concat(kubeletTokens(volume.token));
const contexts = fc.dictionary(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...contextKeys) },
    { weight: 1, arbitrary: mutatedText(contextKeys) },
  ),
  mutatedText(contextValues),
  { maxKeys: 5 },
);
const volumeContexts = target('volume contexts', 20, contexts, (context) =>
  allows([CodedError], () =>
    parsePublishRequest({ ...valid, volume_context: { ...valid.volume_context, ...context } }, bounds),
  ),
);

const capabilities = target(
  'fields of NodePublishVolume',
  5,
  fc.record({
    volume_id: mutatedText([volume.volumeId]),
    target_path: mutatedText([volume.target]),
    group: mutatedText(['1000', '4294967294']),
    flags: fc.array(mutatedText(['context="system_u:object_r:container_file_t:s0:c1,c2"', 'ro']), { maxLength: 3 }),
  }),
  ({ group, flags, ...fields }) =>
    allows([CodedError], () =>
      parsePublishRequest(
        {
          ...valid,
          ...fields,
          volume_capability: {
            ...valid.volume_capability!,
            mount: { fs_type: '', mount_flags: flags, volume_mount_group: group },
          },
        },
        bounds,
      ),
    ),
);

const { configurations } = parseConnectorClass(
  connectorClass('oci', {
    configurations: [
      { name: 'free', data: {} },
      {
        name: 'strict',
        data: {},
        params: [
          { name: 'url', type: 'string', enum: ['a', 'b'] },
          { name: 'list', type: 'array', default: ['x'] },
          { name: 'map', type: 'object', properties: { a: { default: 'x' }, b: { enum: ['y'] } } },
        ],
      },
    ],
  }),
);
const owners = configurations.map((configuration) => ({
  group: { connectorClass: classOf('oci'), connectors: [] },
  configuration,
}));
const givenParams = {
  free: { any: 'x', more: ['y'] },
  strict: { url: 'a', list: ['b', 'c'], map: { a: 'x', b: 'y' } },
};
const params = target(
  'params of configurations',
  10,
  fc.oneof(
    mutatedTree([givenParams]).map((tree) => JSON.stringify(tree)),
    mutatedText([JSON.stringify(givenParams)]),
  ),
  (text) =>
    allows([CodedError, SyntaxError], () => {
      const given = parseJson(text);
      if (isJsonObject(given)) resolveParams(owners, given);
    }),
);

const [header = '', payload = '', signature = ''] = volume.token.split('.');
const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
const tokens = fc.oneof(
  mutatedText([volume.token]),
  mutatedTree([claims]).map((tree) =>
    [header, Buffer.from(JSON.stringify(tree)).toString('base64url'), signature].join('.'),
  ),
);
const source = new KubeletTokens({
  origin: () => 'either',
  minter: undefined,
  canMint: () => false,
  isStrict: false,
  clock: { now: Date.now },
});
const passedTokens = target(
  'tokens as the kubelet passes them',
  6,
  fc.oneof(
    mutatedText([kubeletTokens(volume.token)]),
    tokens.map((token) => kubeletTokens(token)),
  ),
  async (text) => {
    const request = {
      passed: { inVolumeContext: new Secret(text) },
      pod: volume.pod,
      audience,
      expirationMs: 1_800_000,
    };
    source.peek(request);
    await source.tokenFor(request, AbortSignal.timeout(60_000)).catch((error: unknown) => {
      allows([CodedError], () => {
        throw error;
      });
    });
  },
);

export const httpRequests: readonly string[] = [
  'GET /metrics HTTP/1.1\r\nHost: node\r\nAccept: */*\r\n\r\n',
  'GET /healthz?verbose HTTP/1.0\r\n\r\n',
  'HEAD /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
];
export const requestTargets: readonly FuzzTarget[] = [
  publishMessages,
  registrationMessages,
  volumeContexts,
  capabilities,
  params,
  passedTokens,
];
