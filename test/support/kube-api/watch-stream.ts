import type { ObjectStore, StoreEvent } from './object-store.ts';
import { textOf } from './object-text.ts';
import type { Reply } from './reply.ts';
import type { RequestAttributes } from './request-attributes.ts';
import { apiVersionOf } from './resources.ts';
import type { KubeObject, StoredResource } from './resources.ts';
import { selectorOf } from './selectors.ts';
import type { Selector } from './selectors.ts';
import { StatusError } from './status.ts';

/** How an expired revision is told: as an ERROR event on a 200 stream, or as HTTP 410. Servers do both. */
export type GoneAs = 'event' | 'status';

/** One open WATCH request. */
export class WatchStream {
  readonly resource: StoredResource;
  readonly namespace: string;
  readonly #store: ObjectStore;
  readonly #reply: Reply;
  readonly #selects: Selector;
  readonly #wantsBookmarks: boolean;
  #timeout: NodeJS.Timeout | undefined;
  /** The revision that the client has. */
  #from = 0;
  #stopWatching: () => void = () => undefined;

  constructor(
    store: ObjectStore,
    resource: StoredResource,
    request: RequestAttributes,
    query: URLSearchParams,
    reply: Reply,
  ) {
    this.resource = resource;
    this.namespace = request.namespace;
    this.#store = store;
    this.#reply = reply;
    this.#selects = selectorOf(query);
    this.#wantsBookmarks = query.get('allowWatchBookmarks') === 'true';
  }

  start(query: URLSearchParams, goneAs: GoneAs): void {
    // The programs list before they watch.
    this.#from = Number(query.get('resourceVersion'));
    const pending: StoreEvent[] = [];
    let deliver = (event: StoreEvent): void => void pending.push(event);
    try {
      this.#stopWatching = this.#store.watch(this.#from, (event) => deliver(event));
    } catch (error) {
      if (goneAs === 'status' || !(error instanceof StatusError)) throw error;
      this.#reply.head(200);
      this.#send('ERROR', error.toStatus());
      this.#reply.end();
      return;
    }
    this.#reply.onClose(() => this.#stop());
    this.#reply.head(200);
    deliver = (event) => this.#deliver(event);
    pending.forEach(deliver);
    const timeoutSeconds = Number(query.get('timeoutSeconds') ?? '0');
    if (timeoutSeconds > 0) this.#timeout = setTimeout(() => this.end(), timeoutSeconds * 1000).unref();
  }

  bookmark(): void {
    // None for a revision that the client has passed already.
    if (!this.#wantsBookmarks || this.#store.revision < this.#from) return;
    const { kind } = this.resource;
    const metadata = { resourceVersion: String(this.#store.revision), creationTimestamp: null };
    this.#send('BOOKMARK', { kind, apiVersion: apiVersionOf(this.resource), metadata });
  }

  /** Ends the stream as the server does at its timeout. */
  end(): void {
    this.bookmark();
    this.#reply.end();
  }

  /** An object that begins to match the selector is ADDED to this watch, one that no longer does is DELETED. */
  #deliver(event: StoreEvent): void {
    if (event.resource !== this.resource) return;
    const matching = (object: KubeObject | undefined): KubeObject | undefined =>
      object !== undefined && this.#isInScope(object) ? object : undefined;
    const current = matching(event.current);
    const previous = matching(event.previous);
    if (current) this.#send(previous ? 'MODIFIED' : 'ADDED', current);
    else if (previous) {
      const last = event.current ?? previous;
      this.#send('DELETED', { ...last, metadata: { ...last.metadata, resourceVersion: String(event.revision) } });
    }
  }

  #isInScope(object: KubeObject): boolean {
    return (this.namespace === '' || object.metadata.namespace === this.namespace) && this.#selects(object);
  }

  #send(type: string, object: unknown): void {
    this.#reply.write(`{"type":"${type}","object":${textOf(object)}}\n`);
  }

  #stop(): void {
    this.#stopWatching();
    clearTimeout(this.#timeout);
  }
}
