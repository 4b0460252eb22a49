import { promisify } from 'node:util';
import { credentials, status } from '@grpc/grpc-js';
import { csi } from '../../src/driver/csi/services.js';

export interface DemoVolume {
  readonly volumeId: string;
  readonly targetPath: string;
  /** Attributes that the pod's author wrote. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly serviceAccountName: string;
  };
}

type NodeClient = InstanceType<typeof csi.Node>;

/** Calls the driver like the kubelet: with a new connection for every call. */
export class Kubelet {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async isReady(): Promise<boolean> {
    const client = new csi.Identity(`unix://${this.#socketPath}`, credentials.createInsecure());
    try {
      const response = await promisify(client.probe.bind(client))({});
      return response?.ready?.value === true;
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  async capabilities(): Promise<readonly string[]> {
    const response = await this.#call((client) => promisify(client.nodeGetCapabilities.bind(client))({}));
    return response?.capabilities.map(({ rpc }) => String(rpc?.type)) ?? [];
  }

  /** @param tokens the kubelet's JSON of tokens by audience. */
  async publish({ volumeId, targetPath, attributes, pod }: DemoVolume, tokens: string): Promise<void> {
    await this.#call((client) =>
      promisify(client.nodePublishVolume.bind(client))({
        volume_id: volumeId,
        target_path: targetPath,
        readonly: true,
        volume_capability: { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
        volume_context: {
          ...attributes,
          'csi.storage.k8s.io/pod.namespace': pod.namespace,
          'csi.storage.k8s.io/pod.name': pod.name,
          'csi.storage.k8s.io/pod.uid': pod.uid,
          'csi.storage.k8s.io/serviceAccount.name': pod.serviceAccountName,
          'csi.storage.k8s.io/ephemeral': 'true',
          'csi.storage.k8s.io/serviceAccount.tokens': tokens,
        },
      }),
    );
  }

  /** Returns the driver's statistics of the volume in one line. */
  async statistics({ volumeId, targetPath }: DemoVolume): Promise<string> {
    const response = await this.#call((client) =>
      promisify(client.nodeGetVolumeStats.bind(client))({ volume_id: volumeId, volume_path: targetPath }),
    );
    const usage = response?.usage.map(
      ({ unit, used, total }) => `${String(used)} of ${String(total)} ${unit.toLowerCase()}`,
    );
    return `${usage?.join(', ') ?? ''}; ${response?.volume_condition?.message ?? ''}`;
  }

  async unpublish({ volumeId, targetPath }: DemoVolume): Promise<void> {
    await this.#call((client) =>
      promisify(client.nodeUnpublishVolume.bind(client))({ volume_id: volumeId, target_path: targetPath }),
    );
  }

  async #call<T>(use: (client: NodeClient) => Promise<T>): Promise<T> {
    const client = new csi.Node(`unix://${this.#socketPath}`, credentials.createInsecure());
    try {
      return await use(client);
    } catch (error) {
      throw toEventText(error);
    } finally {
      client.close();
    }
  }
}

/** Converts the driver's error to the text of a pod's event, without the client's stack. */
function toEventText(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('details' in error)) return error;
  return new Error(`the driver answered ${status[Number(error.code)] ?? ''}: ${String(error.details)}`);
}
