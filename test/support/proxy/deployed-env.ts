import { only, rendered } from '../deploy/manifests.ts';

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly resources: { readonly limits: { readonly memory: string } };
}

function container(): Container {
  const { template } = only(rendered('standalone'), 'Deployment')['spec'] as {
    template: { spec: { containers: [Container] } };
  };
  return template.spec.containers[0];
}

/** The environment of the proxy's container, as the image and deploy/ set it. */
export function deployedEnv(): Readonly<Record<string, string>> {
  const set = container().env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  return { NODE_ENV: 'production', ...Object.fromEntries(set) };
}

/** The memory limit of the proxy's container, bytes. */
export function deployedMemoryBytes(): number {
  const [, mebibytes] = /^(\d+)Mi$/.exec(container().resources.limits.memory) ?? [];
  if (mebibytes === undefined) throw new Error('the memory limit of the proxy is not in Mi');
  return Number(mebibytes) * 2 ** 20;
}
