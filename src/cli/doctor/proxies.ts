import { originOf } from '../../driver/content/proxy-endpoint.js';
import type { Connector, ConnectorClass } from '../../shared/connectors/model.js';
import type { JsonValue } from '../../shared/json.js';
import { jsonMember } from '../../shared/json.js';
import { sendConnect } from './send-connect.js';
import { checkCertificate } from '../../shared/doctor/certificate-life.js';
import type { ConnectorObjects } from '../../shared/doctor/cluster-objects.js';
import { connectorName, firstOf } from '../../shared/doctor/cluster-objects.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, ok, reasonOf, unchecked, warn } from '../../shared/doctor/check-result.js';

const check = 'proxies';
const caCheck = 'proxy-ca';
/** Limit of proxies that are called: each can take seconds to time out. */
const maxChecked = 20;

/** A proxy that volumes use. */
interface UsedProxy {
  readonly owners: string[];
  /** The CAs that the owners declare, valid or not; '' for none. */
  readonly caCerts: Set<string>;
}

/**
 * Checks that the proxies of the cluster's connectors respond to this node as to a pod, and that the CAs of volumes are
 * valid. `doctor --proxy` in a proxy's container checks the proxy itself.
 * @param objects a failure to read them becomes a line.
 */
export async function checkProxies(objects: Promise<ConnectorObjects>, nowMs: number): Promise<readonly CheckResult[]> {
  let known: ConnectorObjects;
  try {
    known = await objects;
  } catch (error) {
    return [unchecked(check, error)];
  }
  const proxies = [...proxiesOf(known)];
  const checked = proxies.slice(0, maxChecked);
  const responses = await Promise.all(checked.map(([origin, proxy]) => checkProxy(origin, proxy)));
  const problems = [...unaddressed(known), ...responses.flatMap((result) => result ?? [])];
  const count = checked.length === 1 ? 'the proxy' : `all ${checked.length} proxies`;
  const all =
    proxies.length === 0 ? 'no connector has the address of one' : `${count} of the connectors asked for a token`;
  return [
    ...(problems.length === 0 ? [ok(check, all)] : problems),
    ...proxies.flatMap(([origin, proxy]) => checkCas(origin, proxy, nowMs)),
  ];
}

/** Groups connectors and classes by scheme, host and port of their proxy. */
function proxiesOf({ connectors, classes }: ConnectorObjects): ReadonlyMap<string, UsedProxy> {
  const known = new Map<string, UsedProxy>();
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

/** Reports connectors whose proxy address is not written yet. */
function unaddressed({ connectors, classes }: ConnectorObjects): readonly CheckResult[] {
  const waiting = connectors.filter(
    ({ className, proxyAddress }) => proxyAddress === undefined && classes.get(className)?.proxy !== undefined,
  );
  if (waiting.length === 0) return [];
  const problem = `${firstOf(waiting.map(connectorName))} without the address of a proxy, so that pods wait for it`;
  const fix = 'does the proxy run that spec.proxy.ref of the class names? "doctor --proxy" in its container says more';
  return [fail(check, problem, fix)];
}

/** Calls the proxy. @returns undefined if it responds as expected. */
async function checkProxy(origin: string, { owners, caCerts }: UsedProxy): Promise<CheckResult | undefined> {
  const what = `${origin} of ${firstOf(owners)}`;
  try {
    const bundle = [...caCerts].join('\n');
    const status = await sendConnect(origin, bundle === '' ? undefined : bundle);
    if (status === 407) return undefined;
    const answer =
      status === undefined ? 'does not speak HTTP' : `answers ${status} where a proxy asks for a token (407)`;
    return warn(check, `${what} ${answer}`, 'is that the port of the proxy, or does a service mesh or gateway answer?');
  } catch (error) {
    const fix = 'does the proxy run, has its Service endpoints, and does a NetworkPolicy stand between?';
    return fail(check, `${what} cannot be reached from this node: ${reasonOf(error)}`, fix);
  }
}

function checkCas(origin: string, { caCerts }: UsedProxy, nowMs: number): readonly CheckResult[] {
  const given = [...caCerts].filter((bundle) => bundle !== '');
  const fix = 'replace the CA of the proxy; its status then distributes the new one';
  const lines = given.map((bundle) => checkCertificate(caCheck, `the CA of ${origin}`, bundle, nowMs, fix));
  if (given.length < 2) return lines;
  const problem = `connectors hand out ${given.length} CAs of ${origin}, of which the proxy has one`;
  return [
    ...lines,
    warn(caCheck, problem, 'check that a replica of the proxy has the Lease and writes the status of its Connectors'),
  ];
}
