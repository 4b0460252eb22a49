import { parseGoDurationMs } from '../shared/duration.ts';
import { isPlainEnvValue, plainEnvCharacters } from './syntax/env-value.ts';
import { originOf } from './content/proxy-endpoint.ts';
import { limits } from '../shared/limits/defaults.ts';
import { driverLimits } from './limits.ts';
import {
  UsageError,
  absolutePath,
  goDuration,
  flag,
  oneOf,
  optionalPath,
  parseFlags,
  positiveInteger,
  required,
  heapBytes,
  sizeBytes,
  text,
  toggle,
} from '../shared/process/flags.ts';
import type { FlagValues } from '../shared/process/flags.ts';
import { commonFlags } from '../shared/process/common-flags.ts';

/** The kernel's limit of socket addresses; a longer path is truncated to another one. */
const maxSocketPathBytes = 107;

/** Every flag of `serve` with its default; docs/configuration.md has the same table, and a test compares the two. */
export const serveFlags = {
  endpoint: flag('unix:///csi/csi.sock', 'URL', 'CSI socket', socketPath, 'CSI_ENDPOINT'),
  'node-name': required('NAME', 'node id in the response to the kubelet', text, 'NODE_NAME'),
  'driver-name': flag('connectors-csi', 'NAME', "the CSIDriver object's name", driverName),
  'kubelet-dir': flag('/var/lib/kubelet', 'DIR', "the kubelet's root directory", absolutePath, 'KUBELET_DIR'),
  'registration-dir': flag(
    '<kubelet-dir>/plugins_registry',
    'DIR',
    'directory of the registration socket',
    absolutePath,
  ),
  'kubelet-endpoint': flag(
    '<kubelet-dir>/plugins/<driver-name>/csi.sock',
    'PATH',
    "the CSI socket's path as the kubelet sees it",
    absolutePath,
  ),
  'http-address': commonFlags['http-address'],
  'connector-source': flag('kubernetes', 'SOURCE', 'kubernetes or directory', oneOf(['kubernetes', 'directory'])),
  manifests: flag('', 'DIR', 'directory of YAML or JSON manifests, for --connector-source directory', optionalPath),
  kubeconfig: commonFlags.kubeconfig,
  namespace: flag(
    'connectors-system',
    'NAME',
    'namespace of the driver and of ConfigMap connectors-config',
    text,
    'POD_NAMESPACE',
  ),
  'token-audience': flag('connectors-proxy', 'AUDIENCE', 'audience of the tokens, as the proxy expects it', text),
  'allow-token-minting': toggle('mint tokens for volumes with token.expiration (needs RBAC for serviceaccounts/token)'),
  'strict-token-expiration': toggle("fail volumes whose token.expiration the kubelet's token does not have"),
  'max-token-expiration': flag(
    '24h',
    'DURATION',
    'longest lifetime that token.expiration can request, at least 10m',
    tokenExpiration,
  ),
  'proxy-ca-file': flag('', 'FILE', 'PEM bundle for proxies that name none; re-read on change', optionalPath),
  'default-proxy-url': flag(
    '',
    'URL',
    'proxy of connectors without an address whose class refers to no proxy; empty: none',
    optionalProxyUrl,
  ),
  'no-proxy': flag('localhost,127.0.0.1,::1', 'LIST', 'value of no_proxy in .env', envValue),
  'approval-wait': flag('90s', 'DURATION', 'how long a publish waits for an approval, under 2m', goDuration),
  'refresh-on-change': toggle(
    'refresh mounted volumes when their connectors, classes, flags or approvals change',
    true,
  ),
  'on-revoked': flag(
    'keep',
    'WHAT',
    'keep or remove tokens in mounted files after access was revoked',
    oneOf(['keep', 'remove']),
  ),
  'not-found-wait': flag(
    '5s',
    'DURATION',
    'how long a publish waits for an object that does not exist yet',
    goDuration,
  ),
  'max-watched-objects': flag(
    String(limits.watches.count),
    'N',
    'watched connectors, and as many classes; more are rejected',
    positiveInteger,
  ),
  'max-object-memory': flag(
    `${limits.watches.bytes / 2 ** 20}Mi`,
    'SIZE',
    'estimated memory of cached connectors and classes; more are rejected',
    heapBytes,
  ),
  'max-concurrent-publishes': flag(
    String(driverLimits.publishes.running),
    'N',
    'running publishes, waiting ones excluded; more queue up to their deadline',
    positiveInteger,
  ),
  'max-publishes-in-flight': flag(
    String(driverLimits.publishes.inFlight),
    'N',
    'publishes in flight on the node, waiting ones included; more are rejected',
    positiveInteger,
  ),
  'max-publishes-per-pod': flag(
    String(driverLimits.publishes.perPod),
    'N',
    'publishes in flight of one pod, waiting ones included; more are rejected',
    positiveInteger,
  ),
  'memory-reserve': flag(
    `${driverLimits.volumeMemory.reserveBytes >> 20}Mi`,
    'SIZE',
    "part of the container's memory limit for the process; volumes share the rest",
    sizeBytes,
  ),
  'skip-propagation-check': toggle('mount volumes even if no pod can see them (for trials without a kubelet)'),
  'log-level': commonFlags['log-level'],
} as const;

