import assert from 'node:assert/strict';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../deploy/manifests.ts';
import { eventually } from '../poll.ts';

/** What an API server answers. */
export interface ApiAnswer {
  readonly code: number;
  readonly text: string;
  /** The texts of its headers `warning`. */
  readonly warnings: readonly string[];
}

interface ApiRequest {
  readonly path: string;
  readonly method?: string;
  readonly body?: unknown;
  /** Of the body, without `application/`. */
  readonly type?: string;
}

/** Whom an administrator acts as. */
interface ActingUser {
  readonly user: string;
  readonly groups?: readonly string[];
  /** Such as the node of a service account's token. */
  readonly extra?: Readonly<Record<string, string>>;
}

interface Access {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  readonly as?: ActingUser;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Requests to a real API server, without any of the programs' clients. */
export class ApiClient {
  readonly #access: Access;
  /** By API version, as discovered. */
  readonly #resources = new Map<string, readonly Resource[]>();

  constructor(access: Access) {
    this.#access = access;
  }

  /** The same requests in the name of another user. */
  as(user: ActingUser): ApiClient {
    return new ApiClient({ ...this.#access, as: user });
  }

  /** Sends a request, again where the server says that it is not ready for the kind. */
  async request(request: ApiRequest): Promise<ApiAnswer> {
    for (;;) {
      const answer = await this.#send(request);
      if (answer.code !== 429) return answer;
      await sleep(1_000);
    }
  }

  #send({ path, method = 'GET', body, type = 'json' }: ApiRequest): Promise<ApiAnswer> {
    const { url, ca } = this.#access;
    const headers = { ...this.#identity(), ...(body === undefined ? {} : { 'content-type': `application/${type}` }) };
    return new Promise((resolve, reject) => {
      const call = request(`${url}${path}`, { method, headers, ca }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const warnings = (response.headers.warning ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g);
          const unquoted = [...warnings].map(([, quoted]) => JSON.parse(`"${quoted}"`) as string);
          resolve({ code: response.statusCode ?? 0, text, warnings: unquoted });
        });
        response.on('error', reject);
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Creates an object. @param query such as `dryRun=All`. */
  async create(object: Manifest, query = ''): Promise<ApiAnswer> {
    return await this.request({ method: 'POST', path: `${await this.#place(object)}?${query}`, body: object });
  }

  /** Replaces an object. */
  async update(object: Manifest, query = ''): Promise<ApiAnswer> {
    return await this.request({ method: 'PUT', path: `${await this.pathOf(object)}?${query}`, body: object });
  }

  /** Applies objects one after the other. @throws unless the server takes each. */
  async apply(objects: readonly Manifest[]): Promise<void> {
    for (const object of objects) {
      const path = `${await this.pathOf(object)}?fieldManager=tests&force=true&fieldValidation=Strict`;
      const { code, text } = await this.request({ method: 'PATCH', path, body: object, type: 'apply-patch+yaml' });
      assert.ok(code < 300, text);
    }
  }

  /** Reads an object; undefined: it is not there. */
  async find(object: Manifest): Promise<Manifest | undefined> {
    const { code, text } = await this.request({ path: await this.pathOf(object) });
    assert.ok(code === 200 || code === 404, text);
    return code === 200 ? (JSON.parse(text) as Manifest) : undefined;
  }

  /** Reads all objects of a kind in all namespaces. */
  async list(apiVersion: string, kind: string): Promise<readonly Manifest[]> {
    const { code, text } = await this.request({ path: await this.#place({ apiVersion, kind, metadata: {} }) });
    assert.equal(code, 200, text);
    const { items } = JSON.parse(text) as { readonly items: readonly Manifest[] };
    return items.map((item) => ({ ...item, apiVersion, kind }));
  }

  /** Deletes an object, if it is there. */
  async remove(object: Manifest): Promise<void> {
    const { code, text } = await this.request({ method: 'DELETE', path: await this.pathOf(object) });
    assert.ok(code < 300 || code === 404, text);
  }

  /** The path of an object. */
  async pathOf(object: Manifest): Promise<string> {
    return `${await this.#place(object)}/${object.metadata.name ?? ''}`;
  }

  async #place({ apiVersion, kind, metadata }: Manifest): Promise<string> {
    const group = `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}`;
    const resource = await this.#resource(group, kind);
    const { namespace } = metadata;
    const isInNamespace = resource.namespaced && namespace !== undefined;
    return `${group}${isInNamespace ? `/namespaces/${namespace}` : ''}/${resource.name}`;
  }

  async #resource(group: string, kind: string): Promise<Resource> {
    const isOf = (resource: Resource): boolean => resource.kind === kind && !resource.name.includes('/');
    const known = this.#resources.get(group)?.find(isOf);
    if (known !== undefined) return known;
    let found: Resource | undefined;
    // It lists a kind some time after its CRD is established.
    await eventually(`the API server knows ${kind} of ${group}`, async () => {
      const { code, text } = await this.request({ path: group });
      if (code !== 200) return false;
      const { resources = [] } = JSON.parse(text) as { readonly resources?: readonly Resource[] };
      this.#resources.set(group, resources);
      found = resources.find(isOf);
      return found !== undefined;
    });
    assert.ok(found);
    return found;
  }

  #identity(): Record<string, string | string[]> {
    const { token, as } = this.#access;
    const extra = Object.entries(as?.extra ?? {}).map(([key, value]): [string, string] => [
      `impersonate-extra-${encodeURIComponent(key)}`,
      value,
    ]);
    return {
      authorization: `Bearer ${token}`,
      ...(as === undefined ? {} : { 'impersonate-user': as.user, ...Object.fromEntries(extra) }),
      ...(as?.groups === undefined ? {} : { 'impersonate-group': [...as.groups] }),
    };
  }
}
