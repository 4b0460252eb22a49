import type { Awaitable } from '../../shared/awaitable.ts';
import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import { CodedError, orCodedError } from '../../shared/errors.ts';
import type { JsonValue } from '../../shared/json.ts';
import { jsonAt, jsonItems, jsonMember, jsonText } from '../../shared/json.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { proxyLimits } from '../limits.ts';
import { dns1123SubdomainProblem, objectKey } from '../../shared/names.ts';
import { Secret } from '../../shared/secret.ts';
import { listed, quote } from '../../shared/message-text.ts';
import { GeneratedCredential } from './generator/generated-credential.ts';
import { generatorOf } from './generator/generators.ts';
import type { Generators } from './generator/generators.ts';
import { misconfigured } from '../proxy-error.ts';
import type { ProxyError } from '../proxy-error.ts';
import { ownerOfConnector } from '../tool/resolver.ts';
import type { ToolCredential } from '../tool/tool-credential.ts';
import { noCredential } from '../tool/tool-credential.ts';
import { authorityOf, nameOf as originNameOf } from '../tool/tool-origin.ts';
import { credentialFor } from '../secrets/docker-config.ts';
import { clientCertificateIn } from './client-certificate.ts';
import { basicHeaders, bearerHeaders, credentialOf } from './header-credentials.ts';
import { IssuerCredentials } from './issuer/issuer-credentials.ts';
import type { IssuerCredentialsOptions } from './issuer/issuer-credentials.ts';
import { issuers } from './issuer/issuers.ts';
import { RegistryCredential } from './registry/registry-credential.ts';
import type { RegistrySession } from './registry/registry-credential.ts';
import type { RegistryLogin } from './registry/registry-tokens.ts';
import type { RegistryCredentials } from './header-credentials.ts';
import { RegistryTokens, storedLogin } from './registry/registry-tokens.ts';
import { RegistryProbe } from './registry/registry-probe.ts';
import type { SecretObject, SecretSource } from '../secrets/secret-source.ts';
import type { ToolAddress } from '../connectors/tool-address.ts';
import { addressesOf } from '../connectors/tool-address.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { TokenCache } from './token-cache.ts';

/** Supported Secret types. A type that is added here needs a case in `#credentialIn` to compile, and the reverse. */
const secretTypes = [
  'kubernetes.io/basic-auth',
  'connectors.cpaas.io/bearer-token',
  'connectors.cpaas.io/gitlab-pat-auth',
  'cpaas.io/distribution-registry-token',
  'kubernetes.io/dockerconfigjson',
  'kubernetes.io/tls',
] as const;

/** Types of Secrets that need no generator. */
export const knownSecretTypes: readonly string[] = [...secretTypes, ...issuers.map(({ secretType }) => secretType)];

interface ToolCredentialsOptions extends Omit<IssuerCredentialsOptions, 'cache'> {
  readonly secrets: SecretSource;
  readonly generators: Generators;
  /** Charged for parsing a `.dockerconfigjson`, after which the next Secret waits. */
  readonly threads: ThreadShares;
}

/** Selects the credential of a request to a Connector's tool. */
export class ToolCredentials {
  readonly #options: ToolCredentialsOptions;
  /**
   * By version of the Secret, Connector and address, shared fairly by namespace. A changed password starts a new
   * session.
   */
  readonly #sessions = new BoundedMap<RegistrySession>(proxyLimits.registries.addresses);
  readonly #tokens = new TokenCache(proxyLimits.registries.tokens);
  readonly #issuing: IssuerCredentials;

  constructor(options: ToolCredentialsOptions) {
    this.#options = options;
    this.#issuing = new IssuerCredentials({ ...options, cache: this.#tokens });
  }

