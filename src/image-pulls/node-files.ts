import { isIPv6 } from 'node:net';
import nodeFiles from './generated/node-files.json' with { type: 'json' };
import type { ImagePullsConfig } from './flags.ts';

/** Name of the executable, as in `deploy/chart/files/image-pulls/credential-provider-config.yaml`. */
const providerName = 'connectors-credential-provider';
export const hostsFileName = 'hosts.toml';
export const caFileName = 'ca.crt';

/** A file of the node. */
export interface NodeFile {
  /** The directory of a flag. */
  readonly directory: string;
  /** Folder in the directory, which is created and removed with its files. Absent: the directory itself. */
  readonly folder?: string;
  readonly name: string;
  readonly mode: number;
  /** Undefined while a part of it is not known: an existing file stays. */
  readonly text: string | undefined;
}

interface NodeFileInputs {
  /** IP address of the proxy; undefined while it is not known. */
  readonly address: string | undefined;
  /** Certificates of the CA in PEM; undefined while they are not known. */
  readonly ca: string | undefined;
}

type NodeFileConfig = Pick<
  ImagePullsConfig,
  'registry' | 'proxy-port' | 'provider-dir' | 'containerd-dir' | 'crio-dir'
>;

/** Returns all files of the node. The CA comes before the address that is verified with it. */
export function nodeFilesOf(config: NodeFileConfig, { address, ca }: NodeFileInputs): readonly NodeFile[] {
  const { registry: folder, 'proxy-port': port } = config;
  const files = (directory: string | undefined, ...found: readonly Omit<NodeFile, 'directory'>[]): NodeFile[] =>
    directory === undefined ? [] : found.map((file) => ({ directory, ...file }));
  const caFile = { folder, name: caFileName, mode: 0o644, text: ca };
  const hosts = address === undefined ? undefined : hostsText(folder, originOf(address, port));
  return [
    ...files(config['provider-dir'], { name: providerName, mode: 0o755, text: nodeFiles[providerName] }),
    ...files(config['containerd-dir'], caFile, { folder, name: hostsFileName, mode: 0o644, text: hosts }),
    ...files(config['crio-dir'], caFile),
  ];
}

/** Returns the URL in the first `[host."URL"]` of a hosts.toml; undefined without one. */
export function proxyOriginIn(hostsToml: string): string | undefined {
  return /^[ \t]*\[\s*host\s*\.\s*["']([^"']+)["']\s*\]/m.exec(hostsToml)?.[1];
}

function hostsText(registry: string, origin: string): string {
  return nodeFiles[hostsFileName].replaceAll('https://10.96.0.10', origin).replaceAll('connectors.local', registry);
}

function originOf(address: string, port: number): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return `https://${host}${port === 443 ? '' : `:${port}`}`;
}
