import { CodedError } from '../../shared/errors.ts';
import { jsonAt, jsonText } from '../../shared/json.ts';
import type { Secret } from '../../shared/secret.ts';
import { quote } from '../../shared/message-text.ts';
import type { ConnectorClass, ConnectorRef, ProxyAddress, ResolvedConnector } from '../../shared/connectors/model.ts';
import { driverLimits } from '../limits.ts';
import { objectKey } from '../../shared/names.ts';

const maxUserBytes = driverLimits.volume.userBytes;

/** The operator's settings for proxies. */
export interface ProxyDefaults {
  /** Audience of tokens for proxies that name none. */
  readonly audience: string;
  /** URL of the proxy for connectors without one; undefined if there is none. */
  readonly proxyUrl: string | undefined;
}

/** The proxy of a volume's tools, and the connectors in its user name. */
export interface ProxyEndpoint {
  readonly address: ProxyAddress;
  /** `http` or `https`. */
  readonly scheme: string;
  /** `host[:port]` as written in the address. */
  readonly authority: string;
  /** Audience of the tokens that the proxy accepts. */
  readonly audience: string;
  /** PEM: CA certificates of the address and of the class. */
  readonly caCerts: string | undefined;
  /** The connectors that this proxy serves for the volume, in mount order. */
  readonly connectors: readonly ConnectorRef[];
}

/**
 * Chooses the proxy of a volume (docs/volumes.md, "Proxy URL"). Connectors whose class has no `spec.proxy` are ignored.
 *
 * - One connector: its own address.
 * - Several: the address of the last one's class, else the last one's own. All connectors whose class resolves to the
 *   same scheme, host and port are listed.
 *
 * @returns undefined if no connector needs a proxy.
 * @throws {CodedError} UNAVAILABLE for a connector without an address yet, FAILED_PRECONDITION for a malformed one, or
 * for connectors behind one proxy that need different tokens.
 */
export function chooseProxyEndpoint(
  resolved: readonly ResolvedConnector[],
  defaultAudience: string,
): ProxyEndpoint | undefined {
  const proxied = resolved.filter(({ connectorClass }) => connectorClass.proxy !== undefined);
  const candidates = proxied.map((entry) => candidateOf(entry, proxied.length > 1, defaultAudience));
  const chosen = candidates.at(-1);
  if (chosen === undefined) return undefined;
  const served = candidates.filter(
    ({ scheme, authority }) => scheme === chosen.scheme && authority === chosen.authority,
  );
  ensureOneAudience(served, chosen);
  const { address, scheme, authority, audience, connectorClass } = chosen;
  const caCerts = joinCaBundles(address.caCerts, connectorClass.proxy?.caCerts);
  return { address, scheme, authority, audience, caCerts, connectors: served.map(({ ref }) => ref) };
}

/** Joins two PEM bundles, unless the first contains the second. */
function joinCaBundles(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return first.includes(second.trim()) ? first : `${first.trimEnd()}\n${second}`;
}

/** Returns the audience of the tokens that the proxy at an address accepts. */
export function audienceOf(
  address: ProxyAddress | undefined,
  { proxy }: ConnectorClass,
  defaultAudience: string,
): string {
  return address?.audience ?? proxy?.audience ?? defaultAudience;
}

/** Rejects different audiences: the URL names all connectors of the proxy but contains one token. */
function ensureOneAudience(served: readonly Candidate[], chosen: Candidate): void {
  const other = served.find(({ audience }) => audience !== chosen.audience);
  if (other === undefined) return;
  const [first, second] = [other, chosen].map(({ ref, audience }) => `${objectKey(ref)} (audience ${quote(audience)})`);
  const message = `connectors ${first} and ${second} are behind the same proxy but expect tokens for different audiences, and .env has one: mount them in volumes of their own`;
  throw new CodedError('FAILED_PRECONDITION', message);
}

/** The proxy of one connector. */
interface Candidate extends Pick<ProxyEndpoint, 'address' | 'scheme' | 'authority' | 'audience'> {
  readonly ref: ConnectorRef;
  readonly connectorClass: ConnectorClass;
}

