import { parseServeConfig, serveFlags } from '../../driver/config.ts';
import type { DriverConfig } from '../../driver/config.ts';
import { loadSyscalls } from '../../driver/host/linux-syscalls.ts';
import { readMountTable, propagationProblem } from '../../driver/host/mount-table.ts';
import type { Syscalls } from '../../driver/host/syscalls.ts';
import { UsageError, describeFlags, toggle } from '../../shared/process/flags.ts';
import type { Command, CommandContext } from '../../shared/command/command.ts';
import { outputFlag, takeOutput } from '../../shared/command/output-format.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { report, fail, ok, warn, unchecked } from '../../shared/doctor/check-result.ts';
import { checkPermissions, permissionsFrom } from '../../shared/doctor/permissions.ts';
import { checkProxies } from './proxies.ts';
import { runningArguments } from '../../shared/command/running-arguments.ts';
import type { DiagnosticContext } from '../../shared/doctor/program-checks.ts';
import { checkProgram, contextOf } from '../../shared/doctor/program-checks.ts';
import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.ts';
import type { FeatureFlags } from '../../shared/connectors/model.ts';
import type { RequiredPermission } from '../../shared/doctor/permissions.ts';
import { TmpfsMaker } from '../../driver/host/tmpfs.ts';
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Mount } from '../../driver/host/mount-table.ts';
import { containerContext, selinuxProcessLabel } from '../../driver/host/selinux.ts';
import type { JsonObject } from '../../shared/json.ts';
import { jsonItems, jsonMember } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { csiDriverType } from '../../driver/token/csi-driver-validator.ts';
import { readObject } from '../../shared/doctor/cluster-objects.ts';

export interface DriverContext extends DiagnosticContext<DriverConfig> {
  readonly syscalls: Syscalls;
}

const proxySwitch = '--proxy';
const imagePullsSwitch = '--image-pulls';
const doctorFlags = {
  proxy: toggle('check the proxy instead of the driver'),
  'image-pulls': toggle('check the files with which the node pulls images instead'),
  output: outputFlag,
} as const;

/** `doctor`: checks the node for the driver. It runs in the driver's container, with the same flags and environment. */
export const doctor: Command = {
  usage: usageOf,
  run: async (context) => {
    const [output, args] = takeOutput(context.args);
    return report(await resultsOf(args, context), output, context);
  },
};

async function resultsOf(
  args: readonly string[],
  { env, stopped: signal }: CommandContext,
): Promise<readonly CheckResult[]> {
  const rest = args.filter((arg) => arg !== imagePullsSwitch && arg !== proxySwitch);
  if (args.includes(imagePullsSwitch)) {
    if (args.includes(proxySwitch)) throw new UsageError(`${proxySwitch} and ${imagePullsSwitch}: choose one`);
    const { examineImagePulls } = await import('../../image-pulls/doctor/node-doctor.ts');
    return examineImagePulls(rest);
  }
  if (args.includes(proxySwitch)) {
    const { examineRunningProxy } = await import('../../proxy/doctor/proxy-doctor.ts');
    return examineRunningProxy([...runningArguments('proxy'), ...rest], env, signal);
  }
  const config = parseServeConfig([...runningArguments('serve'), ...args], env);
  return examine({ ...contextOf(config, env, signal), syscalls: loadSyscalls() });
}

/** Returns the text of `--help`, with the flags of what is checked. */
async function usageOf(args: readonly string[]): Promise<string> {
  const what = [proxySwitch, imagePullsSwitch].find((each) => args.includes(each));
  return `Usage: connectors-csi doctor [--proxy | --image-pulls] [flags], in the container of the driver or the proxy

Checks the node, the cluster and the running driver, one line for each check. Exit status 1 if a line says "fail". In
the container of a running driver or proxy, its own flags and environment are the defaults.

  kubectl -n connectors-system exec daemonset/connectors-csi -- node /app/dist/main.js doctor

Flags:
${describeFlags(doctorFlags)}

Flags ${what === undefined ? 'of the driver' : `after ${what}`}:
${await flagsOf(what)}
`;
}

