import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ServiceError, UntypedServiceImplementation, handleUnaryCall } from '@grpc/grpc-js';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { NodeGetVolumeStatsRequest__Output } from '../../../src/driver/csi/generated/csi/v1/NodeGetVolumeStatsRequest.ts';
import type { NodePublishVolumeRequest__Output } from '../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { NodeUnpublishVolumeRequest__Output } from '../../../src/driver/csi/generated/csi/v1/NodeUnpublishVolumeRequest.ts';
import { csi } from '../../../src/driver/csi/services.ts';
import type { DriverProcess } from '../driver/driver-process.ts';
import type { NodeSandbox } from '../driver/node-sandbox.ts';
import { TestVolume } from '../driver/test-volume.ts';
import { Controller, MemoryController } from './controller.ts';

const attributes = { connectors: 'harbor' };

/**
 * The real driver behind what csi-sanity lacks. csi-sanity plays a cluster with a controller, and no kubelet: it sends
 * neither pod nor token nor `readonly`, and target paths of its own. So this
 *
 * - passes every call on to the driver over its socket, a new connection per call;
 * - adds to a publish what the kubelet would add, and nothing where csi-sanity leaves out what it means to leave out;
 * - gives a target path outside the kubelet's directory a counterpart inside, to which the path becomes a symbolic link
 *   while the volume is published: the path is gone only when the driver has removed its counterpart;
 * - announces and serves a Controller.
 */
export class SanityWrapper {
  readonly #node: NodeSandbox;
  readonly #driver: DriverProcess;
  readonly #server = new Server();
  readonly #volumes = new Map<string, TestVolume>();

  constructor(node: NodeSandbox, driver: DriverProcess) {
    this.#node = node;
    this.#driver = driver;
    this.#server.addService(csi.Identity.service, this.#identity());
    this.#server.addService(csi.Node.service, this.#nodeService());
    this.#server.addService(Controller.service, new MemoryController(attributes).service);
  }

  async listen(socketPath: string): Promise<void> {
    fs.rmSync(socketPath, { force: true });
    const bind = promisify(this.#server.bindAsync.bind(this.#server));
    await bind(`unix://${socketPath}`, ServerCredentials.createInsecure());
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #identity(): UntypedServiceImplementation {
    const { kubelet } = this.#driver;
    return {
      GetPluginInfo: forward(() => kubelet.pluginInfo()),
      GetPluginCapabilities: forward(async () => {
        const { capabilities } = await kubelet.pluginCapabilities();
        return { capabilities: [...capabilities, { service: { type: 'CONTROLLER_SERVICE' } }] };
      }),
      Probe: forward(() => kubelet.probe()),
    };
  }

  #nodeService(): UntypedServiceImplementation {
    const { kubelet } = this.#driver;
    return {
      NodePublishVolume: forward((request: NodePublishVolumeRequest__Output) => this.#publish(request)),
      NodeUnpublishVolume: forward((request: NodeUnpublishVolumeRequest__Output) => this.#unpublish(request)),
      NodeGetVolumeStats: forward((request: NodeGetVolumeStatsRequest__Output) =>
        kubelet.statistics({ ...request, volume_path: this.#counterpart(request.volume_path) }),
      ),
      NodeGetCapabilities: forward(() =>
        kubelet.node((client, options, done) => client.nodeGetCapabilities({}, options, done)),
      ),
      NodeGetInfo: forward(() => kubelet.nodeInfo()),
      NodeStageVolume: forward((request: object) =>
        kubelet.node((client, options, done) => client.nodeStageVolume(request, options, done)),
      ),
      NodeUnstageVolume: forward((request: object) =>
        kubelet.node((client, options, done) => client.nodeUnstageVolume(request, options, done)),
      ),
      NodeExpandVolume: forward((request: object) =>
        kubelet.node((client, options, done) => client.nodeExpandVolume(request, options, done)),
      ),
    };
  }

  async #publish(request: NodePublishVolumeRequest__Output): Promise<object> {
    const target = this.#counterpart(request.target_path);
    if (target !== '') fs.mkdirSync(path.dirname(target), { recursive: true });
    const { volume_context: podContext, readonly } = this.#volumeOf(request.volume_id).publishRequest();
    await this.#driver.kubelet.publish({
      ...request,
      target_path: target,
      readonly: readonly ?? true,
      volume_context: { ...podContext, ...request.volume_context },
    });
    if (target !== request.target_path && !fs.existsSync(request.target_path)) {
      fs.symlinkSync(target, request.target_path);
    }
    return {};
  }

  async #unpublish(request: NodeUnpublishVolumeRequest__Output): Promise<object> {
    const target = this.#counterpart(request.target_path);
    await this.#driver.kubelet.unpublish({ ...request, target_path: target });
    if (target !== request.target_path && !fs.existsSync(target)) fs.rmSync(request.target_path, { force: true });
    return {};
  }

  /** A pod for each volume, whose token stays the same from call to call. */
  #volumeOf(volumeId: string): TestVolume {
    const volume = this.#volumes.get(volumeId) ?? new TestVolume(this.#node.kubeletDir);
    this.#volumes.set(volumeId, volume);
    return volume;
  }

  /** Relative and empty paths, and those that a kubelet could have, stay what they are. */
  #counterpart(targetPath: string): string {
    const pods = path.join(this.#node.kubeletDir, 'pods');
    if (!path.isAbsolute(targetPath) || targetPath.startsWith(`${pods}/`)) return targetPath;
    const name = createHash('sha256').update(targetPath).digest('hex').slice(0, 16);
    return path.join(pods, name, 'volumes/kubernetes.io~csi/sanity/mount');
  }
}

function forward<Request>(answer: (request: Request) => Promise<object>): handleUnaryCall<Request, object> {
  return ({ request }, callback) => {
    answer(request).then(
      (response) => callback(null, response),
      (error: unknown) => {
        const { code, details } = error as Partial<ServiceError>;
        callback({ code: code ?? status.UNKNOWN, details: details ?? 'the wrapper failed' });
      },
    );
  };
}
