import { throwIfAborted } from '../../shared/errors.ts';
import { jsonMember } from '../../shared/json.ts';
import { apiFailure } from '../../shared/kube/api-failure.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { isKubeError } from '../../shared/kube/kube-error.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import type { Log } from '../../shared/log.ts';
import type { CaSource } from '../certificates/certificate-authority.ts';
import type { NextRun } from './work-queue.ts';

/** As in the chart. The Secret with the key has the same name. */
export const caConfigMapName = 'connectors-proxy-ca';

interface CaConfigMapOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly ca: CaSource;
  readonly log: Log;
}

const type: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
/** Interval between checks: another client can change or delete the object. */
const checkMs = 600_000;

/** The ConfigMap with the certificate of the CA in the proxy's namespace, for pods there that read no Secret. */
export class CaConfigMap {
  readonly #options: CaConfigMapOptions;
  /** The failure that was logged last; undefined after a success. */
  #loggedFailure: string | undefined;

  constructor(options: CaConfigMapOptions) {
    this.#options = options;
  }

  /** Creates or updates the ConfigMap. Failures are logged. */
  async reconcile(signal: AbortSignal): Promise<NextRun> {
    const { client, namespace, log } = this.#options;
    const named = { kind: type.kind, name: caConfigMapName };
    try {
      if (await this.#write(signal)) log.info('Published CA', named);
      this.#loggedFailure = undefined;
      return checkMs;
    } catch (cause) {
      throwIfAborted(signal);
      const error = apiFailure(cause, {
        doing: `publishing the CA in ConfigMap ${namespace}/${caConfigMapName}`,
        needed: { apiGroup: '', resource: 'configmaps', resourceNames: [], verbs: ['create', 'get', 'patch'] },
        roleNamespace: namespace,
        problem: client.problem,
      });
      // A missing permission stays missing until an operator acts, so it is logged once.
      if (error.message !== this.#loggedFailure) log.warn('Failed to publish CA', { ...named, error });
      this.#loggedFailure = error.message;
      return 'retry';
    }
  }

  /** @returns whether something was written. @throws {KubeError} {CodedError} */
  async #write(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, ca } = this.#options;
    const data = { 'ca.crt': ca.current().certificate };
    const { apiVersion, kind } = type;
    const object = { apiVersion, kind, metadata: { namespace, name: caConfigMapName }, data };
    try {
      await client.create({ type, namespace }, object, { signal });
      return true;
    } catch (error) {
      if (!isKubeError(error, 409)) throw error;
    }
    const location = { type, namespace, name: caConfigMapName };
    const existing = await client.get(location, { signal });
    if (jsonMember(existing['data'], 'ca.crt') === data['ca.crt']) return false;
    await client.patch(location, { data }, { signal });
    return true;
  }
}
