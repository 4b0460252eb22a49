import { describeFlags } from '../../shared/process/flags.ts';
import type { ProxyConfig } from '../config.ts';
import { parseProxyConfig, proxyFlags } from '../config.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import type { DiagnosticContext } from '../../shared/doctor/program-checks.ts';
import { checkProgram, contextOf } from '../../shared/doctor/program-checks.ts';
import { checkCa } from './ca.ts';
import { checkEgress } from './egress.ts';
import { checkRoleBindings } from './role-bindings.ts';
import { proxyPermissions } from './proxy-permissions.ts';
import { checkPermissions } from '../../shared/doctor/permissions.ts';

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
export async function examineProxy(context: DiagnosticContext<ProxyConfig>): Promise<readonly CheckResult[]> {
  const { config, clock, signal } = context;
  const results = await checkProgram('proxy', context, async (client) => [
    ...(await checkPermissions('proxy', client, config.namespace, () => proxyPermissions(config), signal)),
    await checkCa(client, config, clock.now(), signal),
    ...(await checkRoleBindings(client, signal)),
  ]);
  return [...results, ...(await checkEgress(config))];
}
