import type { JsonObject } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';
import type { ClassConditionType, ConditionResult } from './conditions.js';
import { classConditionTypes, conditionsIn } from './conditions.js';
import { classUrl, defaultServiceName, isFrontedBy } from './proxy-service.js';
import type { ProxyService } from './proxy-service.js';
import type { OwnStatus } from './status-change.js';

/**
 * Whether this proxy writes the status of a class.
 * - `own`: the class names the proxy's Service.
 * - `proxyless`: the class names no proxy. The proxy of the default Service reports that, unless another controller has
 * written conditions.
 * - `left`: this proxy wrote the status, and the class now names another proxy.
 */
export type ClassOwnership = 'own' | 'proxyless' | 'left' | 'foreign';

export function classOwnershipOf(object: JsonObject, service: ProxyService): ClassOwnership {
  if (isFrontedBy({ object }, service)) return 'own';
  const conditions = classConditionsIn(object);
  const isOurs = hasOwnAddress(object, service) || conditions.some((each) => isReportedBy(each, service));
  const isUnreported = conditions.length === 0 && jsonMember(object['status'], 'proxy') === undefined;
  if (isProxyless(object) && service.name === defaultServiceName && (isOurs || isUnreported)) return 'proxyless';
  return isOurs ? 'left' : 'foreign';
}

/** Reports whether the class names no proxy at all, so that it has constant files only. */
export function isProxyless(object: JsonObject): boolean {
  return (jsonMember(object['spec'], 'proxy') ?? null) === null;
}

export interface ClassProblems {
  /** Why the class cannot be used. */
  readonly ofClass: string | undefined;
  /** A mistake in a generator of the class, or `NotChecked`. */
  readonly ofGenerator: ConditionResult | undefined;
  /** Why the proxy has no CA. */
  readonly ofCa: string | undefined;
}

/** Returns the conditions of a class that is `own` or `proxyless`. Their messages name the Service that reports them. */
export function classResults(
  object: JsonObject,
  { ofClass, ofGenerator, ofCa }: ClassProblems,
  service: ProxyService,
): readonly ConditionResult[] {
  const reported = (text = ''): string => `${text}${text === '' ? '' : '; '}${marker(service)}`;
  const proxy: ConditionResult = isProxyless(object)
    ? { type: 'ProxyReady', status: 'True', reason: 'NonProxy', message: reported() }
    : ofCa === undefined
      ? { type: 'ProxyReady', status: 'True', reason: 'Ready', message: reported() }
      : { type: 'ProxyReady', status: 'False', reason: 'NoCA', message: reported(ofCa) };
  const ready: ConditionResult =
    ofClass !== undefined
      ? { type: 'Ready', status: 'False', reason: 'Unusable', message: reported(ofClass) }
      : ofGenerator !== undefined
        ? { ...ofGenerator, message: reported(ofGenerator.message) }
        : { ...proxy, type: 'Ready', reason: proxy.status === 'True' ? 'Ready' : proxy.reason };
  return [proxy, ready];
}

/** Returns the update that removes this proxy's part of the status of a class. */
export function withoutClassReport(object: JsonObject, service: ProxyService): OwnStatus {
  const conditions = conditionsIn(object);
  const others = conditions.filter((each) => !(isClassCondition(each) && isReportedBy(each, service)));
  return {
    ...(others.length === conditions.length ? {} : { conditions: others.length === 0 ? null : others }),
    ...withoutOwnAddress(object, service),
  };
}

/** Returns the update that removes the address of a class if it is this proxy's. */
export function withoutOwnAddress(object: JsonObject, service: ProxyService): OwnStatus {
  return hasOwnAddress(object, service) ? withoutAddress(object) : {};
}

/** Returns the update that removes the address of a proxy from a status. */
export function withoutAddress(object: JsonObject): OwnStatus {
  const proxy = jsonMember(object['status'], 'proxy');
  if (!isJsonObject(proxy)) return {};
  const isAlone = Object.keys(proxy).every((key) => key === 'httpAddress');
  return { proxy: isAlone ? null : { httpAddress: null } };
}

/** Reports whether the address in the status is this proxy's, with either scheme: an operator can change it. */
function hasOwnAddress(object: JsonObject, service: ProxyService): boolean {
  const url = jsonMember(jsonMember(jsonMember(object['status'], 'proxy'), 'httpAddress'), 'url');
  return (['http', 'https'] as const).some((scheme) => url === classUrl({ ...service, scheme }));
}

function classConditionsIn(object: JsonObject): readonly JsonObject[] {
  return conditionsIn(object).filter(isClassCondition);
}

function isClassCondition({ type }: JsonObject): boolean {
  return classConditionTypes.includes(type as ClassConditionType);
}

function isReportedBy({ message }: JsonObject, service: ProxyService): boolean {
  return typeof message === 'string' && (message === marker(service) || message.endsWith(`; ${marker(service)}`));
}

/** Managed fields are not cached, so the message shows who has written a condition. */
function marker({ namespace, name }: ProxyService): string {
  return `reported by Service ${namespace}/${name}`;
}
