import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { discover } from '../kube-api/discovery.ts';
import { apiVersionOf } from '../kube-api/resources.ts';
import type { StoredResource } from '../kube-api/resources.ts';
import { kubectlFolders } from './helm.ts';
import { kinds } from './kinds.ts';
import { objectIn } from './kubernetes-protobuf.ts';
import type { Manifest } from './manifests.ts';
import { mergePatch } from './merge-patch.ts';

interface Definition {
  readonly group: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly names: { readonly kind: string; readonly plural: string };
  readonly versions: readonly { readonly name: string }[];
}

/** What a run of kubectl prints. */
export interface KubectlRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Send = (code: number, body: object, warning?: string) => void;

/**
 * An API server as far as kubectl and Helm need one to create, apply, delete and wait for rollouts, over HTTP on
 * loopback. It knows a custom kind once its definition has been created.
 */
export class ApplyServer {
  /** Where commands run; gone with the server. */
  readonly folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-apply-'));
  readonly #objects = new Map<string, Manifest>();
  readonly #server: Server;
  #count = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<ApplyServer> {
    const server = new ApplyServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.#writeKubeconfig();
    return server;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    rmSync(this.folder, { recursive: true });
  }

  /** Runs a command line in a shell, in which kubectl reaches this server. */
  run(command: string): Promise<KubectlRun> {
    const env = {
      ...process.env,
      PATH: [...kubectlFolders, process.env['PATH']].join(':'),
      KUBECONFIG: path.join(this.folder, 'kubeconfig'),
      KUBECACHEDIR: path.join(this.folder, 'cache'),
    };
    return new Promise((resolve) => {
      execFile('sh', ['-ec', command], { cwd: this.folder, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  /** All that is there of a kind, and of a name where one is given. */
  find(kind: string, name?: string): readonly Manifest[] {
    const objects = [...this.#objects.values()];
    return objects.filter((object) => object.kind === kind && (name ?? object.metadata.name) === object.metadata.name);
  }

  /** Puts an object there that no command has made. */
  put(object: Manifest): void {
    const resource = this.#resources().find(({ kind }) => kind === object.kind);
    this.#objects.set([resource?.resource, object.metadata.namespace ?? '', object.metadata.name].join('/'), object);
  }

  /** Runs `kubectl apply` of these objects. */
  async apply(objects: readonly Manifest[]): Promise<KubectlRun> {
    const file = path.join(this.folder, 'objects.yaml');
    writeFileSync(file, objects.map((object) => stringify(object)).join('---\n'));
    return await this.run(`kubectl apply -f ${file}`);
  }

  #writeKubeconfig(): void {
    const { port } = this.#server.address() as AddressInfo;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'it', cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: 'admin', user: { token: 'unused' } }],
      contexts: [{ name: 'it', context: { cluster: 'it', user: 'admin' } }],
      'current-context': 'it',
    };
    writeFileSync(path.join(this.folder, 'kubeconfig'), stringify(config));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const send: Send = (code, body, warning) => {
      response.writeHead(code, {
        'content-type': 'application/json',
        ...(warning === undefined ? {} : { warning: `299 - "${warning}"` }),
      });
      response.end(JSON.stringify(body));
    };
    const url = new URL(request.url ?? '', 'http://server');
    const { pathname, searchParams } = url;
    const found = pathname === '/version' ? serverVersion : discover(pathname, this.#resources());
    if (found !== undefined) send(200, found);
    else if (searchParams.get('sendInitialEvents') !== null)
      send(422, status('Invalid', 422, 'lists are not streamed'));
    else if (searchParams.get('watch') !== null)
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    else this.#answer(request, url, Buffer.concat(chunks), send);
  }

  #answer(request: IncomingMessage, url: URL, body: Buffer, send: Send): void {
    const { method = '' } = request;
    const place = this.#placeOf(url.pathname);
    if (place === undefined) return notFound(send, `the server could not find the requested resource ${url.pathname}`);
    const { resource, namespace, name } = place;
    const key = [resource.resource, namespace, name].join('/');
    // A server-side apply is in YAML, of which JSON is a part.
    const given = (): Manifest => objectIn(body, parse) as Manifest;
    if (method === 'POST') return this.#create(resource, namespace, given(), send);
    if (name === '') return send(200, this.#list(resource, key, url.searchParams));
    const object = this.#objects.get(key);
    const patchType = /^application\/([a-z-]+)\+/.exec(request.headers['content-type'] ?? '')?.[1];
    if (method === 'PATCH' && patchType === 'apply-patch' && object === undefined) {
      return this.#create(resource, namespace, given(), send);
    }
    if (object === undefined) return notFound(send, `${resource.resource} "${name}" not found`);
    if (method === 'DELETE') {
      this.#objects.delete(key);
      return send(200, { kind: 'Status', apiVersion: 'v1', status: 'Success' });
    }
    if (method !== 'PATCH' && method !== 'PUT') return send(200, object);
    const changed =
      method === 'PUT' || patchType === 'apply-patch' ? given() : (mergePatch(object, given()) as Manifest);
    this.#count += 1;
    const metadata = { ...changed.metadata, uid: uidOf(object), resourceVersion: String(this.#count) };
    const kept = { ...changed, ...statusOf(changed), metadata };
    this.#objects.set(key, kept);
    send(200, kept);
  }

  #list(resource: StoredResource, key: string, query: URLSearchParams): object {
    const labels = (query.get('labelSelector') ?? '').split(',').filter((part) => part !== '');
    const items = [...this.#objects]
      .filter(([at]) => at.startsWith(key))
      .map(([, object]) => object)
      .filter(({ metadata }) =>
        labels.every((part) => {
          const [label = '', value] = part.split(/==?/);
          return metadata.labels?.[label] === value;
        }),
      );
    const metadata = { resourceVersion: String(this.#count) };
    return { apiVersion: apiVersionOf(resource), kind: `${resource.kind}List`, metadata, items };
  }

  #create(resource: StoredResource, namespace: string, given: Manifest, send: Send): void {
    if (resource.namespaced && !this.#objects.has(`namespaces//${namespace}`)) {
      return notFound(send, `namespaces "${namespace}" not found`);
    }
    this.#count += 1;
    const { generateName } = given.metadata;
    const name = given.metadata.name ?? `${generateName ?? ''}${this.#count}`;
    const resourceVersion = String(this.#count);
    const metadata = { ...given.metadata, name, uid: `uid-${this.#count}`, resourceVersion, generation: 1 };
    const object = { ...given, ...statusOf(given), metadata };
    const key = [resource.resource, resource.namespaced ? namespace : '', name].join('/');
    if (this.#objects.has(key))
      return send(409, status('AlreadyExists', 409, `${resource.resource} "${name}" already exists`));
    this.#objects.set(key, object);
    send(201, object, warningOf(object));
  }

  #placeOf(pathname: string): { resource: StoredResource; namespace: string; name: string } | undefined {
    const words = pathname.split('/').slice(1);
    const [group, version, ...rest] = words[0] === 'api' ? ['', ...words.slice(1)] : words.slice(1);
    const isBelowNamespace = rest[0] === 'namespaces' && rest.length > 2;
    const [namespace = '', plural = '', name = ''] = isBelowNamespace ? rest.slice(1) : ['', ...rest];
    const resource = this.#resources().find(
      (one) => one.group === group && one.version === version && one.resource === plural,
    );
    return resource && { resource, namespace, name };
  }

  #resources(): readonly StoredResource[] {
    const definitions = [...this.#objects.values()].filter(({ kind }) => kind === 'CustomResourceDefinition');
    return [node, ...builtIn, ...definitions.map(customResource)];
  }
}

const serverVersion = { major: '1', minor: '36', gitVersion: 'v1.36.3' };

const node = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
const builtIn: readonly StoredResource[] = Object.entries(kinds).map(([key, { properties }]) => {
  const [apiVersion = '', kind = ''] = key.split(' ');
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const namespaced = properties?.['metadata']?.required?.includes('namespace') === true;
  return { group, version, kind, resource: pluralOf(kind.toLowerCase()), namespaced };
});

function pluralOf(word: string): string {
  return word.endsWith('y') ? `${word.slice(0, -1)}ies` : `${word}s`;
}

function customResource(object: Manifest): StoredResource {
  // Its shape is checked with all that deploy/ has.
  const { group, scope, names, versions } = object['spec'] as Definition;
  const version = versions[0]?.name ?? '';
  return { group, version, kind: names.kind, resource: names.plural, namespaced: scope === 'Namespaced' };
}

function notFound(send: Send, message: string): void {
  send(404, status('NotFound', 404, message));
}

const replicas = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const pods = { desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1, numberReady: 1 };
/** What objects of a kind have a moment later. */
const statuses: Readonly<Record<string, object>> = {
  CustomResourceDefinition: {
    conditions: ['Established', 'NamesAccepted'].map((type) => ({ type, status: 'True' })),
  },
  DaemonSet: { observedGeneration: 1, currentNumberScheduled: 1, ...pods },
  Deployment: { observedGeneration: 1, ...replicas },
  Namespace: { phase: 'Active' },
};

function statusOf({ kind }: Manifest): object {
  return kind in statuses ? { status: statuses[kind] } : {};
}

function uidOf({ metadata }: Manifest): unknown {
  return 'uid' in metadata ? metadata.uid : undefined;
}

function status(reason: string, code: number, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code };
}

/** What Kubernetes says from 1.35 on. */
function warningOf({ kind, spec }: Manifest): string | undefined {
  const { tokenRequests, serviceAccountTokenInSecrets } = (spec ?? {}) as Record<string, unknown>;
  const isSilent = kind !== 'CSIDriver' || tokenRequests === undefined || serviceAccountTokenInSecrets !== undefined;
  return isSilent ? undefined : 'spec.serviceAccountTokenInSecrets is unset';
}
