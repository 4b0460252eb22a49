import type { Connector, ConnectorClass } from '../../shared/connectors/model.js';
import { CodedError } from '../../shared/errors.js';
import { listed } from '../../shared/wording.js';
import { isFalse, readiness } from './conditions.js';
import type { ConditionResult } from './conditions.js';
import type { ProxyService } from './proxy-service.js';
import { isConnectorUrl, isFrontedBy } from './proxy-service.js';

/**
 * Reports whether this proxy writes the status of a Connector: its class names the proxy's Service. If the class is gone
 * or malformed, the Connector has the proxy's address.
 * @param found undefined if the class does not exist; an error if it cannot be read.
 */
export function isOwn(
  { ref, proxyAddress }: Connector,
  found: ConnectorClass | CodedError | undefined,
  service: ProxyService,
): boolean {
  if (found === undefined || found instanceof CodedError)
    return proxyAddress !== undefined && isConnectorUrl(proxyAddress.url, service, ref);
  return isFrontedBy(found, service);
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
