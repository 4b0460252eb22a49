import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { ErrorCode } from '../../../../src/shared/errors.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, flagsConfigMap } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import type { RequestChanges, TestVolume } from '../../../support/driver/test-volume.ts';
import { tokensKey } from '../../../support/driver/test-volume.ts';
import { kubeletTokens, tokenFor } from '../../../support/driver/tokens.ts';

interface Case {
  readonly what: string;
  readonly changes: RequestChanges | ((volume: TestVolume, node: NodeSandbox) => RequestChanges);
  readonly code: ErrorCode;
  readonly message: RegExp;
}

const mount = (options: object) => ({ fields: { volume_capability: { mount: options } } });

const malformed: readonly Omit<Case, 'code'>[] = [
  {
    what: 'a volume that is not read-only',
    changes: { fields: { readonly: false } },
    message: /set "readOnly: true"/,
  },
  {
    what: 'block access',
    changes: { fields: { volume_capability: { block: {} } } },
    message: /^block access is not supported/,
  },
  {
    what: 'a capability of no kind',
    changes: { fields: { volume_capability: {} } },
    message: /names no access type/,
  },
  {
    what: 'a volume that is not ephemeral',
    changes: { context: { 'csi.storage.k8s.io/ephemeral': 'false' } },
    message: /^only ephemeral inline volumes/,
  },
  { what: 'a group that is no number', changes: mount({ volume_mount_group: 'staff' }), message: /numeric group id/ },
  { what: 'a group beyond 32 bits', changes: mount({ volume_mount_group: '4294967296' }), message: /numeric group/ },
  { what: 'a mount flag', changes: mount({ mount_flags: ['exec'] }), message: /mount flag "exec" is not supported/ },
  {
    what: 'a target path that is relative',
    changes: { fields: { target_path: 'pods/a/mount' } },
    message: /must be absolute/,
  },
  {
    what: 'a target path outside the kubelet directory',
    changes: { fields: { target_path: '/etc/cron.d' } },
    message: /--kubelet-dir/,
  },
  {
    what: 'a target path that climbs out of the pods',
    changes: ({ parent }) => ({ fields: { target_path: `${parent}/../../../../../../escaped` } }),
    message: /normalised/,
  },
  {
    what: 'the pods directory itself as a target',
    changes: (_volume, node) => ({ fields: { target_path: path.join(node.kubeletDir, 'pods') } }),
    message: /must be the directory of a pod's volume/,
  },
  {
    what: 'a target path through a symbolic link',
    changes: ({ parent }, node) => {
      fs.symlinkSync(node.root, path.join(parent, '..', 'link'));
      return { fields: { target_path: path.join(parent, '..', 'link', 'mount') } };
    },
    message: /symbolic link/,
  },
  {
    what: 'a pod namespace that is no DNS-1123 label',
    changes: { context: { 'csi.storage.k8s.io/pod.namespace': 'a/b' } },
    message: /pod\.namespace must be a DNS-1123 label/,
  },
];

