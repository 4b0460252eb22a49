import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import { credentials, status } from '@grpc/grpc-js';
import { KubeletClient, assertFails } from '../support/driver/kubelet-client.ts';
import { eventually } from '../support/poll.ts';
import { Controller } from '../support/sanity/controller.ts';

const script = path.join(import.meta.dirname, '..', 'support', 'sanity', 'sanity-server.ts');
const capability = { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;

interface Created {
  readonly volume: { readonly volume_id: string; readonly volume_context: Readonly<Record<string, string>> };
}

/** Plays csi-sanity, in the order and with the fields of its own requests. */
describe('the server for csi-sanity', () => {
  const root = fs.mkdtempSync(path.join(tmpdir(), 'sanity-'));
  const socketPath = path.join(root, 'csi.sock');
  const target = path.join(root, 'csi-mount', 'target');
  let server: ChildProcess;
  let output = '';
  let node: KubeletClient;
  let controller: InstanceType<typeof Controller>;

  before(async () => {
    fs.mkdirSync(path.dirname(target));
    server = spawn(process.execPath, [script, '--endpoint', `unix://${socketPath}`]);
    server.stdout?.on('data', (text: Buffer) => (output += text.toString()));
    server.stderr?.on('data', (text: Buffer) => (output += text.toString()));
    await eventually('the server is ready', () => output.includes('ready:') || server.exitCode !== null);
    assert.match(output, /^ready: csi-sanity --csi\.endpoint unix:/);
    node = new KubeletClient(socketPath, { shared: true });
    controller = new Controller(`unix://${socketPath}`, credentials.createInsecure());
  });

  after(async () => {
    node.close();
    controller.close();
    server.kill('SIGTERM');
    const [exitStatus] = (await once(server, 'exit')) as [number];
    assert.equal(exitStatus, 0, output);
    fs.rmSync(root, { recursive: true });
  });

  const call = (method: string, request: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const invoke = controller[method] as unknown as (
        this: typeof controller,
        request: object,
        done: (error: ServiceError | null, response: unknown) => void,
      ) => void;
      invoke.call(controller, request, (error, response) => {
        if (error) reject(error);
        else resolve(response);
      });
    });
  const create = (name: string): Promise<Created> =>
    call('CreateVolume', { name, volume_capabilities: [capability] }) as Promise<Created>;

  it('announces a controller beside the driver that it stands before', async () => {
    const { capabilities } = await node.pluginCapabilities();
    assert.deepEqual(
      capabilities.map(({ service }) => service?.type),
      ['CONTROLLER_SERVICE'],
    );
    assert.equal((await node.pluginInfo()).name, 'connectors-csi');
    assert.deepEqual((await node.probe()).ready, { value: true });
    assert.equal((await node.nodeInfo()).node_id, 'node-1');
    assert.ok((await node.nodeCapabilities()).includes('GET_VOLUME_STATS'));
    const { capabilities: own } = (await call('ControllerGetCapabilities', {})) as { capabilities: unknown[] };
    assert.equal(own.length, 1);
  });

  it('passes on what the driver refuses', async () => {
    await assertFails(node.publish({}), 'INVALID_ARGUMENT', /volume_id is missing/);
    await assertFails(node.publish({ volume_id: 'v' }), 'INVALID_ARGUMENT', /target_path is missing/);
    await assertFails(
      node.publish({ volume_id: 'v', target_path: target }),
      'INVALID_ARGUMENT',
      /^volume_capability is missing$/,
    );
    await assertFails(node.unpublish({}), 'INVALID_ARGUMENT', /volume_id is missing/);
    await assertFails(
      node.statistics({ volume_id: 'v', volume_path: 'some/path' }),
      'NOT_FOUND',
      /volume v is not published/,
    );
  });

  it('publishes a created volume at a path of its caller, and the path goes when the driver removes the volume', async () => {
    const { volume } = await create('one');
    const request = {
      volume_id: volume.volume_id,
      target_path: target,
      volume_capability: capability,
      volume_context: volume.volume_context,
    };
    for (let time = 1; time <= 10; time += 1) await node.publish(request);
    assert.ok(fs.existsSync(path.join(target, '.env')));
    const { usage } = await node.statistics({ volume_id: volume.volume_id, volume_path: target });
    assert.equal(usage.length, 2);
    await node.unpublish({ volume_id: volume.volume_id, target_path: target });
    assert.equal(fs.lstatSync(target, { throwIfNoEntry: false }), undefined);
    await call('DeleteVolume', { volume_id: volume.volume_id });
  });

  it('keeps volumes as a controller does', async () => {
    const { volume } = await create('two');
    assert.deepEqual(await create('two'), await create('two'));
    const validate = (volume_id: string) =>
      call('ValidateVolumeCapabilities', { volume_id, volume_capabilities: [capability] });
    assert.ok(((await validate(volume.volume_id)) as { confirmed: unknown }).confirmed);
    await assert.rejects(validate('other'), { code: status.NOT_FOUND });
    await assert.rejects(call('CreateVolume', { name: '' }), { code: status.INVALID_ARGUMENT });
    await call('DeleteVolume', { volume_id: volume.volume_id });
    await assert.rejects(validate(volume.volume_id), { code: status.NOT_FOUND });
  });
});
