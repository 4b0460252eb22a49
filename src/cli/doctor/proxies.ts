import { originOf } from '../../driver/content/proxy-endpoint.js';
import type { Connector, ConnectorClass } from '../../connectors/model.js';
import type { JsonValue } from '../../json.js';
import { jsonMember } from '../../json.js';
import { askProxy } from './ask-proxy.js';
import { judgeCertificate } from './certificate-life.js';
import type { ConnectorObjects } from './connector-objects.js';
import { connectorName, firstOf } from './connector-objects.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf, warn } from './check-result.js';

const check = 'proxies';
const caCheck = 'proxy-ca';
/** Each may take seconds to say nothing. */
const maxAsked = 20;

/** A proxy that volumes lead to. */
interface KnownProxy {
  readonly owners: string[];
  /** What the owners give as its CA, be it a certificate or not; none: ''. */
  readonly caCerts: Set<string>;
}

/**
 * Whether the proxies that the cluster's connectors lead to answer, asked from this node as a pod would, and whether what
 * volumes get as their CA can be used. What a proxy itself knows is told by `doctor --proxy` in its container.
 * @param objects a failure to read them is told.
 */
export async function checkProxies(objects: Promise<ConnectorObjects>, nowMs: number): Promise<readonly CheckResult[]> {
  let known: ConnectorObjects;
  try {
    known = await objects;
  } catch (error) {
    return [
      fail(check, `cannot be told: ${reasonOf(error)}`, 'mend the lines about the API server and about rights first'),
    ];
  }
  const proxies = [...proxiesOf(known)];
  const asked = proxies.slice(0, maxAsked);
  const answers = await Promise.all(asked.map(([origin, proxy]) => ask(origin, proxy)));
  const problems = [...unaddressed(known), ...answers.flatMap((result) => result ?? [])];
  const count = asked.length === 1 ? 'the proxy' : `all ${asked.length} proxies`;
  const all =
    proxies.length === 0 ? 'no connector has the address of one' : `${count} of the connectors asked for a token`;
  return [
    ...(problems.length === 0 ? [ok(check, all)] : problems),
    ...proxies.flatMap(([origin, proxy]) => judgeCa(origin, proxy, nowMs)),
  ];
}

/** By scheme, host and port. */
function proxiesOf({ connectors, classes }: ConnectorObjects): ReadonlyMap<string, KnownProxy> {
  const known = new Map<string, KnownProxy>();
  const add = ({ proxyAddress, object }: Connector | ConnectorClass, owner: string): void => {
    const origin = proxyAddress && originOf(proxyAddress.url);
    if (origin === undefined) return;
    const proxy = known.get(origin) ?? { owners: [], caCerts: new Set() };
    proxy.owners.push(owner);
    const path = ['status', 'proxy', 'httpAddress', 'CACerts'];
    const caCerts = path.reduce<JsonValue | undefined>((holder, key) => jsonMember(holder, key), object);
    proxy.caCerts.add(typeof caCerts === 'string' ? caCerts.trim() : '');
    known.set(origin, proxy);
  };
  for (const connector of connectors) {
    if (classes.get(connector.className)?.proxy !== undefined) add(connector, connectorName(connector));
  }
  for (const each of classes.values()) add(each, `connectorclass ${each.name}`);
  return known;
}

/** Connectors that wait for somebody to write where their proxy is. */
function unaddressed({ connectors, classes }: ConnectorObjects): readonly CheckResult[] {
  const waiting = connectors.filter(
    ({ className, proxyAddress }) => proxyAddress === undefined && classes.get(className)?.proxy !== undefined,
  );
  if (waiting.length === 0) return [];
  const problem = `${firstOf(waiting.map(connectorName))} without the address of a proxy, so that pods wait for it`;
  const fix = 'does the proxy run that spec.proxy.ref of the class names? "doctor --proxy" in its container says more';
  return [fail(check, problem, fix)];
}

/** Undefined: all is well. */
async function ask(origin: string, { owners, caCerts }: KnownProxy): Promise<CheckResult | undefined> {
  const what = `${origin} of ${firstOf(owners)}`;
  try {
    const bundle = [...caCerts].join('\n');
    const status = await askProxy(origin, bundle === '' ? undefined : bundle);
    if (status === 407) return undefined;
    const answer =
      status === undefined ? 'does not speak HTTP' : `answers ${status} where a proxy asks for a token (407)`;
    return warn(check, `${what} ${answer}`, 'is that the port of the proxy, or does a service mesh or gateway answer?');
  } catch (error) {
    const fix = 'does the proxy run, has its Service endpoints, and does a NetworkPolicy stand between?';
    return fail(check, `${what} cannot be reached from this node: ${reasonOf(error)}`, fix);
  }
}

function judgeCa(origin: string, { caCerts }: KnownProxy, nowMs: number): readonly CheckResult[] {
  const given = [...caCerts].filter((bundle) => bundle !== '');
  const fix = 'replace the CA of the proxy; whoever writes its status hands the new one out';
  const lines = given.map((bundle) => judgeCertificate(caCheck, `the CA of ${origin}`, bundle, nowMs, fix));
  if (given.length < 2) return lines;
  const problem = `connectors hand out ${given.length} CAs of ${origin}, of which the proxy has one`;
  return [
    ...lines,
    warn(caCheck, problem, '"doctor --proxy" in the container of the proxy names those that are out of date'),
  ];
}
