import assert from 'node:assert/strict';
import type { NodePublishVolumeRequest__Output } from '../../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { VolumeCapability__Output } from '../../../../src/driver/csi/generated/csi/v1/VolumeCapability.ts';
import { memoryOfRequest } from '../../../../src/driver/publish/volume-memory.ts';
import { decodePublish, digestOf, parsePublishRequest } from '../../../../src/driver/csi/publish-request.ts';
import type { PublishRequest } from '../../../../src/driver/publish/publish-request.ts';
import { csi } from '../../../../src/driver/csi/services.ts';
import { pod } from '../../../support/domain.ts';
import { heapGrowth } from '../../../support/heap-growth.ts';

const kubelet = 'csi.storage.k8s.io/';
const podKeys = ['pod.namespace', 'pod.name', 'pod.uid', 'serviceAccount.name', 'ephemeral'] as const;

const context: Readonly<Record<string, string>> = {
  connectors: 'harbor',
  [`${kubelet}pod.namespace`]: pod.namespace,
  [`${kubelet}pod.name`]: pod.name,
  [`${kubelet}pod.uid`]: pod.uid,
  [`${kubelet}serviceAccount.name`]: pod.serviceAccountName,
  [`${kubelet}ephemeral`]: 'true',
};

function capabilityOf(group = '', flags: string[] = []): VolumeCapability__Output {
  return {
    access_type: 'mount',
    mount: { fs_type: '', mount_flags: flags, volume_mount_group: group },
    access_mode: { mode: 'SINGLE_NODE_WRITER' },
  };
}

const valid: NodePublishVolumeRequest__Output = {
  volume_id: 'csi-1',
  target_path: '/kubelet/pods/uid/volumes/kubernetes.io~csi/v/mount',
  readonly: true,
  publish_context: {},
  staging_target_path: '',
  secrets: {},
  volume_capability: capabilityOf(),
  volume_context: context,
};

function parse(change: Partial<NodePublishVolumeRequest__Output>, targetProblem?: string): PublishRequest {
  return parsePublishRequest({ ...valid, ...change }, limits(targetProblem));
}

function limits(targetProblem?: string): Parameters<typeof parsePublishRequest>[1] {
  return { targetPathProblem: () => targetProblem, maxTokenExpirationMs: 86_400_000 };
}

function contextWith(key: string, value: string | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(context).filter(([name]) => name !== key);
  return Object.fromEntries(value === undefined ? entries : [...entries, [key, value]]);
}

