import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../../clock.js';
import { absolutePath, describeFlags, flag, parseFlags, text } from '../../../process/flags.js';
import { imagePullsFlags } from '../../image-pulls/flags.js';
import { providerName, providerText } from '../../image-pulls/node-files.js';
import { unsigned } from '../../image-pulls/signature.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, reasonOf, warn } from '../check-result.js';
import { HostRoot } from './host-root.js';
import { checkKubelet, checkProviderConfig } from './kubelet.js';
import { checkRuntimes } from './runtimes.js';

const hostPath = (fallback: string, value: string, help: string) => flag(fallback, value, help, absolutePath);

/** Flags of `doctor --image-pulls`. A test compares them with the table in docs/images.md. */
export const nodeDoctorFlags = {
  'host-root': flag('', 'DIR', 'root directory of the node; empty: /host if it exists, else /', (written) =>
    written === '' ? (existsSync('/host') ? '/host' : '/') : absolutePath(written),
  ),
  registry: imagePullsFlags.registry,
  'token-audience': flag('connectors-proxy', 'AUDIENCE', 'audience of the tokens for the proxy', text),
  'provider-config': hostPath(
    '/etc/connectors/credential-provider-config.yaml',
    'FILE',
    "configuration of credential providers, if the kubelet's flags are not readable",
  ),
  'provider-dir': hostPath(
    '/etc/connectors/bin',
    'DIR',
    "directory of credential providers, if the kubelet's flags are not readable",
  ),
  'containerd-dir': hostPath('/etc/containerd/certs.d', 'DIR', 'config_path of containerd on the node'),
  'crio-dir': hostPath('/etc/containers/certs.d', 'DIR', 'certs.d of CRI-O on the node'),
} as const;

export type NodeDoctorConfig = {
  readonly [Name in keyof typeof nodeDoctorFlags]: ReturnType<(typeof nodeDoctorFlags)[Name]['parse']>;
};

/** Returns the flags of `doctor --image-pulls`, one per line. */
export function describedFlags(): string {
  return describeFlags(nodeDoctorFlags);
}

/** Runs all checks of image pulls on this node; none changes anything. @throws {UsageError} */
export async function examineImagePulls(
  args: readonly string[],
  clock: Clock = { now: () => Date.now() },
): Promise<readonly CheckResult[]> {
  const config = parseFlags(nodeDoctorFlags, args, {}) as NodeDoctorConfig;
  const root = new HostRoot(config['host-root']);
  const processes = root.processes();
  const assumed = { configPath: config['provider-config'], binDir: config['provider-dir'] };
  const { paths, results } = checkKubelet(root, processes, assumed);
  const { registry, 'token-audience': audience } = config;
  const expected = { name: providerName, registry, audience };
  return [
    ...results,
    ...(paths.configPath === undefined ? [] : [checkProviderConfig(root, paths.configPath, expected)]),
    checkScript(root, path.join(paths.binDir ?? config['provider-dir'], providerName)),
    ...(await checkRuntimes(root, processes, config, clock)),
  ];
}

function checkScript(root: HostRoot, at: string): CheckResult {
  const check = 'script';
  const fix =
    'see the log of the pod of DaemonSet connectors-image-pulls on this node, or copy it from deploy/image-pulls';
  try {
    const found = root.read(at);
    if (found === undefined) return fail(check, `${at} does not exist, so the kubelet does not start again`, fix);
    if ((found.mode & 0o111) === 0) return fail(check, `${at} is not executable`, 'set mode 0755');
    if ((found.mode & 0o022) !== 0)
      return fail(check, `${at}, which runs as root, can be written by others`, 'set mode 0755');
    if (unsigned(found.text) === providerText) return ok(check, `${at} is this version's, and executable`);
    if (!found.isSigned) return fail(check, `${at} was written or changed by an administrator`, `remove it; ${fix}`);
    return warn(check, `${at} is of another version of this program`, 'use one version for DaemonSet and doctor');
  } catch (error) {
    return fail(check, `${at} cannot be used: ${reasonOf(error)}`, fix);
  }
}
