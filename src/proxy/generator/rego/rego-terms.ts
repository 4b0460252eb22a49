import { limits } from '../../../limits/defaults.js';
import type { RegoTerm } from './parse-rego.js';
import { UntranslatableRego, unexpected } from './rego-tokens.js';

interface Translated {
  readonly cel: string;
  readonly type: 'string' | 'number' | 'bool' | 'bytes';
}

type Args = readonly RegoTerm[];

const requestFields: ReadonlySet<string> = new Set(['method', 'host', 'path']);

/** Translates terms, with the values of variables in place of the variables. */
export class RegoTerms {
  readonly #variables: ReadonlyMap<string, RegoTerm>;
  readonly #resolving = new Set<string>();
  /** Variables can multiply the text with each step, so all that is ever made of it counts. */
  readonly #made: { characters: number };

  constructor(variables: ReadonlyMap<string, RegoTerm>, made = { characters: 0 }) {
    this.#variables = variables;
    this.#made = made;
  }

  /** Returns the same with further variables. */
  with(variables: ReadonlyMap<string, RegoTerm>): RegoTerms {
    return new RegoTerms(new Map([...this.#variables, ...variables]), this.#made);
  }

  /** @throws {UntranslatableRego} if the text is too long for a message. */
  bounded(cel: string): string {
    if (cel.length > limits.generators.translationLength) throw new UntranslatableRego('as the result is too long');
    return cel;
  }

  /** Returns the value of a variable, and other terms unchanged. */
  resolved(term: RegoTerm, depth = 0): RegoTerm {
    const value =
      term.kind === 'path' && term.parts.length === 1 ? this.#variables.get(term.parts[0] ?? '') : undefined;
    if (value === undefined || depth > 8) return term;
    return this.resolved(value, depth + 1);
  }

  /** Translates a term to an expression for a string. */
  text(term: RegoTerm): string {
    const { cel, type } = this.#translate(term);
    return type === 'string' ? cel : this.#bounded(`string(${cel})`, 'string').cel;
  }

  /** Translates a condition. In Rego, a condition with a missing key does not hold. */
  condition(term: RegoTerm, isNegated: boolean): string {
    const keys = new Set<string>();
    this.#keysOf(term, keys);
    const present = [...keys].map((key) => presenceOf(key));
    const isPresence = term.kind === 'path' && isSecretKey(term.parts);
    const holds = isPresence ? present : [...present, this.#translate(term).cel];
    const condition = this.bounded(holds.join(' && '));
    if (!isNegated) return condition;
    return holds.length === 1 && condition.startsWith('has(') && isPresence ? `!${condition}` : `!(${condition})`;
  }

  #keysOf(term: RegoTerm, keys: Set<string>): void {
    this.#count(1);
    switch (term.kind) {
      case 'path': {
        const [variable = ''] = term.parts;
        const value = term.parts.length === 1 ? this.#variables.get(variable) : undefined;
        if (isSecretKey(term.parts)) keys.add(term.parts[2] ?? '');
        else if (value !== undefined) this.#resolve(variable, term.line, () => this.#keysOf(value, keys));
        return;
      }
      case 'array':
        return term.items.forEach((item) => this.#keysOf(item, keys));
      case 'call':
        return term.args.forEach((arg) => this.#keysOf(arg, keys));
      case 'binary':
        this.#keysOf(term.left, keys);
        return this.#keysOf(term.right, keys);
      default:
    }
  }

  #translate(term: RegoTerm): Translated {
    const { line } = term;
    switch (term.kind) {
      case 'string':
        return this.#bounded(JSON.stringify(term.text), 'string');
      case 'number':
        return this.#bounded(term.text, 'number');
      case 'word':
        return this.#bounded(term.text, 'bool');
      case 'path':
        return this.#path(term.parts, line);
      case 'binary':
        return this.#binary(term.operator, term.left, term.right);
      case 'call':
        return this.#call(term.name, term.args, line);
      default:
        throw unexpected(line, 'has a list or an object in a place that is not supported');
    }
  }

  #path(parts: readonly string[], line: number): Translated {
    const [first = '', second, third = ''] = parts;
    const value = parts.length === 1 ? this.#variables.get(first) : undefined;
    if (value !== undefined) return this.#resolve(first, line, () => this.#translate(value));
    if (isSecretKey(parts)) return this.#bounded(`secret${memberOf(third)}`, 'string');
    if (first === 'input' && second === 'request' && parts.length === 3 && requestFields.has(third)) {
      return this.#bounded(`request.${third}`, 'string');
    }
    throw unexpected(line, `uses ${parts.join('.').slice(0, 60)}, which an expression does not have`);
  }

  #resolve<T>(name: string, line: number, use: () => T): T {
    if (this.#resolving.has(name)) throw unexpected(line, 'has a variable that depends on itself');
    this.#resolving.add(name);
    try {
      return use();
    } finally {
      this.#resolving.delete(name);
    }
  }

  #binary(operator: string, leftTerm: RegoTerm, rightTerm: RegoTerm): Translated {
    // The time has another unit in CEL.
    const isNow = leftTerm.kind === 'call' && leftTerm.name === 'time.now_ns' && rightTerm.kind === 'number';
    if (operator === '/' && isNow && Number(rightTerm.text) === 1e9) return this.#bounded('int(now)', 'number');
    const [left, right] = [this.#translate(leftTerm), this.#translate(rightTerm)];
    const isComparison = ['==', '!=', '<', '>', '<=', '>='].includes(operator);
    const cel = `${left.cel} ${operator} ${right.cel}`;
    return isComparison ? this.#bounded(cel, 'bool') : this.#bounded(`(${cel})`, 'number');
  }

  #call(name: string, args: Args, line: number): Translated {
    const [first, second] = args;
    const text = (term: RegoTerm | undefined): string => {
      if (term === undefined) throw unexpected(line, `calls ${name.slice(0, 60)} without an argument that it needs`);
      return this.text(term);
    };
    switch (name) {
      case 'concat':
        return this.#concat(first, second, line);
      case 'sprintf':
        return this.#sprintf(first, second, line);
      case 'format_int':
        return this.#bounded(text(first), 'string');
      case 'base64.encode':
        return this.#bounded(`base64.encode(${text(first)})`, 'string');
      case 'crypto.sha256':
        return this.#bounded(`hex.encode(sha256(${text(first)}))`, 'string');
      case 'hmac.sha256':
        return this.#bounded(`hex.encode(hmac.sha256(${text(first)}, ${text(second)}))`, 'string');
      case 'crypto.hmac.sha256':
        return this.#bounded(`hex.encode(hmac.sha256(${text(second)}, ${text(first)}))`, 'string');
      case 'time.now_ns':
        return this.#bounded('(int(now) * 1000000000)', 'number');
      case 'floor':
      case 'round':
      case 'ceil':
        if (first !== undefined) return this.#translate(first);
        break;
      case 'count':
        return this.#bounded(`size(${text(first)})`, 'number');
      case 'startswith':
        return this.#bounded(`${grouped(text(first))}.startsWith(${text(second)})`, 'bool');
      case 'endswith':
        return this.#bounded(`${grouped(text(first))}.endsWith(${text(second)})`, 'bool');
      case 'contains':
        return this.#bounded(`${grouped(text(first))}.contains(${text(second)})`, 'bool');
      default:
    }
    throw unexpected(line, `calls ${name.slice(0, 60)}, which an expression does not have`);
  }

  #concat(delimiter: RegoTerm | undefined, list: RegoTerm | undefined, line: number): Translated {
    const items = list && this.resolved(list);
    if (delimiter === undefined || items?.kind !== 'array') throw unexpected(line, 'calls concat without a list');
    const between = this.resolved(delimiter);
    const parts = items.items.flatMap((item, at) => (at === 0 ? [item] : [between, item]));
    return this.#joined(parts);
  }

  #sprintf(format: RegoTerm | undefined, list: RegoTerm | undefined, line: number): Translated {
    const [pattern, values] = [format && this.resolved(format), list && this.resolved(list)];
    if (pattern?.kind !== 'string' || values?.kind !== 'array') throw unexpected(line, 'calls sprintf without a list');
    const pieces = pattern.text.split(/%([sdv])/);
    if (
      pieces.some((piece, at) => at % 2 === 0 && piece.includes('%')) ||
      (pieces.length - 1) / 2 !== values.items.length
    ) {
      throw unexpected(line, 'calls sprintf with a format other than %s, %d and %v');
    }
    const parts = pieces.flatMap((piece, at): RegoTerm[] => {
      const value = values.items[(at - 1) / 2];
      return at % 2 === 1 && value !== undefined ? [value] : [{ kind: 'string', text: piece, line }];
    });
    return this.#joined(parts);
  }

