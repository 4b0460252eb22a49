import type { KubeObject } from './resources.ts';

export type Selector = (object: KubeObject) => boolean;

/** A `fieldSelector` of `metadata.name` and a `labelSelector` of equalities: what the programs send. */
export function selectorOf(query: URLSearchParams): Selector {
  const equalities = (name: string): readonly string[] => (query.get(name) ?? '').split(',').filter(Boolean);
  const tests = [
    ...equalities('fieldSelector').map((text) => test(text, ({ metadata }) => ({ 'metadata.name': metadata.name }))),
    ...equalities('labelSelector').map((text) => test(text, ({ metadata }) => metadata.labels)),
  ];
  return (object) => tests.every((isMet) => isMet(object));
}

function test(text: string, of: (object: KubeObject) => Readonly<Record<string, string>> | undefined): Selector {
  const [, key, value] = /^([^\s=!]+)=([^\s=]*)$/.exec(text) ?? [];
  if (key === undefined) throw new Error(`selector not supported: ${text}`);
  return (object) => of(object)?.[key] === value;
}
