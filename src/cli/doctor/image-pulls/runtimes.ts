import { request } from 'node:https';
import path from 'node:path';
import type { Clock } from '../../../clock.js';
import { CodedError } from '../../../errors.js';
import { certificateBlocks } from '../../../pem.js';
import { caFileName, hostsFileName, proxyOriginIn } from '../../image-pulls/node-files.js';
import { checkCertificate } from '../certificate-life.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, reasonOf } from '../check-result.js';
import { checkClock, clockSampleOf } from '../server-clock.js';
import type { ClockSample } from '../server-clock.js';
import type { HostRoot, NodeProcess } from './host-root.js';

interface RuntimeConfig {
  readonly registry: string;
  readonly 'containerd-dir': string;
  readonly 'crio-dir': string;
}

/** Where and with which CA a container runtime reaches the proxy. */
interface Route {
  /** File that has the address. */
  readonly from: string;
  readonly origin: string;
  /** Address of the host of `origin`; undefined if that is an address. */
  readonly address?: string;
  readonly caFile: string;
}

const timeoutMs = 5_000;
const agentFix = 'see the log of the pod of DaemonSet connectors-image-pulls on this node';

/** Checks the files of the container runtime in use, and that the proxy responds to a request with them. */
export async function checkRuntimes(
  root: HostRoot,
  processes: readonly NodeProcess[],
  config: RuntimeConfig,
  clock: Clock,
): Promise<readonly CheckResult[]> {
  const isCrio = processes.some(({ words: [first = ''] }) => path.basename(first) === 'crio');
  const cas = checkCas(root, config, clock.now());
  let route: Route;
  let ca: string;
  try {
    route = isCrio ? crioRoute(root, config) : containerdRoute(root, config);
    ca = read(root, route.caFile);
  } catch (error) {
    return [fail('runtime', reasonOf(error), agentFix), ...cas];
  }
  const found = ok('runtime', `${route.from} leads ${config.registry} to ${route.address ?? route.origin}`);
  return [found, ...(await checkProxy(route, ca, clock)), ...cas];
}

function containerdRoute(root: HostRoot, { registry, 'containerd-dir': directory }: RuntimeConfig): Route {
  const folder = path.join(directory, registry);
  const from = path.join(folder, hostsFileName);
  const hosts = read(root, from);
  const origin = proxyOriginIn(hosts) ?? '';
  if (!URL.canParse(origin) || new URL(origin).protocol !== 'https:')
    throw new CodedError('FAILED_PRECONDITION', `${from} has no [host."https://ADDRESS"] of the proxy`);
  return { from, origin: new URL(origin).origin, caFile: path.resolve(folder, caFileIn(hosts) ?? caFileName) };
}

/** Returns the first file of `ca` in a hosts.toml. */
export function caFileIn(hostsToml: string): string | undefined {
  return /^\s*ca\s*=\s*\[?\s*["']([^"']+)["']/m.exec(hostsToml)?.[1];
}

/** CRI-O has no configuration that leads a name elsewhere with the credential, so /etc/hosts does. */
function crioRoute(root: HostRoot, { registry, 'crio-dir': directory }: RuntimeConfig): Route {
  const from = '/etc/hosts';
  const origin = `https://${registry}`;
  const address = addressIn(read(root, from), new URL(origin).hostname);
  if (address === undefined)
    throw new CodedError('FAILED_PRECONDITION', `${from} has no address of ${registry}, which CRI-O needs`);
  return { from, origin, address, caFile: path.join(directory, registry, caFileName) };
}

/** Returns the first address of a name in a text as /etc/hosts. */
export function addressIn(hosts: string, name: string): string | undefined {
  const lines = hosts.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  return lines.find(([, ...names]) => names.includes(name))?.[0];
}

/** The request of a container runtime that has no credential yet, which checks address, TLS and CA at once. */
async function checkProxy(route: Route, ca: string, clock: Clock): Promise<readonly CheckResult[]> {
  const check = 'image-proxy';
  const what = `${route.origin}${route.address === undefined ? '' : ` (${route.address})`}`;
  try {
    const { status, server, sample } = await ask(route, ca, clock);
    if (status !== 401 || server !== 'connectors-proxy') {
      const problem = `${what} answers ${status} of "${server}" where the proxy asks for a token (401)`;
      return [fail(check, problem, `does ${route.from} name the Service of the proxy, and its port with TLS?`)];
    }
    return [
      ok(check, `${what} asks for a token, with a certificate of ${route.caFile}`),
      checkClock('the proxy', [sample]),
    ];
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const isCertificate = /CERT|SIGNATURE|^ERR_TLS/.test(code);
    const fix = isCertificate
      ? `is ${route.caFile} the CA of the proxy, and has its certificate this name (--tls-names)? ${agentFix}`
      : 'has the Service endpoints, is the address current, and does a NetworkPolicy stand between?';
    return [fail(check, `${what} cannot be reached with ${route.caFile}: ${reasonOf(error)}`, fix)];
  }
}

function ask(
  { origin, address }: Route,
  ca: string,
  clock: Clock,
): Promise<{ readonly status: number; readonly server: string; readonly sample: ClockSample }> {
  const { hostname, host, port } = new URL(origin);
  const name = hostname.replaceAll(/[[\]]/g, '');
  return new Promise((resolve, reject) => {
    const call = request({
      ...{ host: address ?? name, port: Number(port) || 443, path: '/v2/', headers: { host }, agent: false, ca },
      ...(address === undefined ? {} : { servername: name }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      response.on('error', () => undefined);
      response.destroy();
      resolve({
        status,
        server: String(headers['server'] ?? '').slice(0, 100),
        sample: clockSampleOf(response, clock),
      });
    });
    call.end();
  });
}

/** Checks that the CAs of both runtimes are valid and the same. The DaemonSet writes both. */
function checkCas(root: HostRoot, config: RuntimeConfig, nowMs: number): readonly CheckResult[] {
  const check = 'image-ca';
  const fix = `replace the CA of the proxy; ${agentFix}`;
  try {
    const found = (['containerd-dir', 'crio-dir'] as const).flatMap((directory) => {
      const at = path.join(config[directory], config.registry, caFileName);
      const text = root.read(at)?.text;
      return text === undefined ? [] : [{ at, text }];
    });
    const bundles = new Set(found.map(({ text }) => certificateBlocks(text).join('\n')));
    if (bundles.size > 1) return [fail(check, `${found.map(({ at }) => at).join(' and ')} differ`, agentFix)];
    return found.slice(0, 1).map(({ at, text }) => checkCertificate(check, at, text, nowMs, fix));
  } catch (error) {
    return [fail(check, reasonOf(error), agentFix)];
  }
}

function read(root: HostRoot, at: string): string {
  const found = root.read(at);
  if (found === undefined) throw new CodedError('FAILED_PRECONDITION', `${at} does not exist`);
  return found.text;
}