  /** Joins constants to one, and leaves out empty ones. */
  #joined(parts: readonly RegoTerm[]): Translated {
    const joined: RegoTerm[] = [];
    for (const part of parts.map((each) => this.resolved(each))) {
      const last = joined.at(-1);
      if (part.kind === 'string' && last?.kind === 'string') {
        joined[joined.length - 1] = { ...last, text: last.text + part.text };
      } else joined.push(part);
    }
    const shown = joined.filter((part) => part.kind !== 'string' || part.text !== '');
    if (shown.length === 0) return this.#bounded('""', 'string');
    const cel = shown.map((part) => this.text(part)).join(' + ');
    return this.#bounded(cel, 'string');
  }

  #bounded(cel: string, type: Translated['type']): Translated {
    this.#count(cel.length);
    return { cel: this.bounded(cel), type };
  }

  #count(characters: number): void {
    this.#made.characters += characters;
    if (this.#made.characters > 4 * limits.generators.translationLength) {
      throw new UntranslatableRego('as the result is too long');
    }
  }
}

/** Puts an expression in parentheses that is the target of a method. */
function grouped(cel: string): string {
  return /^[\w.]+$/.test(cel) ? cel : `(${cel})`;
}

/** Reports whether a path is `input.data.KEY`. */
function isSecretKey(parts: readonly string[]): boolean {
  return parts.length === 3 && parts[0] === 'input' && parts[1] === 'data';
}

const celWords: ReadonlySet<string> = new Set(
  'as break const continue else false for function if import in let loop namespace null package return true var void while'.split(
    ' ',
  ),
);

function isIdentifier(key: string): boolean {
  return /^[A-Za-z_]\w*$/.test(key) && !celWords.has(key);
}

function memberOf(key: string): string {
  return isIdentifier(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function presenceOf(key: string): string {
  return isIdentifier(key) ? `has(secret.${key})` : `${JSON.stringify(key)} in secret`;
}
