import { createSecureServer } from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import { stringify } from 'lossless-json';
import { AccessRules } from './access-rules.ts';
import type { Binding } from './access-rules.ts';
import { applyFaults } from './apply-faults.ts';
import { CertificateAuthority } from '../tls/certificate-authority.ts';
import type { KeyPair } from '../tls/certificate-authority.ts';
import { writeInClusterFiles, writeKubeconfig } from './credential-files.ts';
import type { InClusterFiles, KubeconfigUser } from './credential-files.ts';
import { Faults } from './faults.ts';
import { Identities } from './identities.ts';
import type { User } from './identities.ts';
import { ObjectStore, resourceByKind, resourceByPlural } from './object-store.ts';
import type { Backup, ObjectName } from './object-store.ts';
import { Reply } from './reply.ts';
import type { ApiRequest, ApiResponse } from './reply.ts';
import { requestAttributes } from './request-attributes.ts';
import type { RequestAttributes } from './request-attributes.ts';
import { answer } from './request-handler.ts';
import type { KubeObject, StoredObject } from './resources.ts';
import { serverCertificate } from './server-certificate.ts';
import type { CertificateChoice } from './server-certificate.ts';
import { StatusError } from './status.ts';
import type { GoneAs, WatchStream } from './watch-stream.ts';

export interface KubeApiOptions {
  /** For the faults with a probability. */
  readonly random?: () => number;
  readonly goneAs?: GoneAs;
  /** Streams that one HTTP/2 connection may have open; Kubernetes allows 100. */
  readonly maxConcurrentStreams?: number;
}

/** What one HTTP/2 connection may buffer. At ten, node's own limit, it refuses streams while large objects are sent; Go has none. */
const sessionMegabytes = 100;

/** A request as the audit log of the API server would have it. */
interface LoggedRequest extends RequestAttributes {
  /** Empty when the caller is not known. */
  readonly user: string;
  /** Query parameters. */
  readonly query: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch, at arrival. */
  readonly at: number;
  /** HTTP status of the answer; 0 while there is none. */
  readonly code: number;
}

type RequestPattern = Partial<
  Pick<LoggedRequest, 'verb' | 'resource' | 'subresource' | 'namespace' | 'name' | 'user' | 'code'>
>;

/**
 * A Kubernetes API server in this process, on the loopback interface, over real TLS, HTTP/1.1 and HTTP/2. It keeps
 * objects, authenticates, authorises by RBAC rules and misbehaves on demand. Tests hold both ends: objects are put and
 * deleted directly, everything else goes through requests.
 */
export class KubeApi {
  readonly faults: Faults;
  readonly identities = new Identities();
  readonly authority = new CertificateAuthority();
  readonly #store = new ObjectStore();
  readonly #rules = new AccessRules();
  readonly #watches = new Set<WatchStream>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #requests: LoggedRequest[] = [];
  readonly #options: KubeApiOptions;
  readonly #server: TlsServer;
  #port = 0;

  private constructor(options: KubeApiOptions) {
    this.#options = options;
    this.faults = new Faults(options.random ?? Math.random);
    const tls = pemOf(serverCertificate(this.authority, 'valid'));
    const serve = (request: ApiRequest, response: ApiResponse): void => void this.#serve(request, response);
    const settings = { maxConcurrentStreams: options.maxConcurrentStreams ?? 100 };
    this.#server = createSecureServer(
      { ...tls, allowHTTP1: true, settings, maxSessionMemory: sessionMegabytes },
      serve,
    );
    this.#server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    this.#server.on('sessionError', () => undefined);
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(options: KubeApiOptions = {}): Promise<KubeApi> {
    const api = new KubeApi(options);
    await api.goOnline();
    return api;
  }

  async stop(): Promise<void> {
    await this.goOffline();
  }

