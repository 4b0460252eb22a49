import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns';
import { connectorType, connectorsGroup } from '../../shared/connectors/api-group.ts';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { fail, ok, reasonOf, unchecked } from '../../shared/doctor/check-result.ts';
import { readObject } from '../../shared/doctor/cluster-objects.ts';
import type { RequiredPermission } from '../../shared/doctor/permissions.ts';
import { checkPermissions, permissionsFrom } from '../../shared/doctor/permissions.ts';
import type { DiagnosticContext } from '../../shared/doctor/program-checks.ts';
import { checkProgram, contextOf } from '../../shared/doctor/program-checks.ts';
import { jsonText } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { describeFlags } from '../../shared/process/flags.ts';
import { apiServerSlice } from '../api-server-endpoints.ts';
import type { ProxyConfig } from '../config.ts';
import { parseProxyConfig, proxyFlags } from '../config.ts';
import { caIn, caSecretName } from '../kubernetes-ca.ts';
import { secretType } from '../secrets/kubernetes-secrets.ts';
import { parseSecret } from '../secrets/secret-source.ts';
import { caConfigMapName } from '../status/ca-config-map.ts';
import { conditionOf, conditionsIn } from '../status/conditions.ts';
import { connectMs, egressProxyOf } from '../configured-egress.ts';
import { connectTimeout, openSocket } from '../tool/tool-connector.ts';
import { systemRoots, TrustStoreCache } from '../tool/trust.ts';

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
    ...(await checkPermissions('proxy', client, config.namespace, () => permissionsWith(config), signal)),
    await checkCa(client, config.namespace, clock.now(), signal),
    ...(await checkRoleBindings(client, signal)),
  ]);
  return [...results, ...(await checkEgress(config))];
}

const base = permissionsFrom('the roles of deploy/manifests/standalone.yaml');
const imagePulls = permissionsFrom('the chart with imagePulls.enabled=true');

/** Returns the permissions that the proxy's service account needs. */
function permissionsWith({
  namespace,
  service,
  'write-status': writes,
  'publish-ca-config-map': publishesConfigMap,
}: ProxyConfig): readonly RequiredPermission[] {
  const leases = { group: 'coordination.k8s.io', resource: 'leases', namespace };
  const configMaps = { group: '', resource: 'configmaps', namespace };
  const subresource = 'status';
  return [
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectors' }),
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectorclasses' }),
    ...base(['identify'], { group: connectorsGroup, resource: 'proxies' }),
    ...base(['create'], { group: 'authentication.k8s.io', resource: 'tokenreviews' }),
    ...base(['create'], { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }),
    ...base(['list'], { group: connectorsGroup, resource: 'accessrequests' }),
    ...base(['list', 'watch', 'create'], { group: '', resource: 'secrets', namespace }),
    ...base(['list', 'watch'], { group: '', resource: 'configmaps', namespace, name: flagsConfigMapName }),
    ...base(['list', 'watch'], { group: 'discovery.k8s.io', resource: 'endpointslices', ...apiServerSlice }),
    ...(writes
      ? [
          ...base(['patch'], { group: connectorsGroup, resource: 'connectors', subresource }),
          ...base(['patch'], { group: connectorsGroup, resource: 'connectorclasses', subresource }),
          ...base(['create'], leases),
          ...base(['get', 'patch'], { ...leases, name: service }),
        ]
      : []),
    ...(writes && publishesConfigMap
      ? [
          ...imagePulls(['create'], configMaps),
          ...imagePulls(['get', 'patch'], { ...configMaps, name: caConfigMapName }),
        ]
      : []),
  ];
}

/** Checks that there is a valid CA that can sign. */
async function checkCa(
  client: KubeClient,
  namespace: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const check = 'ca';
  const what = `secret ${namespace}/${caSecretName}`;
  try {
    const object = await readObject(client, { type: secretType, namespace, name: caSecretName }, signal);
    const secret = object && parseSecret(object);
    if (secret === undefined) {
      const fix = 'a replica that runs makes it; the lines about permissions and the log say why not';
      return fail(check, `${what} does not exist`, fix);
    }
    // The first certificate signs. During a rotation the others can be about to expire.
    const { validTo } = new X509Certificate(caIn(secret).certificate);
    const day = new Date(validTo).toISOString().slice(0, 10);
    if (Date.parse(validTo) > nowMs) return ok(check, `the CA in ${what} is good until ${day}`);
    const problem = `the CA in ${what} has expired on ${day}, so that no program trusts the proxy`;
    return fail(check, problem, 'replace the Secret, or delete it so that the proxy makes another');
  } catch (error) {
    const fix = 'fix it, or delete it so that the proxy makes another';
    return fail(check, `${what} cannot be used: ${reasonOf(error)}`, fix);
  }
}

/** Reasons of `SecretReady` for which a RoleBinding of the proxy is missing. */
const reasons: readonly unknown[] = ['Unreadable', 'IdentityForbidden'];

/** Reports the RoleBindings that Connectors lack, one line a namespace, from the conditions that the proxy has written. */
async function checkRoleBindings(client: KubeClient, signal: AbortSignal): Promise<readonly CheckResult[]> {
  const check = 'connectors';
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

/** A name that never exists (RFC 2606): the check is about the egress proxy, not about a tool. */
const noHost = 'doctor.invalid';

/** Checks that the egress proxy responds and accepts the credentials. Without one, there is nothing to check. */
async function checkEgress(config: ProxyConfig): Promise<readonly CheckResult[]> {
  const check = 'egress-proxy';
  const egress = egressProxyOf(config, new TrustStoreCache(systemRoots()), () => false);
  if (egress === undefined) return [];
  try {
    const socket = openSocket(egress.origin.host, egress.origin.port, lookup, egress.trust());
    const timer = setTimeout(() => socket.destroy(connectTimeout()), connectMs);
    const status = await egress.connect(socket, noHost, 443).finally(() => {
      clearTimeout(timer);
      socket.destroy();
    });
    if (status === 407) egress.ensureTunnel(status, noHost, 443);
    return [ok(check, `${egress.name} responds, and asks for no other credentials (${status} for ${noHost})`)];
  } catch (error) {
    return [{ level: 'fail', check, text: error instanceof Error ? error.message : String(error) }];
  }
}
