import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { CodedError } from '../../errors.js';
import { listed } from '../../wording.js';
import { conditionOf, conditionsIn, isFalse, readiness } from './conditions.js';
import type { ConditionResult } from './conditions.js';
import type { ProxyService } from './proxy-service.js';
import { defaultServiceName, isConnectorUrl, isFrontedBy } from './proxy-service.js';

/**
 * Whether this proxy writes the status of a Connector.
 * - `own`: its class names the proxy's Service, or is gone and the Connector has the proxy's address.
 * - `orphan`: its class does not exist, and no proxy has written an address. The proxy of the default Service reports
 * only that, unless another controller does.
 * - `left`: it was an orphan, and now has a class of another proxy or of none: the report has to be removed.
 */
export type Ownership = 'own' | 'orphan' | 'left' | 'foreign';

/** @param found undefined if the class does not exist; an error if it cannot be read. */
export function ownershipOf(
  connector: Connector,
  found: ConnectorClass | CodedError | undefined,
  service: ProxyService,
): Ownership {
  const { ref, proxyAddress } = connector;
  if (found instanceof CodedError || (found === undefined && proxyAddress !== undefined)) {
    return proxyAddress !== undefined && isConnectorUrl(proxyAddress.url, service, ref) ? 'own' : 'foreign';
  }
  if (found !== undefined) {
    if (isFrontedBy(found, service)) return 'own';
    return service.name === defaultServiceName && proxyAddress === undefined && isReportedMissing(connector)
      ? 'left'
      : 'foreign';
  }
  const isReported = conditionOf(conditionsIn(connector.object), 'ConnectorClassReady') !== undefined;
  return service.name === defaultServiceName && (!isReported || isReportedMissing(connector)) ? 'orphan' : 'foreign';
}

const missing = /^connectorclass \S+ does not exist: /;

/** Reports whether a proxy wrote the condition: other controllers have other messages. */
function isReportedMissing({ object }: Connector): boolean {
  const message = conditionOf(conditionsIn(object), 'ConnectorClassReady')?.['message'];
  return typeof message === 'string' && missing.test(message);
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
