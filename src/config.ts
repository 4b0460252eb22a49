import { parseArgs } from 'node:util';
import { parseGoDurationMs } from './duration.js';
import type { LogLevel } from './log.js';
import { logLevels } from './log.js';

/** The kernel's bound on socket addresses; what is beyond it is cut off and makes another path. */
const maxSocketPathBytes = 107;

/** A command line that cannot be used; the message says which flag and what it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Flag<Value> {
  /** Environment variable that counts when the flag is not given. */
  readonly env?: string;
  /** Absent: required. `<kubelet-dir>` and `<driver-name>` stand for the values of those flags. */
  readonly default?: string;
  /** How usage calls the value; absent for a switch that takes none. */
  readonly value?: string;
  readonly help: string;
  readonly parse: (text: string) => Value;
}

/** Every flag of `serve` with its default; docs/configuration.md has the same table, and a test compares the two. */
export const serveFlags = {
  endpoint: flag('unix:///csi/csi.sock', 'URL', 'CSI socket', socketPath, 'CSI_ENDPOINT'),
  'node-name': required('NAME', 'node id that the kubelet is told', text, 'NODE_NAME'),
  'driver-name': flag('connectors-csi', 'NAME', "the CSIDriver object's name", driverName),
  'kubelet-dir': flag('/var/lib/kubelet', 'DIR', "the kubelet's root directory", absolutePath, 'KUBELET_DIR'),
  'registration-dir': flag(
    '<kubelet-dir>/plugins_registry',
    'DIR',
    'where to register with the kubelet; empty: a sidecar does it',
    (written) => (written === '' ? undefined : absolutePath(written)),
  ),
  'kubelet-endpoint': flag(
    '<kubelet-dir>/plugins/<driver-name>/csi.sock',
    'PATH',
    "the CSI socket's path as the kubelet sees it",
    absolutePath,
  ),
  'http-address': flag(':9808', 'ADDRESS', 'metrics and health, HOST:PORT or :PORT; empty: off', httpAddress),
  'connector-source': flag('kubernetes', 'SOURCE', 'kubernetes or directory', oneOf(['kubernetes', 'directory'])),
  manifests: flag('', 'DIR', 'directory of YAML manifests, for --connector-source directory', optionalPath),
  kubeconfig: flag('', 'FILE', 'kubeconfig; empty: in-cluster configuration', optionalPath, 'KUBECONFIG'),
  namespace: flag(
    'connectors-system',
    'NAME',
    'where ConfigMap connectors-config and the driver live',
    text,
    'POD_NAMESPACE',
  ),
  'token-audience': flag('connectors-proxy', 'AUDIENCE', 'audience of the tokens, as the proxy expects it', text),
  'allow-token-minting': toggle('mint tokens for volumes with token.expiration (needs RBAC for serviceaccounts/token)'),
  'proxy-ca-file': flag('', 'FILE', 'PEM bundle for proxies that name none; re-read on change', optionalPath),
  'no-proxy': flag('localhost,127.0.0.1,::1', 'LIST', 'value of no_proxy in .env', envValue),
  'approval-wait': flag('90s', 'DURATION', 'how long a publish waits for an approval, under 2m', duration),
  'not-found-wait': flag('5s', 'DURATION', 'how long a publish waits for an object that does not exist yet', duration),
  'max-concurrent-publishes': flag('64', 'N', 'publishes beyond it queue up to their deadline', positiveInteger),
  'tmpfs-size': flag('4Mi', 'SIZE', 'bound of each volume', sizeBytes),
  'log-level': flag('info', 'LEVEL', logLevels.join(', '), oneOf<LogLevel>(logLevels)),
} as const;

/** The flags of `serve`, parsed: names as on the command line, values in their unit (milliseconds, bytes). */
export type DriverConfig = {
  readonly [Name in keyof typeof serveFlags]: ReturnType<(typeof serveFlags)[Name]['parse']>;
};

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/**
 * Parses the arguments of `serve`.
 * @throws {UsageError} naming the flag and what it takes.
 */
export function parseServeConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DriverConfig {
  const config = parseFlags(serveFlags, args, env) as DriverConfig;
  const isFromDirectory = config['connector-source'] === 'directory';
  if (isFromDirectory && config.manifests === undefined) {
    throw new UsageError('--connector-source directory needs --manifests DIR');
  }
  ensureRegistrable(config);
  // Ignoring it would surprise; heeding it would give up the authorization that only the API server can do.
  if (!isFromDirectory && config.manifests !== undefined) {
    throw new UsageError('--manifests DIR needs --connector-source directory');
  }
  return config;
}

/** The registration socket, whose path is made of two flags, and the CSI socket as the kubelet dials it. */
function ensureRegistrable(config: DriverConfig): void {
  const { 'registration-dir': directory, 'driver-name': name, 'kubelet-endpoint': kubeletEndpoint } = config;
  if (directory === undefined) return;
  for (const [path, flags] of [
    [registrationSocket(directory, name), '--registration-dir and --driver-name'],
    [kubeletEndpoint, '--kubelet-endpoint'],
  ] as const) {
    if (isSocketPath(path)) continue;
    throw new UsageError(`${flags}: the socket path ${path} is longer than ${maxSocketPathBytes} bytes`);
  }
}

/** Where the driver offers itself to the kubelet. */
export function registrationSocket(directory: string, driverName: string): string {
  return `${directory}/${driverName}-reg.sock`;
}

/**
 * Parses arguments by a table of flags. `<name>` in a default stands for the value of that flag.
 * @throws {UsageError}
 */
