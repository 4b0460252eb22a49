import type { ConnectorRef } from '../../shared/connectors/model.js';
import type { ProxyErrorKind } from '../proxy-error.js';

/** Receives the results of requests to Connectors that concern credential or connection. */
export type UseListener = (connector: ConnectorRef, isServed: boolean) => void;

/** Failures that the status of the Connector must show. */
const ownFailures: ReadonlySet<string> = new Set<ProxyErrorKind>([
  'misconfigured',
  'dns',
  'connect',
  'tls',
  'timeout',
  'reset',
  'protocol',
]);

/**
 * Reports whether the tool served a request with the Connector's credential.
 * @param outcome of the request, as logged.
 * @returns undefined if the outcome does not show it. A `403` or `404` concerns the requested resource.
 */
export function isServed(outcome: 'ok' | 'aborted' | ProxyErrorKind, status: number): boolean | undefined {
  if (outcome === 'ok') return status === 401 ? false : status < 400 ? true : undefined;
  return ownFailures.has(outcome) ? false : undefined;
}