describe('parsePublishRequest', () => {
  it('reads a request of the kubelet', () => {
    const { attributes, digest, memoryBytes, ...rest } = parse({});
    assert.equal(memoryBytes, memoryOfRequest(valid));
    assert.equal(digest, digestOf(valid));
    assert.deepEqual(rest, {
      volumeId: 'csi-1',
      targetPath: valid.target_path,
      pod,
      passedTokens: {},
      mountOptions: {},
    });
    assert.deepEqual(attributes.connectors, [{ namespace: 'ci', name: 'harbor' }]);
  });

  it('reads group and SELinux label of the mount', () => {
    for (const flag of ['context="system_u:object_r:container_file_t:s0:c1,c2"', 'context=system_u:object_r:x_t:s0']) {
      assert.deepEqual(parse({ volume_capability: capabilityOf('2000', [flag]) }).mountOptions, {
        gid: 2000,
        selinuxContext: flag.replace(/^context=|"/g, '').replaceAll('"', ''),
      });
    }
    assert.deepEqual(parse({ volume_capability: capabilityOf('4294967294') }).mountOptions, { gid: 4294967294 });
  });

  it('keeps tokens as secrets, by where they stood', () => {
    const key = `${kubelet}serviceAccount.tokens`;
    const { passedTokens } = parse({
      secrets: { [key]: 'in secrets' },
      volume_context: contextWith(key, 'in context'),
    });
    assert.equal(passedTokens.inSecrets?.expose(), 'in secrets');
    assert.equal(passedTokens.inVolumeContext?.expose(), 'in context');
    assert.ok(!JSON.stringify(parse({ secrets: { [key]: 'in secrets' } })).includes('in secrets'));
  });

  for (const [what, change, message] of [
    ['for a negative group', { volume_capability: capabilityOf('-1') }, 'volume_mount_group "-1" must be'],
    ['for the group that means none', { volume_capability: capabilityOf('4294967295') }, 'volume_mount_group'],
    [
      'with another mount flag',
      { volume_capability: capabilityOf('', ['suid']) },
      'mount flag "suid" is not supported',
    ],
    [
      'with an option smuggled into the label',
      { volume_capability: capabilityOf('', ['context="x",mode=0777']) },
      'mount flag',
    ],
    ['of a pod name that is none', { volume_context: contextWith(`${kubelet}pod.name`, '../x') }, kubelet],
    ['of an account that is none', { volume_context: contextWith(`${kubelet}serviceAccount.name`, 'a b') }, kubelet],
  ] as const) {
    it(`refuses a request ${what}`, () => {
      assert.throws(
        () => parse(change),
        (error: Error & { code?: string }) => error.code === 'INVALID_ARGUMENT' && error.message.startsWith(message),
      );
    });
  }

  it('says what is wrong with the target path', () => {
    assert.throws(() => parse({}, 'target path "/x": no'), {
      code: 'INVALID_ARGUMENT',
      message: 'target path "/x": no',
    });
  });

  for (const name of podKeys) {
    const key = `${kubelet}${name}`;
    it(`asks for podInfoOnMount when ${name} is missing`, () => {
      for (const value of [undefined, ...(name === 'ephemeral' ? [] : [''])]) {
        assert.throws(() => parse({ volume_context: contextWith(key, value) }), {
          code: 'FAILED_PRECONDITION',
          message: `the kubelet passed no ${key}: set "podInfoOnMount: true" in the driver's CSIDriver object`,
        });
      }
    });
  }

  it('reports a malformed request before missing pod information', () => {
    assert.throws(() => parse({ readonly: false, volume_context: { connectors: 'harbor' } }), {
      code: 'INVALID_ARGUMENT',
      message: /^the volume must be read-only/,
    });
    assert.throws(() => parse({ volume_context: { 'connector.name': 'harbor' } }), { code: 'FAILED_PRECONDITION' });
  });
});

describe('a repeated request', () => {
  const flagged = {
    volume_capability: capabilityOf('7', ['context="system_u:object_r:a:s0"']),
    secrets: { [`${kubelet}serviceAccount.tokens`]: 'b' },
  };
  const { digest } = parse(flagged);
  const isRepeat = (change: Partial<NodePublishVolumeRequest__Output>): boolean =>
    digestOf({ ...structuredClone(valid), ...structuredClone(flagged), ...change }) === digest;

  it('is one that says the same, in whatever order', () => {
    assert.equal(isRepeat({}), true);
    assert.equal(isRepeat({ volume_context: Object.fromEntries(Object.entries(context).reverse()) }), true);
  });

  it('is one that differs only in what the driver does not read', () => {
    assert.equal(isRepeat({ secrets: { ...flagged.secrets, password: 'x' } }), true);
    assert.equal(isRepeat({ volume_context: contextWith(`${kubelet}x`, 'x') }), true);
  });

  const changes: readonly Partial<NodePublishVolumeRequest__Output>[] = [
    { volume_id: 'csi-2' },
    { target_path: `${valid.target_path}2` },
    { readonly: false },
    { secrets: {} },
    { secrets: { [`${kubelet}serviceAccount.tokens`]: 'c' } },
    { volume_context: contextWith('connectors', 'other') },
    { volume_context: contextWith('connectors', undefined) },
    { volume_context: contextWith('configuration.names', 'x') },
    { volume_context: { ...contextWith('connectors', undefined), toString: 'harbor' } },
    { volume_capability: null },
    { volume_capability: capabilityOf('8', flagged.volume_capability.mount?.mount_flags) },
    { volume_capability: capabilityOf('7') },
    { volume_capability: capabilityOf('7', ['context="system_u:object_r:b:s0"']) },
    { volume_capability: { ...flagged.volume_capability, block: {} } },
  ];
  for (const change of changes) {
    it(`is none with ${JSON.stringify(change)}`, () => assert.equal(isRepeat(change), false));
  }
});

describe('decodePublish', () => {
  const tokens = { [`${kubelet}serviceAccount.tokens`]: 'token' };
  const decode = (message: NodePublishVolumeRequest__Output): ReturnType<typeof decodePublish> =>
    decodePublish(csi.Node.service.NodePublishVolume.requestSerialize(message));
  const entries = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, '']));

  it('keeps all fields of a usual message', () => {
    const message = { ...valid, secrets: tokens, volume_context: { ...context, ...tokens, ['__proto__']: 'y' } };
    const decoded = decode(message);
    assert.deepEqual(decoded, { ...message, hasMoreFields: false });
    assert.equal(digestOf(decoded), digestOf(message));
    assert.deepEqual(parsePublishRequest(decode(valid), limits()), parse({}));
  });

  for (const [what, change] of [
    ['attributes', { volume_context: { ...context, ...entries(28_000) } }],
    [
      'attributes of the kubelet',
      { volume_context: Object.fromEntries(Object.keys(entries(9000)).map((key) => [`${kubelet}${key}`, ''])) },
    ],
    ['keys of a Secret', { secrets: entries(28_000) }],
  ] as const) {
    it(`decodes the first 128 fields of a message with thousands of ${what}, so that it is rejected for that`, () => {
      const decoded = decode({ ...valid, ...change });
      assert.equal(decoded.volume_id, valid.volume_id);
      assert.equal(decoded.target_path, valid.target_path);
      assert.ok(Object.keys(decoded.volume_context).length <= 128);
      assert.throws(() => parsePublishRequest(decoded, limits()), {
        code: 'INVALID_ARGUMENT',
        message: /^the volume has over 128 volumeAttributes and keys of its nodePublishSecretRef: use fewer of both$/,
      });
    });
  }

  it('takes 128 fields', () => {
    // Five are in neither map.
    const secrets = entries(128 - 5 - Object.keys(context).length);
    assert.equal(decode({ ...valid, secrets }).hasMoreFields, false);
    assert.equal(decode({ ...valid, secrets: { ...secrets, more: '' } }).hasMoreFields, true);
  });
});