  /**
   * Returns the credential for requests to an address of the Connector.
   * @param connectorClass undefined if it does not exist.
   * @throws {ProxyError} 502 if the credential is unusable, with the fix.
   * @throws {CodedError} if the Secret cannot be read now.
   */
  async of(
    connector: Connector,
    connectorClass: ConnectorClass | undefined,
    address: ToolAddress,
    signal: AbortSignal,
  ): Promise<ToolCredential> {
    const auth = jsonMember(connector.object['spec'], 'auth');
    const type = authTypeOf(auth, connectorClass);
    const secretName = jsonText(jsonMember(auth, 'secretRef'), 'name');
    if (secretName === undefined) {
      if (type === undefined || jsonMember(type, 'optional') === true) return noCredential;
      const message = `spec.auth.secretRef is missing, which the class requires for ${jsonText(type, 'name') ?? 'its auth'}`;
      throw misconfigured(connector.ref, message);
    }
    const nameProblem = dns1123SubdomainProblem(secretName);
    if (nameProblem !== undefined) {
      throw misconfigured(connector.ref, `spec.auth.secretRef.name ${quote(secretName)} ${nameProblem}`);
    }
    const { namespace } = connector.ref;
    if ((jsonText(jsonMember(auth, 'secretRef'), 'namespace') ?? namespace) !== namespace) {
      throw misconfigured(connector.ref, 'spec.auth.secretRef must be in the namespace of the Connector');
    }
    const secret = await this.#options.secrets.get({ namespace, name: secretName }, signal);
    if (secret === undefined) {
      const problem = `Secret ${namespace}/${secretName} does not exist`;
      throw misconfigured(connector.ref, problem, ': create it, or change spec.auth.secretRef');
    }
    return this.#credentialIn(secret, connector, type, address, signal);
  }

  /** Creates the credential by the type of the Secret. A generator of the class counts for other types, as `Opaque`. */
  #credentialIn(
    secret: SecretObject,
    connector: Connector,
    type: JsonValue | undefined,
    address: ToolAddress,
    signal: AbortSignal,
  ): Awaitable<ToolCredential> {
    const issuer = issuers.find(({ secretType }) => secretType === secret.type);
    if (issuer !== undefined) {
      const issued = this.#issuing.of(issuer, secret, connector, address);
      return issued.login === undefined ? issued : this.#registry(secret, issued.login, connector, address);
    }
    const supported = secretTypes.find((known) => known === secret.type);
    // The compiler reports a missing case by the missing return value.
    switch (supported) {
      case undefined: {
        const generator = generatorOf(type, connector.className);
        if (generator === undefined) {
          const message = `Secret ${nameOf(secret)} has the type ${secret.type}, which the proxy does not know (it knows ${knownSecretTypes.join(', ')}), and class ${connector.className} has no generator.cel for it`;
          throw misconfigured(connector.ref, message);
        }
        const name = objectKey(connector.ref);
        const generated = { generator, secret, connector: name, host: authorityOf(address) };
        return new GeneratedCredential(generated, this.#options.generators);
      }
      case 'kubernetes.io/basic-auth':
        return credentialOf(basicHeaders(credentialsIn(secret, connector)));
      case 'connectors.cpaas.io/bearer-token':
        return credentialOf(bearerHeaders(headerValue(secret, connector, 'token')));
      case 'connectors.cpaas.io/gitlab-pat-auth':
        return credentialOf(['Private-Token', headerValue(secret, connector, 'token').expose()]);
      case 'cpaas.io/distribution-registry-token':
        return this.#registry(secret, storedLogin(credentialsIn(secret, connector)), connector, address);
      case 'kubernetes.io/dockerconfigjson': {
        const config = required(secret, connector, '.dockerconfigjson');
        const found = this.#options.threads.measure(secret.ref.namespace, () => credentialFor(address, config));
        if ('problem' in found) throw misconfigured(connector.ref, `Secret ${nameOf(secret)} ${found.problem}`);
        return this.#registry(secret, storedLogin(found), connector, address);
      }
      case 'kubernetes.io/tls':
        return this.#certificate(secret, connector, address, signal);
    }
  }

  async #certificate(
    secret: SecretObject,
    connector: Connector,
    { scheme }: ToolAddress,
    signal: AbortSignal,
  ): Promise<ToolCredential> {
    const { trust, clock } = this.#options;
    const unusable = (problem: string): ProxyError =>
      misconfigured(connector.ref, `Secret ${nameOf(secret)} cannot be used: ${problem}`);
    if (scheme === 'http') throw unusable('an http address has no TLS: set the address to one with https');
    const client = orCodedError(() => clientCertificateIn(secret, connector.ref, clock.now()));
    if (client instanceof CodedError) throw unusable(client.message);
    const presenting = await trust.of(connector, signal, client).catch((error: unknown) => {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw code.startsWith('ERR_') ? unusable(`OpenSSL rejects its tls.crt (${code}): use another one`) : error;
    });
    const { secrets } = this.#options;
    const certificateIn = (read: SecretObject | undefined): string | undefined => read?.data.get('tls.crt')?.expose();
    return {
      ...credentialOf([]),
      trust: presenting,
      isCurrent: async (ofUse) => certificateIn(await secrets.get(secret.ref, ofUse)) === certificateIn(secret),
    };
  }

  #registry(secret: SecretObject, login: RegistryLogin, connector: Connector, address: ToolAddress): ToolCredential {
    const addresses = addressesOf(connector);
    const [first] = addresses;
    return new RegistryCredential({
      session: this.#sessionOf(secret, connector, address),
      first: first === undefined || first === address ? undefined : this.#sessionOf(secret, connector, first).probe,
      login,
      address,
      addresses,
      trustOf: async ({ scheme }, signal) =>
        scheme === 'https' ? this.#options.trust.of(connector, signal) : undefined,
      connector: objectKey(connector.ref),
    });
  }

  #sessionOf(secret: SecretObject, { ref }: Connector, address: ToolAddress): RegistrySession {
    const key = `${secret.readId} ${objectKey(ref)} ${originNameOf(address)}${address.path}`;
    const cached = this.#sessions.get(key);
    if (cached !== undefined) return cached;
    const { client, clock } = this.#options;
    const parts = { client, clock, address, owner: ownerOfConnector(ref), tokens: this.#tokens };
    const session = {
      tokens: new RegistryTokens(parts),
      probe: new RegistryProbe(parts),
    };
    this.#sessions.set(key, session, ref.namespace);
    return session;
  }
}

