import { isDeepStrictEqual } from 'node:util';
import { connectorClassType, connectorType } from '../../shared/connectors/api-group.ts';
import { isJsonObject, jsonMember } from '../../shared/json.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { apiFailure } from '../../shared/kube/api-failure.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { KubeError } from '../../shared/kube/kube-error.ts';
import { metadataText } from '../../shared/kube/kube-object.ts';
import type { Log } from '../../shared/log.ts';
import { caProblem } from '../certificates/certificate-authority.ts';
import type { CaSource } from '../certificates/certificate-authority.ts';
import type { ObjectKind } from '../connectors/connector-informer.ts';
import { objectKey } from '../../shared/names.ts';

/** The outcome of a status update. */
type WriteOutcome = 'written' | 'conflict' | 'forbidden' | 'failed';

/** Receives the outcomes of status updates, for metrics. */
export interface StatusObserver {
  wroteStatus(resource: 'connectors' | 'connectorclasses', outcome: WriteOutcome): void;
}

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly ca: CaSource;
  /** Audience of the tokens that the proxy accepts. */
  readonly audience: string;
  readonly observer: StatusObserver;
  readonly log: Log;
}

/** Members of `status` that the proxy writes. */
export type StatusOfProxy = Readonly<Record<string, JsonValue>>;

const resources = { connector: 'connectors', class: 'connectorclasses' } as const;

/** Writes what differs in the proxy's own part of a status. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #hasLoggedForbidden = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Returns the address of the proxy; empty while there is no CA, because clients could not trust it. */
  addressAt(url: string): StatusOfProxy {
    const { ca, audience } = this.#options;
    if (caProblem(ca) !== undefined) return {};
    return { proxy: { httpAddress: { url, audience, CACerts: ca.current().certificate } } };
  }

  /**
   * Writes the status unless it is equal. Failures are logged.
   * @param object the revision that the status is for. For another one, the API server rejects the update.
   * @returns whether the status is as wanted now.
   * @throws {CodedError} the signal's reason.
   */
  async write(kind: ObjectKind, object: JsonObject, wanted: StatusOfProxy, signal: AbortSignal): Promise<boolean> {
    const status = differing(object['status'], wanted);
    if (status === undefined) return true;
    const { client, observer } = this.#options;
    const type = kind === 'class' ? connectorClassType : connectorType;
    const namespace = metadataText(object, 'namespace');
    const name = metadataText(object, 'name') ?? '';
    const location = { type, ...(namespace === undefined ? {} : { namespace }), name, subresource: 'status' };
    const resourceVersion = metadataText(object, 'resourceVersion') ?? '';
    try {
      await client.patch(location, { metadata: { resourceVersion }, status }, { signal });
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

/** Returns the merge patch that changes a part of a status to `wanted`; undefined if it is equal. */
function differing(current: JsonValue | undefined, wanted: StatusOfProxy): JsonObject | undefined {
  const changes = Object.entries(wanted).flatMap(([key, value]): [string, JsonValue][] => {
    const now = jsonMember(current, key);
    if (isJsonObject(value)) {
      const inner = differing(now, value);
      return inner === undefined ? [] : [[key, inner]];
    }
    return isDeepStrictEqual(now, value) ? [] : [[key, value]];
  });
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

function outcomeOf({ code }: KubeError): WriteOutcome {
  if (code === 409) return 'conflict';
  return code === 403 ? 'forbidden' : 'failed';
}
