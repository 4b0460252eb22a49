import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { connectorClassType, connectorType } from '../../shared/connectors/api-group.ts';
import type { ProxyAddress } from '../../shared/connectors/model.ts';
import { parseConnectorClass } from '../../shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { fail, ok, reasonOf, unchecked, warn } from '../../shared/doctor/check-result.ts';
import { responseTo } from '../../shared/doctor/response.ts';

const check = 'proxies';
/** Limit of proxies that are called: each can take seconds to time out. */
const maxChecked = 20;
/** Timeout of lookup, connection and response together, in milliseconds. */
const timeoutMs = 5_000;

/** Checks that the proxies of the cluster's Connectors and classes respond to this node as to a pod. */
export async function checkProxies(client: KubeClient, signal: AbortSignal): Promise<readonly CheckResult[]> {
  let proxies: ReadonlyMap<string, ReadonlySet<string>>;
  try {
    proxies = await proxiesOf(client, signal);
  } catch (error) {
    return [unchecked(check, error)];
  }
  if (proxies.size === 0) return [ok(check, 'no connector has the address of one')];
  const checked = [...proxies].slice(0, maxChecked);
  return Promise.all(checked.map(([origin, caCerts]) => checkProxy(origin, [...tls.rootCertificates, ...caCerts])));
}

/** Returns the CA certificates by scheme, host and port of the proxy. */
async function proxiesOf(client: KubeClient, signal: AbortSignal): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const proxies = new Map<string, Set<string>>();
  const add = async (
    type: ResourceType,
    parse: (object: JsonObject) => { readonly proxyAddress?: ProxyAddress },
  ): Promise<void> => {
    for await (const { items } of client.pages({ type }, {}, { signal, retry: false })) {
      for (const { url, caCerts } of items.flatMap((object) => addressIn(object, parse))) {
        const { origin } = new URL(url);
        const certificates = proxies.get(origin) ?? new Set();
        if (caCerts !== undefined) certificates.add(caCerts);
        proxies.set(origin, certificates);
      }
    }
  };
  await add(connectorType, parseConnector);
  await add(connectorClassType, parseConnectorClass);
  return proxies;
}

/** Returns the address of the proxy in an object; none if it is malformed and cannot be mounted. */
function addressIn(
  object: JsonObject,
  parse: (object: JsonObject) => { readonly proxyAddress?: ProxyAddress },
): readonly ProxyAddress[] {
  try {
    const { proxyAddress } = parse(object);
    return proxyAddress !== undefined && URL.canParse(proxyAddress.url) ? [proxyAddress] : [];
  } catch {
    return [];
  }
}

async function checkProxy(origin: string, ca: string[]): Promise<CheckResult> {
  try {
    const status = await statusOfConnect(new URL(origin), ca);
    if (status === 407) return ok(check, `${origin} asks for a token`);
    const problem = `${origin} answers ${status} where a proxy asks for a token (407)`;
    return warn(check, problem, 'is that the port of the proxy, or does a service mesh or gateway answer?');
  } catch (error) {
    const fix = 'does the proxy run, has its Service endpoints, and does a NetworkPolicy stand between?';
    return fail(check, `${origin} cannot be reached from this node: ${reasonOf(error)}`, fix);
  }
}

/** Sends a request without a token on the path of pods. A working proxy responds 407 before it does anything else. */
async function statusOfConnect({ protocol, hostname, port }: URL, ca: string[]): Promise<number> {
  const options = {
    method: 'CONNECT',
    // A host that no Connector can have (RFC 6761), so no credential is requested.
    path: 'doctor.invalid:443',
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
    ...(port === '' ? {} : { port }),
  };
  const call = protocol === 'https:' ? https.request({ ...options, ca }) : http.request(options);
  const { statusCode = 0 } = await responseTo(call);
  return statusCode;
}
