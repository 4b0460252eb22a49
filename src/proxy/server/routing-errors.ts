import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { AddressProblem } from '../connectors/tool-address.ts';
import { ProxyError } from '../proxy-error.ts';

/** Returns the error for connectors that do not exist. */
export function missing(refs: readonly ConnectorRef[]): ProxyError {
  return new ProxyError(502, 'misconfigured', `connector ${refs.map(textOf).join(', ')} does not exist`);
}

/** Returns the error for a Connector without a usable address. */
export function withoutAddress(ref: ConnectorRef, { message }: AddressProblem): ProxyError {
  return new ProxyError(502, 'misconfigured', `${message} (connector ${textOf(ref)})`);
}

/** @param problem see `pathProblem`. */
export function ambiguousPath(problem: string): ProxyError {
  return new ProxyError(400, 'malformed', `the path may lead out of the connector, since ${problem}`);
}

/** Returns `NAMESPACE/NAME`. */
export function textOf({ namespace, name }: ConnectorRef): string {
  return `${namespace}/${name}`;
}
