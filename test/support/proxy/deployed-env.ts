import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

const manifest = path.join(import.meta.dirname, '..', '..', '..', 'deploy', 'proxy', 'deployment.yaml');

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly resources: { readonly limits: { readonly memory: string } };
}

function container(): Container {
  const { spec } = parse(readFileSync(manifest, 'utf8')) as {
    spec: { template: { spec: { containers: [Container] } } };
  };
  return spec.template.spec.containers[0];
}

/** The environment of the proxy's container, as the image and deploy/proxy set it. */
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
