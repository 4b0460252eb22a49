import { describeFlags } from '../../shared/process/flags.js';
import type { ProxyConfig } from '../config.js';
import { parseProxyConfig, proxyFlags } from '../config.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import type { DiagnosticContext } from '../../shared/doctor/program-checks.js';
import { checkProgram, contextOf } from '../../shared/doctor/program-checks.js';
import { checkCa } from './ca.js';
import { proxyPermissions } from './proxy-permissions.js';
import { checkPermissions } from '../../shared/doctor/permissions.js';

/** Returns the flags of `doctor --proxy`, one per line. */
export function describedFlags(): string {
  return describeFlags(proxyFlags);
}

/** Runs `doctor --proxy` in the proxy's container. @throws {UsageError} */
export function examineRunningProxy(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  return examineProxy(contextOf(parseProxyConfig(args, env), env, signal));
}

/** Runs all checks; none changes anything. */
export function examineProxy(context: DiagnosticContext<ProxyConfig>): Promise<readonly CheckResult[]> {
  const { config, clock, signal } = context;
  return checkProgram('proxy', context, async (client) => [
    ...(await checkPermissions('proxy', client, config.namespace, () => proxyPermissions(config), signal)),
    await checkCa(client, config, clock.now(), signal),
  ]);
}
