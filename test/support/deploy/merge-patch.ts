type Named = readonly { readonly name: unknown }[];

/** RFC 7396, and what kubectl and Helm use of strategic patches: lists with an order are merged by the names of their items. */
export function mergePatch(value: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged = new Map<string, unknown>(Object.entries(value ?? {}));
  for (const [name, part] of Object.entries(patch) as [string, unknown][]) {
    if (name.startsWith('$')) continue;
    if (part === null) merged.delete(name);
    else if (`$setElementOrder/${name}` in patch)
      merged.set(name, mergeLists((merged.get(name) ?? []) as Named, part as Named));
    else merged.set(name, mergePatch(merged.get(name), part));
  }
  return Object.fromEntries(merged);
}

function mergeLists(items: Named, patches: Named): unknown {
  const itemOf = (patch: Named[number]): unknown => items.find(({ name }) => name === patch.name);
  const kept = items.filter(({ name }) => !patches.some((patch) => patch.name === name));
  return [...kept, ...patches.map((patch) => mergePatch(itemOf(patch), patch))];
}
