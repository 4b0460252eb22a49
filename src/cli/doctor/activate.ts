import type { DriverConfig } from '../../driver/config.js';
import { variableGroups } from '../../driver/rules/activated-variables.js';
import { listVolumes } from '../list-volumes.js';
import type { CheckResult } from './check-result.js';
import { ok } from './check-result.js';

const maxListed = 10;

/**
 * Reports the variables that `activate` sets in the volumes of this node. Returns no line if the driver does not respond,
 * which `checkSockets` reports.
 */
export async function checkActivate({ endpoint }: Pick<DriverConfig, 'endpoint'>): Promise<readonly CheckResult[]> {
  const check = 'activate';
  const volumes = await listVolumes(endpoint).catch(() => undefined);
  if (volumes === undefined) return [];
  const counts = new Map<string, number>();
  for (const { variables } of volumes) {
    const groups = variableGroups(variables).join(', ') || 'nothing';
    counts.set(groups, (counts.get(groups) ?? 0) + 1);
  }
  if (counts.size === 0) return [ok(check, 'there are no volumes')];
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, maxListed).map(([groups, count]) => `${groups} in ${count}`);
  const rest = sorted.length > maxListed ? ['other variables in others'] : [];
  return [ok(check, `sets, by number of volumes: ${[...shown, ...rest].join('; ')}`)];
}
