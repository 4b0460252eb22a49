import { proxyLimits } from '../../limits.ts';

/** An authentication scheme that a server offers in `WWW-Authenticate`. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** The scheme in the spelling of the server. */
  readonly name: string;
  /** The value that schemes such as Negotiate have instead of parameters. */
  readonly token68: string | undefined;
  /** Parameters by lower-case name. */
  readonly params: ReadonlyMap<string, string>;
}

const token = /[!#$%&'*+\-.^_`|~\w]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;

/**
 * Parses `WWW-Authenticate` values (RFC 9110, 11.6.1), each with any number of challenges. Parsing of a value ends at
 * the first syntax error.
 */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap((value) => (value.length > proxyLimits.registries.challengeLength ? [] : parseValue(value)));
}

function parseValue(text: string): readonly Challenge[] {
  const challenges: (Challenge & { readonly params: Map<string, string> })[] = [];
  const reader = new Reader(text);
  for (;;) {
    reader.skip(/[\s,]*/y);
    const word = reader.take(token);
    if (word === undefined) return challenges;
    const current = challenges.at(-1);
    reader.skip(/[ \t]*/y);
    if (current !== undefined && reader.skip(/=[ \t]*/y)) {
      const value = reader.takeQuoted() ?? reader.take(token);
      if (value === undefined) return challenges;
      current.params.set(word.toLowerCase(), value);
    } else {
      const token68 = reader.take(/[-._~+/\w]+=*(?=[ \t]*(,|$))/y);
      challenges.push({ scheme: word.toLowerCase(), name: word, token68, params: new Map() });
    }
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(pattern: RegExp): string | undefined {
    return this.#match(pattern)?.[0];
  }

  takeQuoted(): string | undefined {
    return this.#match(quoted)?.[1]?.replaceAll(/\\(.)/g, '$1');
  }

  /** Reports whether it skipped anything. */
  skip(pattern: RegExp): boolean {
    return (this.#match(pattern)?.[0] ?? '') !== '';
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}
