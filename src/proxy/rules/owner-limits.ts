import type { Connector, ConnectorClass } from '../../shared/connectors/model.js';
import { jsonMember } from '../../shared/json.js';
import type { JsonObject } from '../../shared/json.js';
import { quote } from '../../shared/message-text.js';
import { proxyLimits } from '../limits.js';

/** Annotations of a Connector, or of a class for its Connectors, that limit the requests of each pod. */
export const limitAnnotations = {
  perSecond: 'connectors.alauda.io/requests-per-second',
  concurrent: 'connectors.alauda.io/concurrent-requests',
} as const;

/** Limits for the requests of one pod to one Connector. */
export interface OwnerLimits {
  /** Requests per second; undefined for no limit. */
  readonly perSecond: number | undefined;
  /** Requests in flight; undefined for no limit. */
  readonly concurrent: number | undefined;
}

const noLimits: OwnerLimits = { perSecond: undefined, concurrent: undefined };
const smallestLimits: OwnerLimits = { perSecond: 1, concurrent: 1 };

/**
 * Returns the limits for requests to a Connector: its own, else those of its class. A value that is no limit counts as
 * the smallest one, so that a mistake does not remove a limit.
 */
export function ownerLimitsOf({ object }: Connector, connectorClass: ConnectorClass | undefined): OwnerLimits {
  const own = limitsIn(object);
  const ofClass = connectorClass === undefined ? noLimits : limitsIn(connectorClass.object);
  if ('problem' in own || 'problem' in ofClass) return smallestLimits;
  return {
    perSecond: own.perSecond ?? ofClass.perSecond,
    concurrent: own.concurrent ?? ofClass.concurrent,
  };
}

/** Returns the problem of limits that cannot be read, for the owner of a Connector; undefined if there is none. */
export function ownerLimitsProblem(
  { object }: Connector,
  connectorClass: ConnectorClass | undefined,
): string | undefined {
  const own = limitsIn(object);
  if ('problem' in own) return own.problem;
  const ofClass = connectorClass && limitsIn(connectorClass.object);
  return ofClass !== undefined && 'problem' in ofClass
    ? `connectorclass ${connectorClass?.name ?? ''}: ${ofClass.problem}`
    : undefined;
}

function limitsIn(object: JsonObject): OwnerLimits | { readonly problem: string } {
  const annotations = jsonMember(object['metadata'], 'annotations');
  const [rate, count] = [limitAnnotations.perSecond, limitAnnotations.concurrent].map((name) => {
    const value = jsonMember(annotations, name);
    return value === undefined ? undefined : annotationText(value);
  });
  const { perSecond: maxPerSecond, concurrent: maxConcurrent } = proxyLimits.ownerLimits;
  const perSecond = numberIn(rate, /^\d{1,6}(?:\.\d{1,3})?$/, maxPerSecond);
  if (rate !== undefined && perSecond === undefined) {
    return {
      problem: `annotation ${limitAnnotations.perSecond} is ${quote(rate)}: write a number above 0, at most ${maxPerSecond}, such as "0.5"`,
    };
  }
  const concurrent = numberIn(count, /^\d{1,6}$/, maxConcurrent);
  if (count !== undefined && concurrent === undefined) {
    return {
      problem: `annotation ${limitAnnotations.concurrent} is ${quote(count)}: write a whole number from 1 to ${maxConcurrent}`,
    };
  }
  return { perSecond, concurrent };
}

/** Returns a number above 0 and at most `max`. */
function numberIn(text: string | undefined, form: RegExp, max: number): number | undefined {
  const value = text !== undefined && form.test(text) ? Number(text) : 0;
  return value > 0 && value <= max ? value : undefined;
}

/** Returns the value of an annotation as text. Annotations are strings in the API; in a manifest they can be anything. */
export function annotationText(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}
