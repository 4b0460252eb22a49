import assert from 'node:assert/strict';
import type { CallOptions, ChannelOptions, ClientUnaryCall, ServiceError, requestCallback } from '@grpc/grpc-js';
import { Metadata, credentials, status } from '@grpc/grpc-js';
import type { ErrorCode } from '../../../src/shared/errors.ts';
import type { GetPluginCapabilitiesResponse__Output } from '../../../src/driver/csi/generated/csi/v1/GetPluginCapabilitiesResponse.ts';
import type { GetPluginInfoResponse__Output } from '../../../src/driver/csi/generated/csi/v1/GetPluginInfoResponse.ts';
import type { NodeGetInfoResponse__Output } from '../../../src/driver/csi/generated/csi/v1/NodeGetInfoResponse.ts';
import type { NodeGetCapabilitiesResponse__Output } from '../../../src/driver/csi/generated/csi/v1/NodeGetCapabilitiesResponse.ts';
import type { NodeGetVolumeStatsRequest } from '../../../src/driver/csi/generated/csi/v1/NodeGetVolumeStatsRequest.ts';
import type { NodeGetVolumeStatsResponse__Output } from '../../../src/driver/csi/generated/csi/v1/NodeGetVolumeStatsResponse.ts';
import type { NodePublishVolumeRequest } from '../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { NodeUnpublishVolumeRequest } from '../../../src/driver/csi/generated/csi/v1/NodeUnpublishVolumeRequest.ts';
import type { ProbeResponse__Output } from '../../../src/driver/csi/generated/csi/v1/ProbeResponse.ts';
import { csi } from '../../../src/driver/csi/services.ts';
import { eventually } from '../poll.ts';
import { assertNoToken } from './canary.ts';
import type { RequestChanges, TestVolume } from './test-volume.ts';

type NodeClient = InstanceType<typeof csi.Node>;
type IdentityClient = InstanceType<typeof csi.Identity>;

interface KubeletCallOptions {
  /** The kubelet's own is two minutes. */
  readonly timeoutMs?: number;
  /** The time that a publish tells the driver. The client waits for the response, in whatever time the driver runs. */
  readonly toldMs?: number;
  /** Aborting cancels the call, as the kubelet does when it gives up. */
  readonly signal?: AbortSignal;
}

/** Clients do not share connections with each other in this process. */
const sharedOptions = { 'grpc.use_local_subchannel_pool': 1 };

/** grpc-js dials again for a client that was closed after a failure to connect; a connection for one call must not. */
const dayMs = 86_400_000;
const oneCallOptions = {
  ...sharedOptions,
  'grpc.initial_reconnect_backoff_ms': dayMs,
  'grpc.max_reconnect_backoff_ms': dayMs,
};

/** Calls a driver as the kubelet does, with a new connection for every call, or over one shared connection. */
export class KubeletClient {
  readonly #address: string;
  readonly #shared: { readonly node: NodeClient; readonly identity: IdentityClient } | undefined;