describe('a parsed request', () => {
  for (const [what, change] of [
    [
      'params of a configuration that is not selected',
      { 'configuration.params': `{"a":{"b":[${'{},'.repeat(10_000)}{}]}}` },
    ],
    ['attributes of the kubelet that the driver does not read', { [`${kubelet}x`]: 'x'.repeat(200_000) }],
  ] as const) {
    it(`does not keep ${what}`, () => {
      const requests: PublishRequest[] = [];
      const bytes = heapGrowth(() => {
        for (let index = 0; index < 400; index++) {
          // As from a socket: strings of their own.
          const read = (text: string): string => Buffer.from(text).toString();
          const entries = Object.entries({ ...context, ...change }).map(([key, value]) => [key, read(value)] as const);
          requests.push(parse({ volume_context: Object.fromEntries(entries) }));
        }
      });
      assert.equal(requests.length, 400);
      // What is kept would take 12 to 80 MB. The requests take half a megabyte, and the measurement varies by as much.
      assert.ok(bytes < 2_000_000, `${bytes} bytes for 400 requests`);
    });
  }

  it('keeps no secrets but the tokens', () => {
    const tokens = { [`${kubelet}serviceAccount.tokens`]: '{}' };
    assert.deepEqual(Object.keys(parse({ secrets: { ...tokens, password: 'x' } }).passedTokens), ['inSecrets']);
  });

  it('keeps params of the configurations that are selected', () => {
    const names = { 'configuration.names': 'a', 'configuration.params': '{"a":{"b":"c"},"d":{"e":"f"}}' };
    assert.equal(parse({ volume_context: { ...context, ...names } }).attributes.configurationParams, '{"a":{"b":"c"}}');
  });
});
