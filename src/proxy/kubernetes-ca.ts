import { sleep } from '../shared/abortable.ts';
import type { Clock } from '../shared/clock.ts';
import { CodedError, orThrow } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import { apiFailure } from '../shared/kube/api-failure.ts';
import type { KubeClient } from '../shared/kube/kube-client.ts';
import { isKubeError } from '../shared/kube/kube-error.ts';
import { metadataText } from '../shared/kube/kube-object.ts';
import { parsedOnce } from '../shared/per-object.ts';
import { Reflector } from '../shared/kube/reflector.ts';
import type { Log } from '../shared/log.ts';
import type { CaSource, CertificateAuthority } from './certificates/certificate-authority.ts';
import { createCa, parseCa } from './certificates/certificate-authority.ts';
import { secretType } from './secrets/kubernetes-secrets.ts';
import { parseSecret } from './secrets/secret-source.ts';
import type { SecretObject } from './secrets/secret-source.ts';
import { Secret } from '../shared/secret.ts';
import { objectKey } from '../shared/names.ts';

/** Name of the Secret with the CA, in the proxy's namespace. */
export const caSecretName = 'connectors-proxy-ca';

/** Delay after a failed attempt to create the Secret. It fails only without permission or without the API server. */
const retryMs = 5_000;

/**
 * The CA in a Secret, watched. The first replica that finds no Secret creates it. If several try at once, the API
 * server accepts one, and all replicas read that one.
 */
export class KubernetesCa implements CaSource {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #reflector: Reflector;
  readonly #stopping = new AbortController();
  readonly #parsed = parsedOnce((object: JsonObject) => caIn(parseSecret(object)));
  #problem: CodedError | undefined;

  constructor(client: KubeClient, namespace: string, clock: Clock, log: Log) {
    this.#client = client;
    this.#namespace = namespace;
    this.#clock = clock;
    this.#log = log;
    this.#reflector = new Reflector(client, { type: secretType, namespace, name: caSecretName }, log);
  }

  start(): void {
    this.#reflector.start();
    void this.#ensureExists();
  }

  stop(): void {
    this.#stopping.abort();
    this.#reflector.stop();
  }

  onChange(listener: () => void): void {
    this.#reflector.state.onChange(listener);
  }

  current(): CertificateAuthority {
    const [object] = this.#reflector.state.objects.values();
    if (object === undefined) {
      throw (
        this.#problem ??
        new CodedError('UNAVAILABLE', `secret ${this.#namespace}/${caSecretName} with the CA has not been read yet`)
      );
    }
    return orThrow(this.#parsed(object));
  }

  /** UID of the Secret, which all replicas read; undefined until it has been read. */
  get uid(): string | undefined {
    const [object] = this.#reflector.state.objects.values();
    return object && metadataText(object, 'uid');
  }

  /** Creates the Secret whenever it is missing, until the proxy stops. */
  async #ensureExists(): Promise<void> {
    const { signal } = this.#stopping;
    const { state } = this.#reflector;
    while (!signal.aborted) {
      try {
        await state.waitFor(() => (state.isSynced && state.objects.size === 0 ? true : undefined), signal);
        await this.#create(signal);
        await state.waitFor(() => (state.objects.size > 0 ? true : undefined), signal);
      } catch (error) {
        // Read again from the field: the proxy can have been stopped since the loop's condition.
        if (this.#stopping.signal.aborted) return;
        this.#problem = apiFailure(error, {
          doing: `making secret ${this.#namespace}/${caSecretName} with a CA`,
          needed: { apiGroup: '', resource: 'secrets', resourceNames: [], verbs: ['create'] },
          roleNamespace: this.#namespace,
          problem: this.#client.problem,
        });
        this.#log.error('Failed to create CA', { error: this.#problem });
        await sleep(retryMs, signal).catch(() => undefined);
      }
    }
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { certificate, key } = createCa(this.#clock);
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const secret: JsonObject = {
      apiVersion: secretType.apiVersion,
      kind: secretType.kind,
      metadata: { namespace: this.#namespace, name: caSecretName },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': base64(certificate), 'tls.key': base64(key.expose()) },
    };
    try {
      await this.#client.create({ type: secretType, namespace: this.#namespace }, secret, { signal });
      this.#log.info('Created CA', { name: caSecretName, namespace: this.#namespace });
    } catch (error) {
      // Another replica has created it.
      if (!isKubeError(error, 409)) throw error;
    }
    this.#problem = undefined;
  }
}

/** Parses the CA in a Secret. @throws {CodedError} FAILED_PRECONDITION if the Secret contains none. */
export function caIn({ data, ref }: SecretObject): CertificateAuthority {
  const certificate = data.get('tls.crt')?.expose() ?? '';
  const key = data.get('tls.key') ?? new Secret('');
  return parseCa({ certificate, key }, `secret ${objectKey(ref)}`);
}
