/** What a container's manifest says of how its program is started. */
export interface ContainerStart {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

interface Command {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How the kubelet starts the container, with `$(VARIABLE)` expanded.
 * @param given values of variables in place of the manifest's; one that takes its value from elsewhere is `value-of-NAME` without.
 */
export function commandOf({ args, env }: ContainerStart, given: Readonly<Record<string, string>> = {}): Command {
  const values = new Map<string, string>();
  const expand = (text: string): string =>
    text.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => values.get(name) ?? whole);
  // In order: a value may only name variables before it.
  for (const { name, value } of env) values.set(name, given[name] ?? expand(value ?? `value-of-${name}`));
  return { args: args.map(expand), env: Object.fromEntries(values) };
}
