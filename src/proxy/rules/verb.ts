import type { RuledRequest } from './read-only.ts';

/** A verb of RBAC. */
export type Verb = 'get' | 'create' | 'update' | 'patch' | 'delete';

const verbs: ReadonlyMap<string, Verb> = new Map([
  ['POST', 'create'],
  ['MKCOL', 'create'],
  ['COPY', 'create'],
  ['PATCH', 'patch'],
  ['PROPPATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** Returns the verb of a request: `get` for reads, `create` for a change of the protocol, `update` for unknown methods. */
export function verbOf(request: RuledRequest): Verb {
  const { method, isUpgrade, isRead } = request;
  if (isRead) return 'get';
  return isUpgrade ? 'create' : (verbs.get(method) ?? 'update');
}