  constructor(socketPath: string, { shared = false }: { readonly shared?: boolean } = {}) {
    this.#address = `unix://${socketPath}`;
    this.#shared = shared
      ? { node: this.#newNode(sharedOptions), identity: this.#newIdentity(sharedOptions) }
      : undefined;
  }

  close(): void {
    this.#shared?.node.close();
    this.#shared?.identity.close();
  }

  async publish(request: NodePublishVolumeRequest, options: KubeletCallOptions = {}): Promise<void> {
    const { toldMs } = options;
    const metadata = new Metadata();
    if (toldMs !== undefined) metadata.set('grpc-timeout', `${toldMs}m`);
    await this.node(
      (node, callOptions, done) => node.nodePublishVolume(request, metadata, callOptions, done),
      toldMs === undefined ? options : { timeoutMs: Infinity },
    );
  }

  /** @param changes in what the request differs from the usual one. */
  publishVolume(volume: TestVolume, changes?: RequestChanges, options?: KubeletCallOptions): Promise<void> {
    return this.publish(volume.publishRequest(changes), options);
  }

  async unpublish(request: NodeUnpublishVolumeRequest, options?: KubeletCallOptions): Promise<void> {
    await this.node((node, callOptions, done) => node.nodeUnpublishVolume(request, callOptions, done), options);
  }

  async unpublishVolume({ volumeId, target }: TestVolume): Promise<void> {
    await this.unpublish({ volume_id: volumeId, target_path: target });
  }

  statistics(request: NodeGetVolumeStatsRequest): Promise<NodeGetVolumeStatsResponse__Output> {
    return this.node((node, options, done) => node.nodeGetVolumeStats(request, options, done));
  }

  nodeInfo(): Promise<NodeGetInfoResponse__Output> {
    return this.node((node, options, done) => node.nodeGetInfo({}, options, done));
  }

  async nodeCapabilities(): Promise<string[]> {
    const { capabilities } = await this.node<NodeGetCapabilitiesResponse__Output>((node, options, done) =>
      node.nodeGetCapabilities({}, options, done),
    );
    return capabilities.map(({ rpc }) => String(rpc?.type));
  }

  pluginInfo(): Promise<GetPluginInfoResponse__Output> {
    return this.identity((identity, options, done) => identity.getPluginInfo({}, options, done));
  }

  pluginCapabilities(): Promise<GetPluginCapabilitiesResponse__Output> {
    return this.identity((identity, options, done) => identity.getPluginCapabilities({}, options, done));
  }

  probe(): Promise<ProbeResponse__Output> {
    return this.identity((identity, options, done) => identity.probe({}, options, done));
  }

  node<Response>(
    start: (node: NodeClient, options: CallOptions, done: requestCallback<Response>) => ClientUnaryCall,
    options?: KubeletCallOptions,
  ): Promise<Response> {
    const client = this.#shared?.node ?? this.#newNode();
    return this.#unary((callOptions, done) => start(client, callOptions, done), client, options);
  }

  identity<Response>(
    start: (identity: IdentityClient, options: CallOptions, done: requestCallback<Response>) => ClientUnaryCall,
  ): Promise<Response> {
    const client = this.#shared?.identity ?? this.#newIdentity();
    return this.#unary((callOptions, done) => start(client, callOptions, done), client);
  }

  async #unary<Response>(
    start: (options: CallOptions, done: requestCallback<Response>) => ClientUnaryCall,
    client: NodeClient | IdentityClient,
    { timeoutMs = 120_000, signal }: KubeletCallOptions = {},
  ): Promise<Response> {
    let cancel = (): void => undefined;
    try {
      return await new Promise<Response>((resolve, reject) => {
        const call = start({ deadline: Date.now() + timeoutMs }, (error, response) => {
          if (error) reject(error);
          else resolve(response!);
        });
        cancel = (): void => call.cancel();
        signal?.addEventListener('abort', cancel, { once: true });
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
      if (this.#shared === undefined) client.close();
    }
  }

  #newNode(options: ChannelOptions = oneCallOptions): NodeClient {
    return new csi.Node(this.#address, credentials.createInsecure(), options);
  }

  #newIdentity(options: ChannelOptions = oneCallOptions): IdentityClient {
    return new csi.Identity(this.#address, credentials.createInsecure(), options);
  }

  /** @throws when the driver is not ready within the time. */
  async untilReady(timeoutMs = 60_000): Promise<void> {
    const isReady = (): Promise<boolean> =>
      this.probe().then(
        ({ ready }) => ready?.value === true,
        () => false,
      );
    await eventually('the driver is ready', isReady, timeoutMs);
  }
}

/**
 * Asserts that a call fails with the code and a one-line message, which carries no token.
 * @returns the message.
 */
export async function assertFails(call: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<string> {
  const error = await call.then(
    () => assert.fail(`the call succeeded, ${code} was expected`),
    (reason: unknown) => reason as ServiceError,
  );
  assert.equal(`${status[error.code]}: ${error.details}`.split(':')[0], code, error.details);
  assert.match(error.details, message);
  assert.doesNotMatch(error.details, /[\r\n]/);
  assertNoToken(error.details, 'an error message');
  return error.details;
}
