import type { Connector } from '../../connectors/model.js';
import type { ToolAddress } from './tool-address.js';
import { addressesOf } from './tool-address.js';

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
  return connectors.flatMap((connector) =>
    addressesOf(connector)
      .filter((address) => isAt(address, named))
      .map((address) => ({ connector, address })),
  );
}

/**
 * Of these, the one whose path is the request's path or the nearest of its parents; of equals the one named first.
 * @param path of the request, without query.
 */
export function bestMatch(matches: readonly ConnectorMatch[], path: string): ConnectorMatch | undefined {
  const candidates = matches.filter(({ address }) => address.path === '' || isWithin(path, address.path));
  return candidates.reduce<ConnectorMatch | undefined>(
    (best, each) => (best === undefined || each.address.path.length > best.address.path.length ? each : best),
    undefined,
  );
}

function isAt(address: ToolAddress, { scheme, host, port }: NamedHost): boolean {
  if (address.host !== host) return false;
  const isUpgrade = scheme === 'http' && port === 80 && address.scheme === 'https' && address.port === 443;
  return address.port === port || isUpgrade;
}

/** By whole segments. A path that leads out of its parents, however it is written, is within none of them. */
function isWithin(path: string, parent: string): boolean {
  return (path === parent || path.startsWith(`${parent}/`)) && !hasDotSegment(path);
}

/** Servers differ in how often they decode a path and in what they take for a separator, so all of it counts. */
export function hasDotSegment(path: string): boolean {
  let text = path;
  for (let round = 0; round < maxDecodings; round += 1) {
    if (/(^|[/\\])\.{1,2}([/\\;]|$)/.test(text)) return true;
    const decoded = text.replaceAll(/%([0-9a-fA-F]{2})/g, (_whole, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}

/** More than any server does. */
const maxDecodings = 5;
