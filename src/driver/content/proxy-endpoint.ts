import { DriverError } from '../../errors.js';
import type { Secret } from '../../secret.js';
import type { ConnectorRef, ProxyAddress, ResolvedConnector } from '../../connectors/model.js';

/** Proxies cap the size of request headers; the user name travels in one of them. */
const maxUserBytes = 6 * 1024;

/** The proxy that a volume's tools talk to, and who they say they are. */
export interface ProxyEndpoint {
  readonly address: ProxyAddress;
  /** `http` or `https`. */
  readonly scheme: string;
  /** `host[:port]` as written in the address. */
  readonly authority: string;
  /** The connectors that this proxy serves for the volume, in mount order. */
  readonly connectors: readonly ConnectorRef[];
}

/**
 * Chooses the proxy of a volume (README.md, "Files"). Connectors whose class has no `spec.proxy` need none and
 * do not take part. One connector: its own address. Several: the address of the last one's class, else the last one's
 * own; then every connector whose class resolves to the same scheme, host and port is listed.
 * @returns undefined when no connector needs a proxy.
 * @throws {DriverError} UNAVAILABLE for a connector without an address yet, FAILED_PRECONDITION for a malformed one.
 */
export function chooseProxyEndpoint(resolved: readonly ResolvedConnector[]): ProxyEndpoint | undefined {
  const proxied = resolved.filter(({ connectorClass }) => connectorClass.hasProxy);
  const candidates = proxied.map((entry) => candidateOf(entry, proxied.length > 1));
  const chosen = candidates.at(-1);
  if (chosen === undefined) return undefined;
  return {
    address: chosen.address,
    scheme: chosen.scheme,
    authority: chosen.authority,
    connectors: candidates
      .filter(({ scheme, authority }) => scheme === chosen.scheme && authority === chosen.authority)
      .map(({ ref }) => ref),
  };
}

function candidateOf(
  { connector, connectorClass }: ResolvedConnector,
  isOneOfSeveral: boolean,
): Omit<ProxyEndpoint, 'connectors'> & { readonly ref: ConnectorRef } {
  const { ref } = connector;
  if (connector.proxyAddress === undefined) {
    throw new DriverError(
      'UNAVAILABLE',
      `connector ${ref.namespace}/${ref.name} is not reconciled yet: status.proxy.httpAddress is not set`,
    );
  }
  const classAddress = isOneOfSeveral ? connectorClass.proxyAddress : undefined;
  const address = classAddress ?? connector.proxyAddress;
  const owner = classAddress ? `connectorclass ${connectorClass.name}` : `connector ${ref.namespace}/${ref.name}`;
  return { ref, address, ...splitUrl(address.url, owner) };
}

const hostPattern = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]`;
const urlPattern = new RegExp(String.raw`^(https?)://((?:${hostPattern})(?::(\d{1,5}))?)(?:[/?#]\S*)?$`, 'i');

/** Takes a URL apart without normalising it: what the proxy's owner wrote is what the tools get. */
function splitUrl(url: string, owner: string): { scheme: string; authority: string } {
  const [, scheme, authority, port] = urlPattern.exec(url) ?? [];
  const isUsable = URL.canParse(url) && (port === undefined || Number(port) > 0);
  if (scheme === undefined || authority === undefined || !isUsable) {
    throw new DriverError(
      'FAILED_PRECONDITION',
      `${owner}: status.proxy.httpAddress.url must be an http or https URL without credentials, such as http://proxy.example:8080`,
    );
  }
  return { scheme: scheme.toLowerCase(), authority };
}

/**
 * `scheme://USER:TOKEN@host[:port]` without a path; USER is `namespace%2Fname`, several joined by commas.
 * @throws {DriverError} INVALID_ARGUMENT when USER is over 6 KiB.
 */
export function proxyUrl(endpoint: ProxyEndpoint, token: Secret): string {
  const user = endpoint.connectors.map(({ namespace, name }) => encodeUserinfo(`${namespace}/${name}`)).join(',');
  if (user.length > maxUserBytes) {
    throw new DriverError(
      'INVALID_ARGUMENT',
      `attribute "connectors": the proxy user name that lists ${endpoint.connectors.length} connectors is over ${maxUserBytes} bytes; mount fewer connectors in one volume`,
    );
  }
  return `${endpoint.scheme}://${user}:${encodeUserinfo(token.expose())}@${endpoint.authority}`;
}

/** Percent-encodes all but RFC 3986's unreserved characters; `~` too, which a shell would expand. */
function encodeUserinfo(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