export type DriverConfig = FlagValues<typeof serveFlags>;

/**
 * Parses the arguments of `serve`.
 * @throws {UsageError} naming the flag and its permitted values.
 */
export function parseServeConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DriverConfig {
  const config = parseFlags({ ...serveFlags, 'no-proxy': noProxyFlag(env) }, args, env);
  const isFromDirectory = config['connector-source'] === 'directory';
  if (isFromDirectory && config.manifests === undefined) {
    throw new UsageError('--connector-source directory needs --manifests DIR');
  }
  // Ignoring it would surprise, and using it would bypass authorization by the API server.
  if (!isFromDirectory && config.manifests !== undefined) {
    throw new UsageError('--manifests DIR needs --connector-source directory');
  }
  ensureRegistrable(config);
  return config;
}

/** Adds the API server to the default in a cluster, so that requests of a step to it bypass the connector's proxy. */
function noProxyFlag(env: Readonly<Record<string, string | undefined>>): (typeof serveFlags)['no-proxy'] {
  const flagOutside = serveFlags['no-proxy'];
  const apiServer = env['KUBERNETES_SERVICE_HOST'] ?? '';
  if (apiServer === '') return flagOutside;
  return { ...flagOutside, default: `${flagOutside.default},${apiServer},kubernetes.default.svc` };
}

/**
 * Ensures that the registration socket, whose path depends on two flags, and the CSI socket as the kubelet dials it
 * have valid paths.
 */
function ensureRegistrable(config: DriverConfig): void {
  const { 'registration-dir': directory, 'driver-name': name, 'kubelet-endpoint': kubeletEndpoint } = config;
  for (const [path, flags] of [
    [registrationSocket(directory, name), '--registration-dir and --driver-name'],
    [kubeletEndpoint, '--kubelet-endpoint'],
  ] as const) {
    if (isSocketPath(path)) continue;
    throw new UsageError(`${flags}: the socket path ${path} is longer than ${maxSocketPathBytes} bytes`);
  }
}

/** Returns the path of the driver's registration socket. */
export function registrationSocket(directory: string, driverName: string): string {
  return `${directory}/${driverName}-reg.sock`;
}

/** Checks the CSI specification's rule for the name in `GetPluginInfo`. */
function driverName(written: string): string {
  if (/^[a-zA-Z0-9]([-.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/.test(written)) return written;
  throw new UsageError('must be at most 63 letters, digits, "-" and ".", with a letter or digit at both ends');
}

/** Parses a lifetime from 10 minutes to 2^32 seconds, which are the API server's limits. */
function tokenExpiration(written: string): number {
  const expirationMs = parseGoDurationMs(written);
  if (expirationMs === undefined || expirationMs < 10 * 60_000 || expirationMs > 2 ** 32 * 1000) {
    throw new UsageError('must be a Go duration from 10m to 1193046h');
  }
  return expirationMs;
}

function optionalProxyUrl(written: string): string | undefined {
  if (written === '') return undefined;
  if (originOf(written) !== undefined) return written;
  throw new UsageError('must be an http or https URL without credentials');
}

function isSocketPath(path: string): boolean {
  return Buffer.byteLength(path) <= maxSocketPathBytes;
}

function socketPath(written: string): string {
  const path = written.replace(/^unix:(\/\/)?(?=\/)/, '');
  if (!path.startsWith('/')) throw new UsageError('must be unix:///ABSOLUTE/PATH');
  if (!isSocketPath(path)) throw new UsageError(`the socket path is longer than ${maxSocketPathBytes} bytes`);
  return path;
}

function envValue(written: string): string {
  if (!isPlainEnvValue(written)) throw new UsageError(plainEnvCharacters);
  return written;
}