async function flagsOf(what: string | undefined): Promise<string> {
  if (what === proxySwitch) return (await import('../../proxy/doctor/proxy-doctor.ts')).describedFlags();
  if (what === imagePullsSwitch) return (await import('../../image-pulls/doctor/node-doctor.ts')).describedFlags();
  return describeFlags(serveFlags);
}

/** Runs all checks; none changes anything. */
export async function examine(context: DriverContext): Promise<readonly CheckResult[]> {
  const { config, syscalls, signal } = context;
  return [
    ...checkMounting(syscalls),
    ...checkKubeletDirectory(config['kubelet-dir'], readMountTable()),
    checkSelinux(),
    ...(await checkProgram('driver', context, async (client) => [
      ...(await checkCsiDriverObject(client, config, signal)),
      ...(await checkProxies(client, signal)),
      ...(await checkPermissions(
        'driver',
        client,
        config.namespace,
        (flags) => driverPermissions(config, flags),
        signal,
      )),
    ])),
  ];
}

const base = permissionsFrom('the roles of deploy/manifests/driver.yaml');
const approval = permissionsFrom('the chart with approval.enabled=true');
const minting = permissionsFrom('the chart with driver.tokenMinting=true');
/** The chart's admission policy recognizes the driver by the verb `identify`. */
const drivers = { group: connectorsGroup, resource: 'drivers' };

/** Returns the permissions that the driver's service account needs for the enabled features. */
export function driverPermissions(
  config: Pick<DriverConfig, 'driver-name' | 'namespace' | 'allow-token-minting'>,
  flags: FeatureFlags,
): readonly RequiredPermission[] {
  const { namespace } = config;
  const tokens = { group: '', resource: 'serviceaccounts', subresource: 'token' };
  return [
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectors' }),
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectorclasses' }),
    ...base(['list', 'watch'], { group: 'storage.k8s.io', resource: 'csidrivers', name: config['driver-name'] }),
    ...base(['list', 'watch'], { group: '', resource: 'configmaps', namespace, name: flagsConfigMapName }),
    ...base(['create'], { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }),
    // An approval can only replace the proxy permission, so both flags must be on.
    ...(flags.connectorProxyPermissions && flags.connectorsApproval
      ? [
          ...approval(['list', 'watch', 'create'], { group: connectorsGroup, resource: 'accessrequests' }),
          ...approval(['identify'], drivers),
        ]
      : []),
    ...(config['allow-token-minting'] ? [...minting(['create'], tokens), ...minting(['identify'], drivers)] : []),
  ];
}

/** Checks that this container can mount, without leaving a mount, and that its mounts stay out of swap. */
function checkMounting(syscalls: Syscalls): readonly CheckResult[] {
  const maker = new TmpfsMaker(syscalls);
  const problem = maker.problem();
  if (problem !== undefined) return [fail('mount', 'no volume can be mounted', problem)];
  return [
    ok('mount', 'a tmpfs can be mounted'),
    maker.hasNoswap
      ? ok('noswap', 'tokens never reach swap')
      : warn(
          'noswap',
          'this kernel has no tmpfs without swap, so tokens may be written to the swap space of the node',
          'turn swap off or encrypt it, or use Linux 6.4 and later',
        ),
  ];
}

/** Checks that the kubelet's directory exists, and that the kubelet sees mounts in it. */
function checkKubeletDirectory(kubeletDir: string, table: readonly Mount[]): readonly CheckResult[] {
  const pods = path.join(kubeletDir, 'pods');
  if (!isDirectory(pods)) {
    const fix =
      'give --kubelet-dir (driver.kubeletDir of the chart) the --root-dir of the kubelet, and mount it at that path';
    return [fail('kubelet-dir', `${kubeletDir} has no folder "pods", so it is not a kubelet's`, fix)];
  }
  return [ok('kubelet-dir', kubeletDir), checkPropagation(pods, table)];
}

