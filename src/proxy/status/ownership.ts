import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { CodedError } from '../../errors.js';
import { listed } from '../../wording.js';
import { isProxyless } from './class-conditions.js';
import { conditionOf, conditionsIn, isFalse, isTrue, readiness } from './conditions.js';
import type { ConditionResult } from './conditions.js';
import type { ProxyService } from './proxy-service.js';
import { defaultServiceName, isConnectorUrl, isFrontedBy } from './proxy-service.js';

/**
 * Whether this proxy writes the status of a Connector.
 * - `own`: its class names the proxy's Service, or is gone and the Connector has the proxy's address.
 * - `orphan`: its class does not exist, and no proxy has written an address. The proxy of the default Service reports
 * only that, unless another controller does.
 * - `proxyless`: its class names no proxy. The proxy of the default Service reports only that, unless another controller
 * does.
 * - `left`: this proxy has written the status, and the class is now another proxy's: the report has to be removed.
 */
export type Ownership = 'own' | 'orphan' | 'proxyless' | 'left' | 'foreign';

/** @param found undefined if the class does not exist; an error if it cannot be read. */
export function ownershipOf(
  connector: Connector,
  found: ConnectorClass | CodedError | undefined,
  service: ProxyService,
): Ownership {
  const { ref, proxyAddress } = connector;
  const hasOwnAddress = proxyAddress !== undefined && isConnectorUrl(proxyAddress.url, service, ref);
  if (found instanceof CodedError || (found === undefined && proxyAddress !== undefined))
    return hasOwnAddress ? 'own' : 'foreign';
  const isDefault = service.name === defaultServiceName;
  const isReported = conditionOf(conditionsIn(connector.object), 'ConnectorClassReady') !== undefined;
  const isOwnReport = isReportedMissing(connector) || isReportedProxyless(connector);
  if (found === undefined) return isDefault && (!isReported || isOwnReport) ? 'orphan' : 'foreign';
  if (isFrontedBy(found, service)) return 'own';
  const isOurs = hasOwnAddress || (isDefault && proxyAddress === undefined && isOwnReport);
  const isUnreported = !isReported && proxyAddress === undefined;
  if (isProxyless(found.object) && isDefault && (isOurs || isUnreported)) return 'proxyless';
  return isOurs ? 'left' : 'foreign';
}

const missing = /^connectorclass \S+ does not exist: /;

/** Reports whether a proxy wrote the condition: other controllers have other messages. */
function isReportedMissing({ object }: Connector): boolean {
  const message = conditionOf(conditionsIn(object), 'ConnectorClassReady')?.['message'];
  return typeof message === 'string' && missing.test(message);
}

const proxyless = /^connectorclass \S+ names no proxy: /;

function isReportedProxyless({ object }: Connector): boolean {
  const message = conditionOf(conditionsIn(object), 'ProxyServiceReady')?.['message'];
  return typeof message === 'string' && proxyless.test(message);
}

/** Returns the results for a Connector whose class names no proxy. Nothing uses its credential, so it is not read. */
export function proxylessResults({ className }: Connector): readonly ConditionResult[] {
  const message = `connectorclass ${className} names no proxy: pods get the files of its configurations only`;
  const results: readonly ConditionResult[] = [
    isTrue('ConnectorClassReady', 'Ready'),
    { ...isTrue('ProxyServiceReady', 'NonProxy'), message },
  ];
  return [...results, readiness(results)];
}

/**
 * Returns the results for a Connector whose class does not exist.
 * @param names of the existing classes.
 */
export function missingClassResults({ className }: Connector, names: Iterable<string>): readonly ConditionResult[] {
  const existing = [...names].sort();
  const fix =
    existing.length === 0
      ? 'no ConnectorClass exists, create it'
      : `create it, or change spec.connectorClassName to one that exists (${listed(existing)})`;
  const found = isFalse('ConnectorClassReady', 'NotFound', `connectorclass ${className} does not exist: ${fix}`);
  return [found, readiness([found])];
}
