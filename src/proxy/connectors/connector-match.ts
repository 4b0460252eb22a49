import type { ResolvedConnector } from '../../shared/connectors/model.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import type { ToolAddress } from './tool-address.ts';
import { addressesOf } from './tool-address.ts';

/** A connector and the address of it that a client has named. */
export interface ConnectorMatch extends ResolvedConnector {
  readonly address: ToolAddress;
}

/**
 * Returns the connectors' addresses at this host and port, in the order of the connectors. A plain request to port 80
 * also matches an https address at port 443: clients send it if a registry is configured as insecure.
 * @param named with the scheme `http` for a request to an `http://` URL and for a tunnel to port 80, even if the tool uses
 * https.
 */
export function matchesOfHost(connectors: readonly ResolvedConnector[], named: ToolOrigin): readonly ConnectorMatch[] {
  const matches: ConnectorMatch[] = [];
  for (const { connector, connectorClass } of connectors) {
    for (const address of addressesOf(connector)) {
      if (isAt(address, named)) matches.push({ connector, connectorClass, address });
    }
  }
  return matches;
}

/**
 * Returns the match whose path is the longest prefix of the request's path; of equals, the first.
 * @param path of the request, without query and without a `pathProblem`.
 */
export function bestMatch(matches: readonly ConnectorMatch[], path: string): ConnectorMatch | undefined {
  let best: ConnectorMatch | undefined;
  for (const each of matches) {
    const { length } = each.address.path;
    const isNearer = best === undefined || length > best.address.path.length;
    if (isNearer && (length === 0 || isWithin(path, each.address.path))) best = each;
  }
  return best;
}

function isAt(address: ToolAddress, { scheme, host, port }: ToolOrigin): boolean {
  const isUpgrade = scheme === 'http' && port === 80 && address.scheme === 'https' && address.port === 443;
  return address.host === host && (address.port === port || isUpgrade);
}

/** Compares whole segments. */
export function isWithin(path: string, parent: string): boolean {
  return path.startsWith(parent) && (path.length === parent.length || path[parent.length] === '/');
}