export function parseFlags(
  table: FlagTable,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, unknown>> {
  const given = readArguments(table, args);
  const textOf = (name: string): string | undefined => {
    const { env: variable, default: fallback } = table[name] ?? {};
    const fromEnv = variable === undefined ? undefined : env[variable];
    return (
      given[name] ??
      (fromEnv === '' ? undefined : fromEnv) ??
      fallback?.replaceAll(/<([-a-z]+)>/g, (_whole, other: string) => textOf(other) ?? '')
    );
  };
  const values: Record<string, unknown> = {};
  for (const [name, { env: variable, value, parse }] of Object.entries(table)) {
    const written = textOf(name);
    if (written === undefined) {
      throw new UsageError(`--${name} ${value ?? ''} is required${variable ? ` (or environment ${variable})` : ''}`);
    }
    try {
      values[name] = parse(written);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`--${name} ${JSON.stringify(written)}: ${error.message}`);
    }
  }
  return Object.freeze(values);
}

function readArguments(table: FlagTable, args: readonly string[]): Readonly<Record<string, string>> {
  const options = Object.fromEntries(Object.keys(table).map((name) => [name, { type: 'string' as const }]));
  const switches = switchNames(table);
  // parseArgs takes `--switch` for a flag without its value; a switch may also be written `--switch=false`.
  const spelled = args.map((arg) => (switches.has(arg) ? `${arg}=true` : arg));
  try {
    const { values } = parseArgs({ args: spelled, options, strict: true, allowPositionals: false });
    return values as Readonly<Record<string, string>>;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      message
        .replace(
          / argument is ambiguous\..*(--[-\w]+)=.*$/s,
          ' has no value; one that begins with "-" is written $1=-VALUE',
        )
        .replace(/\.\s+To specify.*$/s, ''),
    );
  }
}

function switchNames(table: FlagTable): ReadonlySet<string> {
  return new Set(Object.entries(table).flatMap(([name, { value }]) => (value === undefined ? [`--${name}`] : [])));
}

/** One line per flag, for `--help` and usage errors. */
export function describeFlags(table: FlagTable): string {
  const heads = Object.entries(table).map(
    ([name, { value }]) => `  --${name}${value === undefined ? '' : ` ${value}`}`,
  );
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  return Object.values(table)
    .map(({ help, default: fallback, env, value }, index) => {
      const notes = [
        fallback === undefined ? 'required' : value === undefined || fallback === '' ? '' : `default ${fallback}`,
        env === undefined ? '' : `environment ${env}`,
      ].filter((note) => note !== '');
      return `${(heads[index] ?? '').padEnd(width)}${help}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
    })
    .join('\n');
}

export function flag<Value>(
  fallback: string,
  value: string,
  help: string,
  parse: (written: string) => Value,
  env?: string,
): Flag<Value> {
  return { default: fallback, value, help, parse, ...(env === undefined ? {} : { env }) };
}

export function required<Value>(
  value: string,
  help: string,
  parse: (written: string) => Value,
  env?: string,
): Flag<Value> {
  return { value, help, parse, ...(env === undefined ? {} : { env }) };
}

export function toggle(help: string): Flag<boolean> {
  return { default: 'false', help, parse: (written) => oneOf(['true', 'false'])(written) === 'true' };
}

export function text(written: string): string {
  if (written.trim() === '') throw new UsageError('must not be empty');
  return written;
}

export function absolutePath(written: string): string {
  if (!written.startsWith('/')) throw new UsageError('must be an absolute path');
  return written.replace(/(?<=.)\/+$/, '');
}

export function optionalPath(written: string): string | undefined {
  return written === '' ? undefined : written;
}

/** The CSI specification's rule for `GetPluginInfo`'s name. */
function driverName(written: string): string {
  if (/^[a-zA-Z0-9]([-.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/.test(written)) return written;
  throw new UsageError('must be at most 63 letters, digits, "-" and ".", with a letter or digit at both ends');
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

function httpAddress(written: string): { readonly host: string | undefined; readonly port: number } | undefined {
  if (written === '') return undefined;
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(written);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new UsageError('must be HOST:PORT, [IPV6]:PORT or :PORT');
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

export function oneOf<Choice extends string>(choices: readonly Choice[]): (written: string) => Choice {
  return (written) => {
    const choice = choices.find((candidate) => candidate === written);
    if (choice === undefined) throw new UsageError(`must be one of ${choices.join(', ')}`);
    return choice;
  };
}

function envValue(written: string): string {
  if (!/^[-A-Za-z0-9._/:@%,+=[\]]*$/.test(written)) {
    throw new UsageError('only letters, digits and any of . _ - / : @ % , + = [ ] are allowed, since shells read it');
  }
  return written;
}

function duration(written: string): number {
  const durationMs = parseGoDurationMs(written);
  if (durationMs === undefined || durationMs < 0) throw new UsageError('must be a Go duration such as 90s or 1m30s');
  // Beyond 24 days a timer would go off at once.
  if (durationMs > 86_400_000) throw new UsageError('must be at most 24h');
  return durationMs;
}

function positiveInteger(written: string): number {
  if (!/^[1-9]\d{0,5}$/.test(written)) throw new UsageError('must be a whole number from 1 to 999999');
  return Number(written);
}

/** Bytes of a Kubernetes quantity with a binary suffix. */
function sizeBytes(written: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})(Ki|Mi|Gi)?$/.exec(written) ?? [];
  const bytes = Number(digits) * { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit as '' | 'Ki' | 'Mi' | 'Gi'];
  if (!(bytes >= 64 * 1024)) throw new UsageError('must be a size such as 4Mi (Ki, Mi, Gi), at least 64Ki');
  return bytes;
}
