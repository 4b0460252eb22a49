/** One way in that a server offers in `WWW-Authenticate`. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
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
  const challenges: { scheme: string; params: Map<string, string> }[] = [];
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
      challenges.push({ scheme: word.toLowerCase(), params: new Map() });
      // Schemes such as Negotiate carry a token instead of parameters.
      reader.skip(/[-._~+/\w]+=*(?=[ \t]*(,|$))/y);
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
