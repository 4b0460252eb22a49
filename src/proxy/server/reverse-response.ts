import type { Challenge } from '../credentials/registry/challenge.ts';
import { parseChallenges } from '../credentials/registry/challenge.ts';
import { clientRealm, clientUrl } from './reverse-url.ts';
import type { ReverseView } from './reverse-url.ts';

/**
 * Rewrites the headers of a tool's response that contain URLs, so that the client follows them through the proxy. These
 * are `Location`, `Content-Location`, `Link`, and the realms of challenges. A client follows them with its token. A
 * tool could use that to reach another Connector, or to get the token. So headers that lead to another Connector, and
 * challenges with a host that is not the Connector's, are dropped. The work is linear in the length of the headers.
 */
export function rewriteResponseHeaders(headers: readonly string[], view: ReverseView): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const rewritten = rewriteValue(name, headers[at + 1] ?? '', view);
    if (rewritten !== undefined) kept.push(name, rewritten);
  }
  return kept;
}

function rewriteValue(name: string, value: string, view: ReverseView): string | undefined {
  switch (name.toLowerCase()) {
    case 'location':
    case 'content-location':
      return clientUrl(value, view);
    case 'link':
      return rewriteLinks(value, view);
    case 'www-authenticate':
      return rewriteChallenges(value, view);
    default:
      return value;
  }
}

/**
 * A URL, a quoted parameter, or the text between them (RFC 8288). Parameters with `<` do not match: many clients search
 * only for `<` and would find a URL in them.
 */
const linkPart = /<[^>]*>|"(?:[^"\\<]|\\[^<])*"|[^<"]+/y;

/** @returns undefined if one of the links must not be followed, or the value is malformed. */
function rewriteLinks(value: string, view: ReverseView): string | undefined {
  const parts: string[] = [];
  for (let at = 0; at < value.length; at += parts.at(-1)?.length ?? 0) {
    linkPart.lastIndex = at;
    const [part] = linkPart.exec(value) ?? [];
    if (part === undefined) return undefined;
    parts.push(part);
  }
  const rewritten = parts.map((part) => {
    if (!part.startsWith('<')) return part;
    const url = clientUrl(part.slice(1, -1), view);
    return url === undefined ? undefined : `<${url}>`;
  });
  return rewritten.includes(undefined) ? undefined : rewritten.join('');
}

/** @returns undefined if no challenge is left. */
function rewriteChallenges(value: string, view: ReverseView): string | undefined {
  const kept = parseChallenges([value]).flatMap((challenge) => rewriteChallenge(challenge, view) ?? []);
  return kept.length === 0 ? undefined : kept.map(textOf).join(', ');
}

/**
 * Rewrites the realm of a challenge if it is a URL. `Basic` and `Digest` have a text there that clients display; other
 * schemes can have the URL of a token service.
 */
function rewriteChallenge(challenge: Challenge, view: ReverseView): Challenge | undefined {
  const realm = challenge.params.get('realm');
  if (realm === undefined || challenge.scheme === 'basic' || challenge.scheme === 'digest') return challenge;
  if (!/[:/\\]/.test(realm)) return challenge;
  const url = clientRealm(realm, view);
  return url === undefined ? undefined : { ...challenge, params: new Map([...challenge.params, ['realm', url]]) };
}

function textOf({ name, token68, params }: Challenge): string {
  const pairs = [...params].map(([key, text]) => `${key}="${text.replaceAll(/["\\]/g, '\\$&')}"`);
  const rest = [...(token68 === undefined ? [] : [token68]), pairs.join(',')].filter((each) => each !== '');
  return [name, ...rest].join(' ');
}
