import type { ConnectorRef } from '../../connectors/model.js';
import type { ProxyErrorKind } from '../proxy-error.js';

/** Told how requests to Connectors ended, where that says something about credential or connection. */
export type UseListener = (connector: ConnectorRef, isServed: boolean) => void;

/** Failures that the status of the Connector has to tell. */
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
 * Whether the tool served a request with the Connector's credential.
 * @param outcome of the request, as logged.
 * @returns undefined if that cannot be told. A `403` or `404` is about what was requested.
 */
export function isServed(outcome: 'ok' | 'aborted' | ProxyErrorKind, status: number): boolean | undefined {
  if (outcome === 'ok') return status === 401 ? false : status < 400 ? true : undefined;
  return ownFailures.has(outcome) ? false : undefined;
}
