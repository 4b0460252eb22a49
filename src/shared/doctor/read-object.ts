import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { metadataText } from '../kube/kube-object.js';
import type { ResourceLocation } from '../kube/resource-location.js';

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
