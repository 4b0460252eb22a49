import { connectorType } from '../../shared/connectors/api-group.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { ok, unchecked } from '../../shared/doctor/check-result.ts';
import { jsonText } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { conditionOf, conditionsIn } from '../status/conditions.ts';

const check = 'connectors';
/** Reasons of `SecretReady` for which a RoleBinding of the proxy is missing. */
const reasons: readonly unknown[] = ['Unreadable', 'IdentityForbidden'];

/** Reports the RoleBindings that Connectors lack, one line a namespace, from the conditions that the proxy has written. */
export async function checkRoleBindings(client: KubeClient, signal: AbortSignal): Promise<readonly CheckResult[]> {
  const missing = new Map<string, CheckResult>();
  try {
    for await (const { items } of client.pages({ type: connectorType }, {}, { signal, retry: false })) {
      for (const item of items) {
        const condition = conditionOf(conditionsIn(item), 'SecretReady') ?? {};
        if (!reasons.includes(condition['reason'])) continue;
        const namespace = jsonText(item['metadata'], 'namespace') ?? '';
        const text = `connector ${namespace}/${jsonText(item['metadata'], 'name') ?? ''}: ${jsonText(condition, 'message') ?? ''}`;
        missing.set(`${namespace} ${jsonText(condition, 'reason') ?? ''}`, { level: 'fail', check, text });
      }
    }
  } catch (error) {
    return [unchecked(check, error)];
  }
  return missing.size > 0 ? [...missing.values()] : [ok(check, 'no Connector lacks a RoleBinding of the proxy')];
}
