import type { JsonValue } from '../../json.js';
import { isJsonObject, jsonMember, parseJson } from '../../json.js';
import { Secret } from '../../secret.js';
import type { ToolOrigin } from '../upstream/tool-origin.js';
import type { Login } from './registry-tokens.js';
import { parseAuthority } from './tool-address.js';

/**
 * The login for a host in a `.dockerconfigjson`, whose keys are hosts, hosts with ports, or URLs.
 * @returns undefined when it has none for that host.
 */
export function loginFor({ host, port, scheme }: ToolOrigin, config: Secret): Login | undefined {
  const auths = jsonMember(parsed(config), 'auths');
  if (!isJsonObject(auths)) return undefined;
  const usual = scheme === 'https' ? 443 : 80;
  const found = Object.entries(auths).find(([key]) => {
    const authority = parseAuthority(key.replace(/^https?:\/\//, '').replace(/\/.*$/s, ''), usual);
    return authority?.host === host && authority.port === port;
  });
  return found && loginIn(found[1]);
}

function parsed(config: Secret): JsonValue | undefined {
  try {
    return parseJson(config.expose());
  } catch {
    return undefined;
  }
}

function loginIn(entry: JsonValue): Login | undefined {
  const auth = jsonMember(entry, 'auth');
  const [, first = '', rest = ''] =
    /^([^:]*):(.*)$/s.exec(typeof auth === 'string' ? Buffer.from(auth, 'base64').toString() : '') ?? [];
  const username = jsonMember(entry, 'username') ?? first;
  const password = jsonMember(entry, 'password') ?? rest;
  if (typeof username !== 'string' || typeof password !== 'string' || password === '') return undefined;
  return { username, password: new Secret(password) };
}
