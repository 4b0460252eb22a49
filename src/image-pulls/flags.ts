import { dns1123SubdomainProblem } from '../shared/names.ts';
import { commonFlags } from '../shared/process/common-flags.ts';
import { UsageError, absolutePath, goDuration, flag, httpAddress, parseFlags, text } from '../shared/process/flags.ts';
import type { FlagValues } from '../shared/process/flags.ts';

/** Flags of `image-pulls`. */
export const imagePullsFlags = {
  registry: flag(
    'connectors.local',
    'NAME',
    'registry name of images that are pulled through connectors',
    registryName,
  ),
  namespace: flag('connectors-system', 'NAME', 'namespace of the proxy', text, 'POD_NAMESPACE'),
  'proxy-host': flag(
    'connectors-proxy-service.<namespace>.svc',
    'HOST',
    'name of the Service of the proxy, or an IP address',
    text,
  ),
  'proxy-port': flag('443', 'PORT', 'port of the proxy with TLS', port),
  'ca-file': flag(
    '/etc/connectors/ca/ca.crt',
    'FILE',
    'CA of the proxy in PEM, of ConfigMap connectors-proxy-ca',
    absolutePath,
  ),
  'provider-dir': flag(
    '/host/etc/connectors/bin',
    'DIR',
    "directory of the kubelet's credential providers; empty: none",
    optionalDirectory,
  ),
  'containerd-dir': flag(
    '/host/etc/containerd/certs.d',
    'DIR',
    'config_path of containerd; empty: none',
    optionalDirectory,
  ),
  'crio-dir': flag('/host/etc/containers/certs.d', 'DIR', 'certs.d of CRI-O; empty: none', optionalDirectory),
  interval: flag('30s', 'DURATION', 'interval of checks of the files, the CA and the address', goDuration),
  'http-address': flag(':9808', 'ADDRESS', 'health, HOST:PORT or :PORT; empty: off', httpAddress),
  'log-level': commonFlags['log-level'],
} as const;

export type ImagePullsConfig = FlagValues<typeof imagePullsFlags>;

/** Parses the arguments after `install` or `uninstall`. @throws {UsageError} */
export function parseImagePullsConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ImagePullsConfig {
  const config = parseFlags(imagePullsFlags, args, env);
  if (
    config['provider-dir'] === undefined &&
    config['containerd-dir'] === undefined &&
    config['crio-dir'] === undefined
  ) {
    throw new UsageError('one of --provider-dir, --containerd-dir and --crio-dir must not be empty');
  }
  return config;
}

function registryName(written: string): string {
  const [, host = '', ofPort] = /^([^:]*)(?::(\d{1,5}))?$/.exec(written) ?? [];
  if (dns1123SubdomainProblem(host) !== undefined || Number(ofPort ?? 1) > 65_535) {
    throw new UsageError('must be a DNS name, or DNS name and port, such as connectors.local');
  }
  return written;
}

function port(written: string): number {
  if (!/^[1-9]\d{0,4}$/.test(written) || Number(written) > 65_535) throw new UsageError('must be a port, 1 to 65535');
  return Number(written);
}

function optionalDirectory(written: string): string | undefined {
  if (written === '') return undefined;
  const directory = absolutePath(written);
  if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(directory.slice(1)))
    throw new UsageError('must be a path without empty segments, "." and ".."');
  return directory;
}
