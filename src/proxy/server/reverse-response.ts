import type { Challenge } from '../credential/challenge.js';
import { parseChallenges } from '../credential/challenge.js';
import { clientRealm, clientUrl } from './reverse-url.js';
import type { ReverseView } from './reverse-url.js';

/**
 * Rewrites the headers of a tool's response that lead a client further, so that they lead to the same Connector at the
 * proxy: `Location`, `Content-Location`, `Link`, and the realms of challenges. A client follows them with its token, so a
 * header that leads to another Connector of the proxy, or a challenge to a host that is not the Connector's, is dropped.
 * The work is linear in the length of the headers.
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
 * A URL, a quoted parameter, or what is between them (RFC 8288). Many clients look for `<` alone, so that a parameter with
 * one would be a URL to them.
 */
const linkPart = /<[^>]*>|"(?:[^"\\<]|\\[^<])*"|[^<"]+/y;

/** @returns undefined when one of the links must not be followed, or the value cannot be read to its end. */
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

/** @returns undefined when no challenge is left. */
function rewriteChallenges(value: string, view: ReverseView): string | undefined {
  const kept = parseChallenges([value]).flatMap((challenge) => rewriteChallenge(challenge, view) ?? []);
  return kept.length === 0 ? undefined : kept.map(textOf).join(', ');
}

/** `Basic` and `Digest` have a text as realm, which clients show. Others may have the URL of a token service there. */
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