function candidateOf(
  { connector, connectorClass }: ResolvedConnector,
  isOneOfSeveral: boolean,
  defaultAudience: string,
): Candidate {
  const { ref } = connector;
  if (connector.proxyAddress === undefined) {
    const message = `connector ${objectKey(ref)} is not reconciled yet: status.proxy.httpAddress is not set; ${writerOf(connectorClass)} writes it`;
    throw new CodedError('UNAVAILABLE', message);
  }
  const classAddress = isOneOfSeveral ? connectorClass.proxyAddress : undefined;
  const address = classAddress ?? connector.proxyAddress;
  const owner = classAddress ? `connectorclass ${connectorClass.name}` : `connector ${objectKey(ref)}`;
  const audience = audienceOf(address, connectorClass, defaultAudience);
  return { ref, address, audience, connectorClass, ...splitUrl(address.url, owner) };
}

/** Returns the writer of the status of a class's Connectors. */
function writerOf({ name, proxy, object }: ConnectorClass): string {
  if (proxy?.hasRef !== true) return `connectorclass ${name} has no spec.proxy.ref, so the operator of its proxy`;
  const ref = jsonAt(object['spec'], 'proxy', 'ref');
  const [namespace, service] = [jsonText(ref, 'namespace'), jsonText(ref, 'name')];
  return `the proxy of connectorclass ${name}, Service ${quote(`${namespace ?? ''}/${service ?? ''}`)},`;
}

const hostPattern = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]`;
const urlPattern = new RegExp(String.raw`^(https?)://((?:${hostPattern})(?::(\d{1,5}))?)(?:[/?#]\S*)?$`, 'i');

/** Splits a URL without normalizing it: tools get exactly the address that the proxy's owner wrote. */
function splitUrl(url: string, owner: string): { scheme: string; authority: string } {
  const parts = partsOf(url);
  if (parts === undefined) {
    const message = `${owner}: status.proxy.httpAddress.url must be an http or https URL without credentials, such as http://proxy.example:8080`;
    throw new CodedError('FAILED_PRECONDITION', message);
  }
  return parts;
}

/** Returns `scheme://host[:port]` of a proxy's address; undefined if it is not http or https, or has credentials. */
export function originOf(url: string): string | undefined {
  const parts = partsOf(url);
  return parts && `${parts.scheme}://${parts.authority}`;
}

function partsOf(url: string): { readonly scheme: string; readonly authority: string } | undefined {
  const [, scheme, authority, port] = urlPattern.exec(url) ?? [];
  const isUsable = URL.canParse(url) && (port === undefined || Number(port) > 0);
  if (scheme === undefined || authority === undefined || !isUsable) return undefined;
  return { scheme: scheme.toLowerCase(), authority };
}

/**
 * Returns `scheme://USER:TOKEN@host:port` without a path; USER is `namespace%2Fname`, several joined by commas. The
 * port is always present, because libcurl (curl, git) defaults to 1080 for a proxy.
 * @throws {CodedError} INVALID_ARGUMENT if USER is over 6 KiB.
 */
export function proxyUrl(endpoint: ProxyEndpoint, token: Secret): string {
  const user = endpoint.connectors.map(({ namespace, name }) => encodeUserinfo(`${namespace}/${name}`)).join(',');
  if (user.length > maxUserBytes) {
    const message = `attribute "connectors": the proxy user name that lists ${endpoint.connectors.length} connectors is over ${maxUserBytes} bytes; mount fewer connectors in one volume`;
    throw new CodedError('INVALID_ARGUMENT', message);
  }
  return `${endpoint.scheme}://${user}:${encodeUserinfo(token.expose())}@${withPort(endpoint)}`;
}

function withPort({ scheme, authority }: ProxyEndpoint): string {
  return /:\d+$/.test(authority) ? authority : `${authority}:${scheme === 'https' ? 443 : 80}`;
}

/** Percent-encodes all but RFC 3986's unreserved characters, and `~`, which a shell would expand. */
function encodeUserinfo(text: string): string {
  if (/^[-.\w]*$/.test(text)) return text;
  return encodeURIComponent(text).replaceAll(
    /[!'()*~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
