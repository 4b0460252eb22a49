import type { KubeObject } from '../kube-api/resources.ts';

/** An object, or a Secret with its values in clear text. */
export type WrittenObject = KubeObject & { readonly stringData?: Readonly<Record<string, string>> };

/** Returns a Secret as the API server keeps it, with everything in `data`. Other objects are not changed. */
export function encodedSecret({ stringData, ...object }: WrittenObject): KubeObject {
  if (stringData === undefined) return object;
  const data = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return { ...object, data: Object.fromEntries(data) as object };
}
