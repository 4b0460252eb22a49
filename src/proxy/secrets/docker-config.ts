import type { JsonValue } from '../../shared/json.ts';
import { jsonIn, jsonMember, jsonObject } from '../../shared/json.ts';
import { perObject } from '../../shared/per-object.ts';
import { Secret } from '../../shared/secret.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { nameOf } from '../tool/tool-origin.ts';
import type { RegistryCredentials } from '../credentials/header-credentials.ts';
import { parseAuthority } from '../connectors/tool-address.ts';
import { proxyLimits } from '../limits.ts';

/** Why a `.dockerconfigjson` yields no credential, as the predicate of a sentence about its Secret. */
interface DockerConfigProblem {
  readonly problem: string;
}

interface Entry {
  readonly host: string;
  /** Port in the key; undefined for the default port of the request's scheme, whatever scheme the key has. */
  readonly port: number | undefined;
  readonly value: JsonValue;
}

const maxLength = proxyLimits.connector.dockerConfigBytes;

/** Parses the value of a Secret, once and not per request. */
const entriesOf = perObject((config: Secret) => parse(config.expose()));

/** Returns the credential for a host from a `.dockerconfigjson`, whose keys are hosts, hosts with ports, or URLs. */
export function credentialFor(origin: ToolOrigin, config: Secret): RegistryCredentials | DockerConfigProblem {
  const entries = entriesOf(config);
  if ('problem' in entries) return entries;
  // If several keys name the same host and port, the first one with a credential counts.
  const defaultPort = origin.scheme === 'https' ? 443 : 80;
  for (const { host, port = defaultPort, value } of entries) {
    const credentials = host === origin.host && port === origin.port ? credentialsIn(value) : undefined;
    if (credentials !== undefined) return credentials;
  }
  return { problem: `has no login for ${nameOf(origin)}` };
}

function parse(text: string): readonly Entry[] | DockerConfigProblem {
  if (text.length > maxLength) {
    return {
      problem: `has a .dockerconfigjson of ${Math.ceil(text.length / 1024)} KiB, at most ${maxLength / 1024} KiB are allowed: leave only the registries in it that its Connectors use`,
    };
  }
  const config = jsonIn(text);
  if (config === undefined) return { problem: 'has a .dockerconfigjson that is not JSON' };
  return Object.entries(jsonObject(config, 'auths')).flatMap(([key, value]) => {
    const authority = key.replace(/^https?:\/\//, '').replace(/\/.*$/s, '');
    const { host, port } = parseAuthority(authority, 443) ?? {};
    return host === undefined ? [] : { host, port: /:\d+$/.test(authority) ? port : undefined, value };
  });
}

function credentialsIn(entry: JsonValue): RegistryCredentials | undefined {
  const auth = jsonMember(entry, 'auth');
  const [, first = '', rest = ''] =
    /^([^:]*):(.*)$/s.exec(typeof auth === 'string' ? Buffer.from(auth, 'base64').toString() : '') ?? [];
  const username = jsonMember(entry, 'username') ?? first;
  const password = jsonMember(entry, 'password') ?? rest;
  if (typeof username !== 'string' || typeof password !== 'string' || password === '') return undefined;
  return { username, password: new Secret(password) };
}
