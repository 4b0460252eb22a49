import { parseServeConfig, serveFlags } from '../../driver/config.ts';
import type { DriverConfig } from '../../driver/config.ts';
import { loadSyscalls } from '../../driver/host/linux-syscalls.ts';
import { readMountTable } from '../../driver/host/mount-table.ts';
import type { Syscalls } from '../../driver/host/syscalls.ts';
import { UsageError, describeFlags, toggle } from '../../shared/process/flags.ts';
import type { Command, CommandContext } from '../../shared/command/command.ts';
import { outputFlag, takeOutput } from '../../shared/command/output-format.ts';
import { checkCsiDriverObject } from './csi-driver-object.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { report } from '../../shared/doctor/check-result.ts';
import { checkKubeletDirectory, checkMounting, checkSelinux } from './node-checks.ts';
import { driverPermissions } from './permissions.ts';
import { checkPermissions } from '../../shared/doctor/permissions.ts';
import { checkProxies } from './proxies.ts';
import { runningArguments } from '../../shared/command/running-arguments.ts';
import type { DiagnosticContext } from '../../shared/doctor/program-checks.ts';
import { checkProgram, contextOf } from '../../shared/doctor/program-checks.ts';

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
  summary: 'check the node, the cluster and the running driver, or the proxy, or image pulls',
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
  return `Usage: connectors-csi doctor [--proxy | --image-pulls] [flags]

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
