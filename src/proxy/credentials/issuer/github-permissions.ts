import { proxyLimits } from '../../limits.js';
import type { JsonValue } from '../../../shared/json.js';
import { isJsonObject } from '../../../shared/json.js';

/** Names of permissions with `read`, `write` or `admin`. */
export type GithubPermissions = Readonly<Record<string, string>>;

/** These permissions have no level `read`. */
const withoutRead: ReadonlySet<string> = new Set(['profile', 'workflows']);

/** Parses lines of the form `NAME: LEVEL`. @returns undefined if one has another form. */
export function permissionsIn(lines: readonly string[]): GithubPermissions | undefined {
  const pairs = lines.map((line) => /^(\w+)\s*:\s*(\w+)$/.exec(line)).map((found) => [found?.[1], found?.[2]] as const);
  return pairs.length <= proxyLimits.issuedTokens.permissions && pairs.every(isPermission)
    ? Object.fromEntries(pairs)
    : undefined;
}

/** Returns the permissions in a response of GitHub. Those in an unknown form are left out. */
export function grantedPermissions(value: JsonValue | undefined): GithubPermissions {
  const pairs: readonly (readonly [unknown, unknown])[] = isJsonObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(pairs.slice(0, proxyLimits.issuedTokens.permissions).filter(isPermission));
}

/**
 * Returns the permissions to read what the given ones permit. There is always one: no permissions would mean all of
 * them. Every installation has `metadata: read`.
 */
export function readPermissions(permissions: GithubPermissions): GithubPermissions {
  const names = Object.keys(permissions).filter((name) => !withoutRead.has(name));
  return { metadata: 'read', ...Object.fromEntries(names.map((name) => [name, 'read'])) };
}

function isPermission(pair: readonly [unknown, unknown]): pair is readonly [string, string] {
  const [name, level] = pair;
  return (
    typeof name === 'string' &&
    typeof level === 'string' &&
    /^[a-z][a-z_]{0,63}$/.test(name) &&
    /^(?:read|write|admin)$/.test(level)
  );
}
