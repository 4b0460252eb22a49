import { isIP } from 'node:net';
import type { JsonObject } from '../shared/json.ts';
import { jsonItems, jsonMember } from '../shared/json.ts';
import { notSyncedReason } from '../shared/connectors/wait-for-sync.ts';
import type { KubeClient } from '../shared/kube/kube-client.ts';
import { Reflector } from '../shared/kube/reflector.ts';
import type { ResourceType } from '../shared/kube/resource-location.ts';
import type { Log } from '../shared/log.ts';
import type { Endpoint } from './tool/address-rules.ts';
import { objectKey } from '../shared/names.ts';

const endpointSliceType: ResourceType = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
};

/** The EndpointSlice that the API servers maintain themselves, with the addresses behind the Service of this name. */
export const apiServerSlice = { namespace: 'default', name: 'kubernetes' };

/**
 * The addresses of the API servers behind their Service, watched. Pods must not reach the API server through the proxy, so
 * it is not ready until it has read them.
 */
export class ApiServerEndpoints {
  readonly #reflector: Reflector;

  constructor(client: KubeClient, log: Log) {
    this.#reflector = new Reflector(client, { type: endpointSliceType, ...apiServerSlice }, log);
  }

  start(): void {
    this.#reflector.start();
  }

  stop(): void {
    this.#reflector.stop();
  }

  current(): readonly Endpoint[] {
    return [...this.#reflector.state.objects.values()].flatMap(endpointsIn);
  }

  /** Returns why tunnels could lead to them; undefined once they are known. */
  problem(): string | undefined {
    return notSyncedReason(this.#reflector.state, `reading endpointslice ${objectKey(apiServerSlice)}`);
  }
}

/** Returns each address of a slice at each of its ports. */
function endpointsIn(slice: JsonObject): readonly Endpoint[] {
  const ports = jsonItems(jsonMember(slice, 'ports')).map((port) => jsonMember(port, 'port'));
  const numbers = ports.flatMap((port) => (typeof port === 'bigint' ? Number(port) : []));
  const addresses = jsonItems(jsonMember(slice, 'endpoints')).flatMap((endpoint) =>
    jsonItems(jsonMember(endpoint, 'addresses')),
  );
  return addresses.flatMap((address) =>
    typeof address === 'string' && isIP(address) !== 0
      ? (numbers.length === 0 ? [undefined] : numbers).map((port) => ({ address, port }))
      : [],
  );
}