function checkPropagation(pods: string, table: readonly Mount[]): CheckResult {
  const problem = propagationProblem(pods, table);
  if (problem === undefined) return ok('propagation', `${pods} is shared with the node`);
  return fail('propagation', problem.what, problem.fix);
}

function isDirectory(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Checks whether volumes get a label that containers can read. @param labelFile see `selinuxProcessLabel`. */
export function checkSelinux(labelFile?: string): CheckResult {
  const label = selinuxProcessLabel(labelFile);
  if (label === undefined) return ok('selinux', 'not active on this node, so that volumes need no label');
  return ok('selinux', `active (the driver runs as ${label}): volumes are labelled ${containerContext}`);
}

type ObjectConfig = Pick<DriverConfig, 'driver-name' | 'token-audience' | 'allow-token-minting'>;

const check = 'csidriver';

/** Checks the fields of the CSIDriver object that the driver relies on; one line per wrong field. */
async function checkCsiDriverObject(
  client: KubeClient,
  config: ObjectConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const name = config['driver-name'];
  try {
    const object = await readObject(client, { type: csiDriverType, name }, signal);
    if (object === undefined) {
      const fix = 'apply the manifests of the driver, or give --driver-name the name of its object';
      return [fail(check, `CSIDriver "${name}" does not exist`, fix)];
    }
    const problems = problemsOf(object, config);
    return problems.length > 0 ? problems : [ok(check, `CSIDriver "${name}" has the fields that the driver relies on`)];
  } catch (error) {
    return [unchecked(check, error, `CSIDriver "${name}" cannot be read`)];
  }
}

function problemsOf(object: JsonObject, config: ObjectConfig): readonly CheckResult[] {
  const spec = object['spec'];
  const expect = (
    field: string,
    expected: string | boolean,
    level: typeof fail,
    otherwise: string,
  ): readonly CheckResult[] => {
    const value = jsonMember(spec, field);
    const isRight = Array.isArray(value) ? value.includes(expected) : value === expected;
    return isRight ? [] : [level(check, `${field}: ${otherwise}`, fixOf(field, expected))];
  };
  return [
    ...expect('podInfoOnMount', true, fail, 'pods could pose as others, so that nothing is published'),
    ...expect('attachRequired', false, fail, 'pods would wait for an attachment that never comes'),
    ...expect('volumeLifecycleModes', 'Ephemeral', fail, 'the kubelet rejects volumes that are written in the pod'),
    ...expect('requiresRepublish', true, fail, 'tokens and changes never reach a pod that runs'),
    ...checkTokenRequests(object, config),
    ...expect('fsGroupPolicy', 'None', warn, 'the kubelet changes owners in a volume that the driver may be writing'),
  ];
}

function checkTokenRequests(object: JsonObject, config: ObjectConfig): readonly CheckResult[] {
  const audience = config['token-audience'];
  const requests = jsonItems(jsonMember(object['spec'], 'tokenRequests'));
  if (requests.some((request) => jsonMember(request, 'audience') === audience)) return [];
  const problem = `tokenRequests: none for audience "${audience}", so that the driver gets no token`;
  // Volumes with `token.expiration` get minted tokens without the kubelet.
  const level = config['allow-token-minting'] ? warn : fail;
  return [level(check, problem, 'add the audience to spec.tokenRequests, or set --token-audience to the one there')];
}

function fixOf(field: string, expected: string | boolean): string {
  const value = field === 'volumeLifecycleModes' ? `[${String(expected)}]` : String(expected);
  // These two fields are immutable.
  const how = ['attachRequired', 'volumeLifecycleModes'].includes(field)
    ? 'delete the object and apply it with'
    : 'set';
  return `${how} spec.${field}: ${value}`;
}
