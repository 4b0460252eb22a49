import { sleep } from '../../abortable.js';
import { CodedError, throwIfAborted } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import { jsonMember } from '../../json.js';
import { apiFailure } from '../../kube/api-failure.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { isKubeError } from '../../kube/kube-error.js';
import type { ResourceType } from '../../kube/resource-location.js';
import type { Log } from '../../log.js';
import type { CaSource } from '../certificates/certificate-authority.js';

/** As in `deploy/components/trust-bundle`. Kubernetes requires that the name begins with the signer's. */
export const trustBundleSigner = 'connectors.alauda.io/proxy';
export const trustBundleName = 'connectors.alauda.io:proxy:ca';

/** Kubernetes 1.37 and later, and versions before. */
const trustBundleTypes: readonly ResourceType[] = ['v1', 'v1beta1'].map((version) => ({
  apiVersion: `certificates.k8s.io/${version}`,
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
}));

/** Interval between checks: another client can change or delete the object. */
const checkMs = 600_000;
const retryMs = 30_000;

export interface TrustBundleOptions {
  readonly client: KubeClient;
  readonly ca: CaSource;
  readonly log: Log;
}

/** Publishes the CA as a ClusterTrustBundle, which any pod can mount without a volume of the driver. */
export class TrustBundle {
  readonly #options: TrustBundleOptions;
  #publishing: AbortController | undefined;
  #wake: () => void = () => undefined;

  constructor(options: TrustBundleOptions) {
    this.#options = options;
  }

  /** Starts publishing. */
  begin(): void {
    this.#publishing?.abort();
    this.#publishing = new AbortController();
    void this.#publishUntil(this.#publishing.signal);
  }

  /** Stops publishing. The object stays. */
  end(): void {
    this.#publishing?.abort();
  }

  /** Publishes the CA at once because it has changed. */
  caChanged(): void {
    this.#wake();
  }

  async #publishUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      const waitMs = await this.#publish(signal);
      await sleep(waitMs, AbortSignal.any([signal, changed.signal])).catch(() => undefined);
    }
  }

  /** @returns milliseconds until the next check. */
  async #publish(signal: AbortSignal): Promise<number> {
    const { client, ca, log } = this.#options;
    try {
      await this.#write(ca.current().certificate, signal);
      return checkMs;
    } catch (error) {
      if (signal.aborted) return 0;
      const verbs = ['create', 'get', 'patch'];
      const failure = apiFailure(error, {
        doing: `publishing ClusterTrustBundle ${trustBundleName}`,
        needed: { apiGroup: 'certificates.k8s.io', resource: 'clustertrustbundles', resourceNames: [], verbs },
        problem: client.problem,
      });
      log.warn('Failed to publish CA', { error: failure });
      return retryMs;
    }
  }

  async #write(trustBundle: string, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    for (const type of trustBundleTypes) {
      const location = { type, name: trustBundleName };
      const spec: JsonObject = { signerName: trustBundleSigner, trustBundle };
      const { apiVersion, kind } = type;
      try {
        await client.create({ type }, { apiVersion, kind, metadata: { name: trustBundleName }, spec }, { signal });
        log.info('Published CA', { name: trustBundleName });
        return;
      } catch (error) {
        throwIfAborted(signal);
        // The API server does not serve the version.
        if (isKubeError(error, 404)) continue;
        if (!isKubeError(error, 409)) throw error;
      }
      const existing = await client.get(location, { signal });
      if (jsonMember(existing['spec'], 'trustBundle') === trustBundle) return;
      await client.patch(location, { spec: { trustBundle } }, { signal });
      log.info('Published CA', { name: trustBundleName });
      return;
    }
    throw new CodedError(
      'FAILED_PRECONDITION',
      'the API server serves no ClusterTrustBundle: enable the API, or remove --publish-trust-bundle',
    );
  }
}