const cases: readonly Case[] = [
  ...malformed.map((entry): Case => ({ ...entry, code: 'INVALID_ARGUMENT' })),
  {
    what: 'no token from the kubelet',
    changes: { token: null },
    code: 'FAILED_PRECONDITION',
    message: /spec\.tokenRequests/,
  },
  {
    what: 'a token of another audience only',
    changes: ({ token }) => ({ context: { [tokensKey]: kubeletTokens(token, 'vault') } }),
    code: 'FAILED_PRECONDITION',
    message: /no token for audience "connectors-proxy"/,
  },
  {
    what: 'tokens that are not JSON',
    changes: ({ token }) => ({ context: { [tokensKey]: `{"connectors-proxy":${token}` } }),
    code: 'FAILED_PRECONDITION',
    message: /is not valid JSON/,
  },
  {
    what: 'a token that is not a JSON Web Token',
    changes: { token: 'CANARY-7f3a91c2;$(reboot)' },
    code: 'FAILED_PRECONDITION',
    message: /not a JSON Web Token/,
  },
  {
    what: 'two connectors while enable-multi-connector is "false"',
    changes: (_volume, node) => {
      node.writeManifest('flags.json', flagsConfigMap({ 'enable-multi-connector': 'false' }));
      return { attributes: { connectors: 'harbor,github' } };
    },
    code: 'FAILED_PRECONDITION',
    message: /enable-multi-connector/,
  },
  {
    what: 'a flag that needs the API server',
    changes: (_volume, node) => {
      node.writeManifest('flags.json', flagsConfigMap({ 'enable-connector-proxy-permissions': 'true' }));
      return {};
    },
    code: 'FAILED_PRECONDITION',
    message: /enable-connector-proxy-permissions/,
  },
  {
    what: 'a proxy address that would break the .env file',
    changes: (_volume, node) => {
      node.writeManifest('harbor.json', connector('harbor', { proxyUrl: 'http://proxy.example/$(reboot) x' }));
      return {};
    },
    code: 'FAILED_PRECONDITION',
    message: /connector ci\/harbor: status\.proxy\.httpAddress\.url must be an http or https URL/,
  },
  {
    what: 'a connector that does not exist',
    changes: { attributes: { connectors: 'harbour' } },
    code: 'NOT_FOUND',
    message: /^connector ci\/harbour does not exist/,
  },
  {
    what: 'a connector whose class does not exist',
    changes: (_volume, node) => {
      node.removeManifest('class-oci.json');
      return {};
    },
    code: 'NOT_FOUND',
    message: /^connectorclass oci of connector ci\/harbor does not exist/,
  },
  {
    what: 'a connector that is not reconciled yet',
    changes: (_volume, node) => {
      node.writeManifest('harbor.json', connector('harbor', { proxyUrl: undefined }));
      return {};
    },
    code: 'UNAVAILABLE',
    message: /ci\/harbor is not reconciled yet/,
  },
  {
    what: 'a token that has expired',
    changes: ({ pod }) => ({ token: tokenFor(pod, { expiresIn: -1 }) }),
    code: 'UNAVAILABLE',
    message: /expired at/,
  },
  {
    what: 'a directory in the way that is not empty',
    changes: ({ target }) => {
      fs.mkdirSync(target);
      fs.writeFileSync(path.join(target, 'theirs'), 'x');
      return {};
    },
    code: 'FAILED_PRECONDITION',
    message: /not mounted and not empty/,
  },
];

describe('a first publish that fails', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  const original = new Map<string, string>();

  before(async () => {
    node = new NodeSandbox();
    for (const name of fs.readdirSync(node.manifestsDir)) {
      original.set(name, fs.readFileSync(path.join(node.manifestsDir, name), 'utf8'));
    }
    driver = await DriverProcess.start(node);
  });
  after(async () => {
    await driver.stop();
    node.remove();
  });

  const restore = (): void => {
    for (const name of fs.readdirSync(node.manifestsDir)) node.removeManifest(name);
    for (const [name, text] of original) node.writeManifest(name, text);
  };

  for (const { what, changes, code, message } of cases) {
    it(`with ${what} answers ${code}, leaves nothing, and succeeds once that is mended`, async () => {
      const volume = node.volume();
      const request = volume.publishRequest(typeof changes === 'function' ? changes(volume, node) : changes);
      const before = volume.kubeletEntries();
      await assertFails(driver.kubelet.publish(request), code, message);
      assert.deepEqual(volume.kubeletEntries(), before);
      assert.deepEqual(node.mounts(), []);

      restore();
      fs.rmSync(volume.target, { recursive: true, force: true });
      await driver.kubelet.publishVolume(volume);
      assert.equal(volume.read()['context.token'], volume.token);
      await driver.kubelet.unpublishVolume(volume);
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
      assert.deepEqual(node.mounts(), []);
    });
  }

  it('names all that is wrong with a request at once', async () => {
    const request = node.volume().publishRequest({
      attributes: { conectors: 'x', 'token.expiration': '1s' },
      fields: { readonly: false, volume_capability: { block: {} }, target_path: '/etc' },
    });
    const message = await assertFails(driver.kubelet.publish(request), 'INVALID_ARGUMENT', /readOnly/);
    for (const part of ['--kubelet-dir', 'block access', '"conectors"', '"connectors" is missing', '10m']) {
      assert.ok(message.includes(part), `${part} in ${message}`);
    }
  });

  it("says of a denied or failed call only what the log's allow-list lets through", async () => {
    const { token } = node.volume();
    await assertFails(driver.kubelet.publishVolume(node.volume(), { token }), 'PERMISSION_DENIED', /not bound/);
    await driver.untilLogged('RPC failed');
    driver.assertNoToken();
  });
});