  /** Accepts connections (again), always on the same port. */
  async goOnline(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => resolve());
    });
    const address = this.#server.address() as AddressInfo;
    this.#port = address.port;
  }

  /** Closes every connection and refuses new ones; the objects stay. */
  async goOffline(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.closeConnections();
    await closed;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** The revision of the newest change. */
  get revision(): string {
    return String(this.#store.revision);
  }

  // Objects

  /** Creates or replaces an object without any checks, as another client would. Frozen; has uid, resourceVersion and the rest. */
  put(object: KubeObject): StoredObject {
    return this.#store.put(resourceByKind(object.apiVersion, object.kind), object);
  }

  /** @param resource plural, such as `connectors`. */
  get(resource: string, name: ObjectName): StoredObject | undefined {
    return this.#store.get(resourceByPlural(resource), name);
  }

  list(resource: string, namespace = ''): readonly StoredObject[] {
    return this.#store.list(resourceByPlural(resource), namespace);
  }

  delete(resource: string, name: ObjectName): void {
    this.#store.delete(resourceByPlural(resource), name);
  }

  /** Forgets the history: watches that resume from an earlier revision get 410. Open ones go on. */
  compact(): void {
    this.#store.compact();
  }

  /** What `restore` needs to bring the objects and the revision back to now. */
  backup(): Backup {
    return this.#store.backup();
  }

  /** As after a restore of etcd from a backup: older objects, an older revision; every connection breaks. */
  restore(backup: Backup): void {
    this.#store.restore(backup);
    this.closeConnections();
  }

  /** Moves the revision on as changes to objects that nobody watches do. */
  advanceRevision(): void {
    this.#store.advance();
  }

  // Access

  /** Grants rules; the returned function takes them back. */
  bind(binding: Binding): () => void {
    return this.#rules.bind(binding);
  }

  /** A bearer token for a user; grants nothing. */
  tokenFor(user: string, groups: readonly string[] = []): string {
    return this.identities.issueStatic(user, groups);
  }

  // Observation

  get requests(): readonly LoggedRequest[] {
    return this.#requests;
  }

  requestsOf(pattern: RequestPattern): readonly LoggedRequest[] {
    const conditions = Object.entries(pattern);
    return this.#requests.filter((request) => {
      const fields = new Map<string, unknown>(Object.entries(request));
      return conditions.every(([key, value]) => fields.get(key) === value);
    });
  }

  count(pattern: RequestPattern): number {
    return this.requestsOf(pattern).length;
  }

  clearRequests(): void {
    this.#requests.length = 0;
  }

  /** Watches open now, of one resource or of all. */
  openWatches(resource?: string): number {
    return [...this.#watches].filter((watch) => resource === undefined || watch.resource.resource === resource).length;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  // Fault

  sendBookmarks(): void {
    for (const watch of this.#watches) watch.bookmark();
  }

  /** Ends all watches in the orderly way, as at their timeout. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  /** HTTP/2's orderly farewell: no new streams on the open connections, the open ones go on. */
  sendGoaway(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Breaks every connection at once. */
  closeConnections(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Which certificate new connections get. */
  useCertificate(choice: CertificateChoice): void {
    this.#server.setSecureContext(pemOf(serverCertificate(this.authority, choice)));
  }

  // Credentials

  /** Files as in a pod of the service account (which need not exist as an object). */
  writeInClusterFiles(folder: string, account: { readonly namespace: string; readonly name: string }): InClusterFiles {
    return writeInClusterFiles(folder, this.authority, this.identities, account, this.#port);
  }

  /** Writes a kubeconfig for a user with a static token. */
  writeKubeconfig(file: string, { name, groups, namespace }: KubeconfigUser): void {
    const user = { token: this.tokenFor(name, groups) };
    writeKubeconfig(file, { server: this.url, ca: this.authority.certificate, user }, namespace);
  }

  async #serve(request: ApiRequest, response: ApiResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'https://server');
    const attributes = requestAttributes(request.method ?? '', url);
    const reply = new Reply(request, response);
    const user = this.#authenticate(request);
    this.#log(url, attributes, user, reply);
    try {
      if ((await applyFaults(this.faults.take(attributes), reply)) === 'answered') return;
      if (!user) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
      const { identities } = this;
      const goneAs = this.#options.goneAs ?? 'event';
      const state = { store: this.#store, rules: this.#rules, identities, watches: this.#watches, goneAs };
      await answer(state, request, attributes, user, reply);
    } catch (error) {
      if (reply.isOver) return;
      const status = error instanceof StatusError ? error : new StatusError(500, 'InternalError', String(error));
      reply.send(status.code, stringify(status.toStatus()) ?? '');
    }
  }

  #authenticate(request: ApiRequest): User | undefined {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    return token === undefined ? undefined : this.identities.authenticate(token);
  }

  #log(url: URL, attributes: RequestAttributes, user: User | undefined, reply: Reply): void {
    this.#requests.push({
      ...attributes,
      user: user?.name ?? '',
      query: Object.fromEntries(url.searchParams),
      at: Date.now(),
      get code() {
        return reply.code;
      },
    });
  }
}

function pemOf(pair: KeyPair): { readonly cert: string; readonly key: string } {
  return { cert: pair.certificate, key: pair.key };
}
