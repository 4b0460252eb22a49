import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import { jsonMember } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import { quote } from '../../shared/message-text.ts';
import { proxyLimits } from '../limits.ts';

/** Annotations of a Connector, or of a class for its Connectors, that limit the requests of each pod. */
export const limitAnnotations = {
  perSecond: 'connectors.alauda.io/requests-per-second',
  concurrent: 'connectors.alauda.io/concurrent-requests',
} as const;

/** Limits for the requests of one pod to one Connector: how many per second, and in flight. Absent for no limit. */
export type OwnerLimits = Readonly<Partial<Record<keyof typeof limitAnnotations, number>>>;

const { perSecond: maxRate, concurrent: max } = proxyLimits.ownerLimits;
const rateFix = `write a number above 0, at most ${maxRate}, such as "0.5"`;
/** The form of each value, its maximum, and the fix of a mistake. */
const values = [
  { limit: 'perSecond', form: /^\d{1,6}(?:\.\d{1,3})?$/, max: maxRate, fix: rateFix },
  { limit: 'concurrent', form: /^\d{1,6}$/, max, fix: `write a whole number from 1 to ${max}` },
] as const;

const noLimits: OwnerLimits = {};
const smallestLimits: OwnerLimits = { perSecond: 1, concurrent: 1 };

/**
 * Returns the limits for requests to a Connector: its own, else those of its class. A value that is no limit counts as
 * the smallest one, so that a mistake does not remove a limit.
 */
export function ownerLimitsOf({ object }: Connector, connectorClass: ConnectorClass | undefined): OwnerLimits {
  const own = limitsIn(object);
  const ofClass = connectorClass === undefined ? noLimits : limitsIn(connectorClass.object);
  if ('problem' in own || 'problem' in ofClass) return smallestLimits;
  return ofClass === noLimits ? own : { ...ofClass, ...own };
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
  let limits = noLimits;
  for (const { limit, form, max, fix } of values) {
    const value = jsonMember(annotations, limitAnnotations[limit]);
    if (value === undefined) continue;
    const text = annotationText(value);
    const number = form.test(text) ? Number(text) : 0;
    if (number <= 0 || number > max)
      return { problem: `annotation ${limitAnnotations[limit]} is ${quote(text)}: ${fix}` };
    limits = { ...limits, [limit]: number };
  }
  return limits;
}

/** Returns the value of an annotation as text. Annotations are strings in the API; in a manifest they can be anything. */
export function annotationText(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}
