import { connectorClassType, connectorType } from '../../shared/connectors/api-group.js';
import type { JsonObject } from '../../shared/json.js';
import { apiFailure } from '../../shared/kube/api-failure.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { KubeError } from '../../shared/kube/kube-error.js';
import { metadataText, objectKey } from '../../shared/kube/kube-object.js';
import type { Log } from '../../shared/log.js';
import type { ObjectKind } from '../connectors/connector-lookup.js';

/** The outcome of a status update. */
export type WriteOutcome = 'written' | 'conflict' | 'forbidden' | 'failed';

/** Receives the outcomes of status updates, for metrics. */
export interface StatusObserver {
  wroteStatus(resource: 'connectors' | 'connectorclasses', outcome: WriteOutcome): void;
}

export interface StatusPatchesOptions {
  readonly client: KubeClient;
  readonly observer: StatusObserver;
  readonly log: Log;
}

const resources = { connector: 'connectors', class: 'connectorclasses' } as const;

/** Sends status updates, and logs failures. */
export class StatusPatches {
  readonly #options: StatusPatchesOptions;
  #hasLoggedForbidden = false;

  constructor(options: StatusPatchesOptions) {
    this.#options = options;
  }

  /**
   * Sends a status update. Failures are logged.
   * @param change a merge patch with the resourceVersion that it is for.
   * @returns whether it was written.
   * @throws {CodedError} the signal's reason.
   */
  async send(kind: ObjectKind, object: JsonObject, change: JsonObject, signal: AbortSignal): Promise<boolean> {
    const { client, observer } = this.#options;
    const type = kind === 'class' ? connectorClassType : connectorType;
    const namespace = metadataText(object, 'namespace');
    const name = metadataText(object, 'name') ?? '';
    const location = { type, ...(namespace === undefined ? {} : { namespace }), name, subresource: 'status' };
    try {
      await client.patch(location, change, { signal });
      this.#hasLoggedForbidden = false;
      observer.wroteStatus(resources[kind], 'written');
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof KubeError)) throw error;
      observer.wroteStatus(resources[kind], outcomeOf(error));
      this.#logFailure(error, kind, objectKey({ namespace, name }));
      return false;
    }
  }

  #logFailure(error: KubeError, kind: ObjectKind, name: string): void {
    // The watch delivers the newer revision, or the object has been deleted.
    if (error.code === 409) return;
    const { client, log } = this.#options;
    const resource = `${resources[kind]}/status`;
    const failure = apiFailure(error, {
      doing: `writing the status of ${kind === 'class' ? 'connectorclass' : 'connector'} ${name}`,
      needed: { apiGroup: 'connectors.alauda.io', resource, resourceNames: [], verbs: ['patch'] },
      problem: client.problem,
    });
    // The permission is missing for all objects, so one warning suffices.
    const isLogged = error.code === 403 && this.#hasLoggedForbidden;
    if (error.code === 403) this.#hasLoggedForbidden = true;
    if (isLogged) log.debug('Failed to update status', { error: failure });
    else log.warn('Failed to update status', { error: failure });
  }
}

function outcomeOf({ code }: KubeError): WriteOutcome {
  if (code === 409) return 'conflict';
  return code === 403 ? 'forbidden' : 'failed';
}
