import type { FeatureFlags } from '../connectors/model.ts';
import type { JsonObject } from '../json.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { ResourceType, ResourceLocation } from '../kube/resource-location.ts';
import { metadataText } from '../kube/kube-object.ts';
import { defaultFlags, flagsConfigMapName, parseFeatureFlags } from '../connectors/feature-flags.ts';
import type { CheckResult } from './check-result.ts';
import { fail, ok, reasonOf } from './check-result.ts';

/**
 * Reads one object like the driver, by a list of that name, so that doctor needs no permission that the driver lacks.
 * @returns undefined if there is none.
 * @throws {KubeError}
 */
export async function readObject(
  client: KubeClient,
  { name, ...collection }: ResourceLocation & { readonly name: string },
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  const items = await client.list(collection, { name }, { signal, retry: false });
  return items.find((item) => metadataText(item, 'name') === name);
}

const configMapType: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };

/**
 * Reads the feature flags, and returns them with their line. If they cannot be read, the defaults apply here and the
 * line fails.
 * @param consequence for the program without flags.
 */
export async function readFlags(
  client: KubeClient,
  namespace: string,
  consequence: string,
  signal: AbortSignal,
): Promise<{ readonly flags: FeatureFlags; readonly result: CheckResult }> {
  const check = 'feature-flags';
  const what = `ConfigMap ${namespace}/${flagsConfigMapName}`;
  try {
    const location = { type: configMapType, namespace, name: flagsConfigMapName };
    const configMap = await readObject(client, location, signal);
    if (configMap === undefined) return { flags: defaultFlags, result: ok(check, `${what} does not exist: defaults`) };
    const flags = parseFeatureFlags(configMap);
    const on = Object.entries(flags).flatMap(([name, isOn]) => (isOn ? [name] : []));
    return { flags, result: ok(check, `${what}; on: ${on.join(', ') || 'none'}`) };
  } catch (error) {
    const fix = `fix it, or the permissions for it; ${consequence}`;
    return { flags: defaultFlags, result: fail(check, `${what}: ${reasonOf(error)}`, fix) };
  }
}
