import { isIP } from 'node:net';
import type { JsonObject } from '../shared/json.ts';
import { jsonItems, jsonMember } from '../shared/json.ts';
import { apiFailure } from '../shared/kube/api-failure.ts';
import type { KubeClient } from '../shared/kube/kube-client.ts';
import { KubeError } from '../shared/kube/kube-error.ts';
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

const reading = `reading endpointslice ${objectKey(apiServerSlice)}`;

/**
 * The addresses of the API servers behind their Service, watched. Pods must not reach the API server through the proxy.
 * Without the permission to read them the proxy serves nevertheless, and blocks only the address of the Service.
 */
export class ApiServerEndpoints {
  readonly #log: Log;
  readonly #reflector: Reflector;
  readonly #stopping = new AbortController();
  /** Whether the API server has returned the endpoints or denied access to them. */
  #isSettled = false;

  constructor(client: KubeClient, log: Log) {
    this.#log = log;
    this.#reflector = new Reflector(client, { type: endpointSliceType, ...apiServerSlice }, log);
  }

  start(): void {
    this.#reflector.start();
    void this.#settle();
  }

  stop(): void {
    this.#stopping.abort();
    this.#reflector.stop();
  }

  current(): readonly Endpoint[] {
    return [...this.#reflector.state.objects.values()].flatMap(endpointsIn);
  }

  /** Returns why requests must wait: until the endpoints are known, tunnels could lead to them. */
  problem(): string | undefined {
    return this.#isSettled ? undefined : `${reading} has not ended yet`;
  }

  async #settle(): Promise<void> {
    try {
      await this.#reflector.state.waitUntilSynced(this.#stopping.signal);
    } catch (error) {
      if (!(error instanceof KubeError)) return;
      this.#log.warn('Failed to read the endpoints of the API server: only the address of its Service is blocked', {
        error: apiFailure(error, { doing: reading }),
      });
    }
    this.#isSettled = true;
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