/** Returns the entry of the class's `spec.auth.types` that the Connector names, or the only entry. */
export function authTypeOf(
  auth: JsonValue | undefined,
  connectorClass: ConnectorClass | undefined,
): JsonValue | undefined {
  const types = jsonAt(connectorClass?.object['spec'], 'auth', 'types');
  const list = jsonItems(types);
  const name = jsonText(auth, 'name');
  return name === undefined
    ? list.length === 1
      ? list[0]
      : undefined
    : list.find((type) => jsonText(type, 'name') === name);
}

/** Returns why `spec.auth.name` means no entry of its class, with the names that exist; undefined if it means one. */
export function authNameProblem(connector: Connector, connectorClass: ConnectorClass | undefined): string | undefined {
  const name = jsonText(jsonMember(connector.object['spec'], 'auth'), 'name');
  const types = jsonItems(jsonAt(connectorClass?.object['spec'], 'auth', 'types'));
  const known = types.map((type) => jsonText(type, 'name') ?? '');
  if (name === undefined || connectorClass === undefined || known.length === 0 || known.includes(name))
    return undefined;
  return `spec.auth.name ${quote(name)} is no entry of spec.auth.types of connectorclass ${connectorClass.name}: write ${listed(known)}`;
}

function credentialsIn(secret: SecretObject, connector: Connector): RegistryCredentials {
  const username = secret.data.get('username')?.expose() ?? '';
  if (username.includes(':')) throw misconfigured(connector.ref, `the username in Secret ${nameOf(secret)} has a ":"`);
  return { username, password: required(secret, connector, 'password') };
}

function required(secret: SecretObject, connector: Connector, key: string): Secret {
  const value = secret.data.get(key);
  if (value === undefined || value.expose() === '') {
    throw misconfigured(connector.ref, `Secret ${nameOf(secret)} has no ${key}`);
  }
  return value;
}

/** Returns a token for a header, without the line feed that editors and `echo` append. */
function headerValue(secret: SecretObject, connector: Connector, key: string): Secret {
  const text = required(secret, connector, key).expose().trim();
  if (/^[\x21-\x7e]+$/.test(text)) return new Secret(text);
  throw misconfigured(connector.ref, `the ${key} in Secret ${nameOf(secret)} cannot be sent in a header`);
}

function nameOf({ ref }: SecretObject): string {
  return objectKey(ref);
}
