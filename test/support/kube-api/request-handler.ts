import { parse } from 'lossless-json';
import type { AccessRules } from './access-rules.ts';
import type { Identities, User } from './identities.ts';
import type { ObjectStore } from './object-store.ts';
import { listTextOf, textOf } from './object-text.ts';
import type { ApiRequest, Reply } from './reply.ts';
import type { RequestAttributes } from './request-attributes.ts';
import { apiVersionOf, isCustom, storedResources } from './resources.ts';
import type { KubeObject, StoredResource } from './resources.ts';
import { requestToken, reviewAccess, reviewToken } from './reviews.ts';
import { selectorOf } from './selectors.ts';
import { notFound, StatusError } from './status.ts';
import { WatchStream } from './watch-stream.ts';
import type { GoneAs } from './watch-stream.ts';

interface ServerState {
  readonly store: ObjectStore;
  readonly rules: AccessRules;
  readonly identities: Identities;
  readonly watches: Set<WatchStream>;
  readonly goneAs: GoneAs;
}

/** Authorises one authenticated request and answers it. */
export async function answer(
  state: ServerState,
  request: ApiRequest,
  attributes: RequestAttributes,
  user: User,
  reply: Reply,
): Promise<void> {
  if (!attributes.isResource) {
    reply.send(200, 'ok');
    return;
  }
  if (!state.rules.isAllowed(user, attributes)) throw forbidden(user, attributes);
  const query = new URL(request.url ?? '', 'https://server').searchParams;
  if (attributes.verb === 'watch') {
    startWatch(state, attributes, query, reply);
    return;
  }
  const given = await readBody(request);
  if (attributes.verb === 'list') {
    reply.send(200, listTextOf(listOf(state.store, resourceOf(attributes), attributes.namespace, query)));
    return;
  }
  const [code, body] = operate(state, attributes, user, given);
  reply.send(code, textOf(body));
}

function startWatch(state: ServerState, attributes: RequestAttributes, query: URLSearchParams, reply: Reply): void {
  const watch = new WatchStream(state.store, resourceOf(attributes), attributes, query, reply);
  state.watches.add(watch);
  reply.onClose(() => state.watches.delete(watch));
  watch.start(query, state.goneAs);
}

function operate(state: ServerState, attributes: RequestAttributes, user: User, body: unknown): [number, unknown] {
  const { verb, resource, subresource, namespace, name } = attributes;
  if (verb === 'create') {
    if (resource === 'subjectaccessreviews') return [201, reviewAccess(state.rules, user, body, false)];
    if (resource === 'selfsubjectaccessreviews') return [201, reviewAccess(state.rules, user, body, true)];
    if (resource === 'tokenreviews') return [201, reviewToken(state.identities, body)];
    if (resource === 'serviceaccounts' && subresource === 'token') {
      return [201, requestToken(state.store, state.identities, attributes, body)];
    }
  }
  const stored = resourceOf(attributes);
  // A real API server validates what programs create.
  if (verb === 'create') return [201, state.store.create(stored, body as KubeObject)];
  if (verb === 'patch') return [200, patch(state.store, stored, attributes, body)];
  const object = state.store.get(stored, { namespace, name });
  if (!object) throw notFound(stored, name);
  return [200, object];
}

/** A JSON merge patch; of a subresource only the status is taken, of the object itself everything but it. */
function patch(store: ObjectStore, stored: StoredResource, attributes: RequestAttributes, change: unknown): unknown {
  const { name, subresource } = attributes;
  const previous = store.get(stored, attributes);
  if (!previous) throw notFound(stored, name);
  const changed = mergePatched(previous, change) as KubeObject;
  const metadata = { ...previous.metadata, resourceVersion: changed.metadata.resourceVersion ?? '' };
  const hasStatus = isCustom(stored);
  if (subresource === 'status') return store.update(stored, { ...previous, metadata, status: changed['status'] });
  return store.update(stored, { ...changed, metadata, ...(hasStatus ? { status: previous['status'] } : {}) });
}

/** RFC 7396. */
function mergePatched(target: unknown, change: unknown): unknown {
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return change;
  const merged = new Map(typeof target === 'object' && target !== null ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(change)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatched(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

interface ObjectList {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
  };
  readonly items: readonly unknown[];
}

/** With `limit`, a page: those after it are of the same revision, whatever has changed since. */
function listOf(store: ObjectStore, stored: StoredResource, namespace: string, query: URLSearchParams): ObjectList {
  const { revision, after } = positionIn(query, store.revision);
  const selects = selectorOf(query);
  const left = store.listAt(revision, stored, namespace).filter(([key, object]) => key > after && selects(object));
  const page = left.slice(0, Number(query.get('limit') ?? '0') || left.length);
  const last = page.length < left.length ? page.at(-1)?.[0] : undefined;
  const items = page.map(([, object]) => object);
  return {
    kind: `${stored.kind}List`,
    apiVersion: apiVersionOf(stored),
    metadata: {
      resourceVersion: String(revision),
      ...(last === undefined ? {} : { continue: tokenOf(revision, last) }),
    },
    items: isCustom(stored)
      ? items
      : items.map((item) =>
          Object.fromEntries(Object.entries(item).filter(([key]) => key !== 'kind' && key !== 'apiVersion')),
        ),
  };
}

function tokenOf(rv: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start })).toString('base64url');
}

function positionIn(query: URLSearchParams, now: number): { readonly revision: number; readonly after: string } {
  const token = query.get('continue') ?? '';
  if (token === '') return { revision: now, after: '' };
  const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv: number; start: string };
  return { revision: rv, after: start };
}

function resourceOf({ group, version, resource }: RequestAttributes): StoredResource {
  const found = storedResources.find(
    (stored) => stored.group === group && stored.version === version && stored.resource === resource,
  );
  if (!found) throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
  return found;
}

function forbidden(
  user: User,
  { verb, group, resource, subresource, namespace, name }: RequestAttributes,
): StatusError {
  const what = `${resource}${subresource === '' ? '' : `/${subresource}`}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const subject = `${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : ` "${name}"`}`;
  return new StatusError(
    403,
    'Forbidden',
    `${subject} is forbidden: User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${scope}`,
  );
}

async function readBody(request: ApiRequest): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : parse(Buffer.concat(chunks).toString(), undefined, { parseNumber: Number });
}
