import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { textOf } from './object-text.ts';
import { apiVersionOf, storedResources } from './resources.ts';
import type { KubeObject, StoredObject, StoredResource } from './resources.ts';
import { alreadyExists, conflict, expired, notFound } from './status.ts';

export interface StoreEvent {
  readonly revision: number;
  readonly resource: StoredResource;
  /** Absent: the object was deleted. */
  readonly current?: StoredObject;
  /** Absent: the object is new. */
  readonly previous?: StoredObject;
}

export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

export interface Backup {
  readonly revision: number;
  readonly objects: ReadonlyMap<string, StoredObject>;
}

/** Objects with one revision counter for all of them and the history of changes since the last compaction, as etcd has. */
export class ObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #watchers = new Set<(event: StoreEvent) => void>();
  #history: StoreEvent[] = [];
  #compacted = 0;
  #revision = 1000;
  /** The last list, which its next pages are of. Made for each page, a list of 200,000 objects would take over a minute. */
  #listed: { revision: number; prefix: string; entries: (readonly [string, StoredObject])[] } | undefined;

  get revision(): number {
    return this.#revision;
  }

  get(resource: StoredResource, name: ObjectName): StoredObject | undefined {
    return this.#objects.get(keyOf(resource, name));
  }

  /** In the order of their keys, as etcd has them. */
  list(resource: StoredResource, namespace: string): readonly StoredObject[] {
    return this.listAt(this.#revision, resource, namespace).map(([, object]) => object);
  }

  /**
   * The objects as they were at a revision, with their keys.
   * @throws {StatusError} 410 when that history is gone.
   */
  listAt(
    revision: number,
    resource: StoredResource,
    namespace: string,
  ): readonly (readonly [key: string, object: StoredObject])[] {
    if (revision < this.#compacted) throw expired(revision, this.#compacted);
    const prefix = `${resource.resource}/${namespace === '' ? '' : `${namespace}/`}`;
    if (this.#listed?.revision !== revision || this.#listed.prefix !== prefix) {
      const objects = [...(revision === this.#revision ? this.#objects : this.#objectsAt(revision))];
      const entries = objects.filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
      this.#listed = { revision, prefix, entries };
    }
    return this.#listed.entries;
  }

  #objectsAt(revision: number): ReadonlyMap<string, StoredObject> {
    const objects = new Map(this.#objects);
    const later = this.#history.filter((event) => event.revision > revision).reverse();
    for (const { resource, current, previous } of later) {
      const key = keyOf(resource, (previous ?? current)!.metadata);
      if (previous) objects.set(key, previous);
      else objects.delete(key);
    }
    return objects;
  }

  create(resource: StoredResource, object: KubeObject): StoredObject {
    if (this.get(resource, object.metadata)) throw alreadyExists(resource, object.metadata.name);
    return this.put(resource, object);
  }

  /** Replaces; a `resourceVersion` in the object must be the current one. */
  update(resource: StoredResource, object: KubeObject): StoredObject {
    const previous = this.get(resource, object.metadata);
    if (!previous) throw notFound(resource, object.metadata.name);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== previous.metadata.resourceVersion) {
      throw conflict(resource, object.metadata.name, 'the object has been modified; please apply your changes');
    }
    return this.put(resource, object);
  }

  /** Creates or replaces without asking; what the server fills in (uid, generation, …) is filled in. */
  put(resource: StoredResource, object: KubeObject): StoredObject {
    const previous = this.get(resource, object.metadata);
    const stored = freezeDeep<StoredObject>({
      ...structuredClone(object),
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        ...structuredClone(object.metadata),
        uid: object.metadata.uid ?? previous?.metadata.uid ?? randomUUID(),
        creationTimestamp: previous?.metadata.creationTimestamp ?? new Date().toISOString().replace(/\.\d+/, ''),
        generation: nextGeneration(previous, object),
        resourceVersion: String(this.#revision + 1),
      },
    });
    // Before anybody waits for it.
    textOf(stored);
    this.#objects.set(keyOf(resource, object.metadata), stored);
    this.#record({ resource, current: stored, ...(previous ? { previous } : {}) });
    return stored;
  }

  delete(resource: StoredResource, name: ObjectName): StoredObject {
    const previous = this.get(resource, name);
    if (!previous) throw notFound(resource, name.name);
    this.#objects.delete(keyOf(resource, name));
    this.#record({ resource, previous });
    return previous;
  }

  /** Forgets the history up to now: a watch from an earlier revision gets 410. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#history = [];
  }

  /** Moves the revision on as a change of some other object would. */
  advance(): void {
    this.#revision += 1;
  }

  /** What `restore` needs to go back to now. */
  backup(): Backup {
    return { revision: this.#revision, objects: new Map(this.#objects) };
  }

  /**
   * Goes back, revisions too, so that later changes get revisions that others have had. What is watched hears nothing of
   * it, and a watch from a revision that is not there yet hears nothing until it is, as the API server has it.
   */
  restore({ revision, objects }: Backup): void {
    this.#objects.clear();
    this.#listed = undefined;
    for (const [key, object] of objects) this.#objects.set(key, object);
    this.#revision = revision;
    this.compact();
  }

  /**
   * Calls `watcher` with each change after `revision`, past ones at once, then as they happen.
   * @throws {StatusError} 410 when that history is gone.
   * @returns ends the watch.
   */
  watch(revision: number, watcher: (event: StoreEvent) => void): () => void {
    if (revision < this.#compacted) throw expired(revision, this.#compacted);
    for (const event of this.#history) {
      if (event.revision > revision) watcher(event);
    }
    const later = (event: StoreEvent): void => {
      if (event.revision > revision) watcher(event);
    };
    this.#watchers.add(later);
    return () => this.#watchers.delete(later);
  }

  #record(event: Omit<StoreEvent, 'revision'>): void {
    this.#revision += 1;
    const recorded = { ...event, revision: this.#revision };
    this.#history.push(recorded);
    for (const watcher of [...this.#watchers]) watcher(recorded);
  }
}

function keyOf(resource: StoredResource, { namespace, name }: ObjectName): string {
  return resource.namespaced ? `${resource.resource}/${namespace ?? ''}/${name}` : `${resource.resource}/${name}`;
}

/** As for a kind with a status subresource: the generation moves when anything but status or metadata changes. */
function nextGeneration(previous: StoredObject | undefined, object: KubeObject): number {
  if (!previous) return 1;
  const desired = (value: KubeObject): object => ({ ...value, apiVersion: '', kind: '', metadata: null, status: null });
  return previous.metadata.generation + (isDeepStrictEqual(desired(previous), desired(object)) ? 0 : 1);
}

function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freezeDeep(member);
  }
  return value;
}

export function resourceByKind(apiVersion: string, kind: string): StoredResource {
  const found = storedResources.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
  if (!found) throw new Error(`the test server stores no ${apiVersion} ${kind}`);
  return found;
}

export function resourceByPlural(plural: string): StoredResource {
  const found = storedResources.find(({ resource }) => resource === plural);
  if (!found) throw new Error(`the test server stores no ${plural}`);
  return found;
}
