/** One way in that a server offers in `WWW-Authenticate`. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** The scheme as the server writes it. */
  readonly name: string;
  /** What schemes such as Negotiate have instead of parameters. */
  readonly token68: string | undefined;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const maxLength = 16 * 1024;
const token = /[!#$%&'*+\-.^_`|~\w]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;

/** Reads `WWW-Authenticate` values (RFC 9110, 11.6.1), each of which may hold several challenges. What cannot be read ends it. */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap((value) => (value.length > maxLength ? [] : parseValue(value)));
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

  /** Whether there was anything. */
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
