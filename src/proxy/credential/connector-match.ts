import type { Connector } from '../../connectors/model.js';
import type { ToolAddress } from './tool-address.js';
import { addressesAt } from './tool-address.js';

export interface ConnectorMatch {
  readonly connector: Connector;
  readonly address: ToolAddress;
}

/** A host as a client names it. */
export interface NamedHost {
  /** `http` for a request in absolute form, which may be meant for a tool that speaks https. */
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

/**
 * The addresses of the connectors that are at this host and port, in the order of naming. A plain request to port 80 also
 * means an https address at its usual port: clients that were told that a registry is insecure come that way.
 */
export function matchesOfHost(connectors: readonly Connector[], named: NamedHost): readonly ConnectorMatch[] {
  const matches: ConnectorMatch[] = [];
  for (const connector of connectors) {
    for (const address of addressesAt(connector, named.host)) {
      if (isAt(address, named)) matches.push({ connector, address });
    }
  }
  return matches;
}

/**
 * Of these, the one whose path is the request's path or the nearest of its parents; of equals the one named first.
 * @param path of the request, without query, and without a `pathProblem`.
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

function isAt(address: ToolAddress, { scheme, port }: NamedHost): boolean {
  const isUpgrade = scheme === 'http' && port === 80 && address.scheme === 'https' && address.port === 443;
  return address.port === port || isUpgrade;
}

/** By whole segments. */
function isWithin(path: string, parent: string): boolean {
  return path.startsWith(parent) && (path.length === parent.length || path[parent.length] === '/');
}
