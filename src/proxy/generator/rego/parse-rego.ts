import { limits } from '../../../limits/defaults.js';
import { regoTokens, unexpected } from './rego-tokens.js';
import type { RegoToken } from './rego-tokens.js';

/** The part of Rego that policies of ConnectorClasses use. */
export type RegoTerm = { readonly line: number } & (
  | { readonly kind: 'string' | 'number' | 'word'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly RegoTerm[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [key: RegoTerm, value: RegoTerm])[] }
  /** A variable, or a member of one: `input.data.token`. */
  | { readonly kind: 'path'; readonly parts: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly RegoTerm[] }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: RegoTerm; readonly right: RegoTerm }
);

export type RegoStatement =
  | { readonly kind: 'assign'; readonly name: string; readonly value: RegoTerm }
  | { readonly kind: 'holds'; readonly term: RegoTerm; readonly isNegated: boolean };

export interface RegoRule {
  readonly name: string;
  readonly isDefault: boolean;
  readonly value: RegoTerm;
  /** Empty if it always holds. */
  readonly body: readonly RegoStatement[];
  readonly line: number;
}

const maxDepth = limits.generators.depth;
/** Operators from the weakest to the strongest. */
const levels = [
  ['==', '!=', '<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/'],
] as const;

/** Parses a policy. Rules are in their order, those after `else` like rules of their own. @throws {UntranslatableRego} */
export function parseRego(policy: string): readonly RegoRule[] {
  return new RegoParser(regoTokens(policy)).module();
}

class RegoParser {
  readonly #tokens: readonly RegoToken[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly RegoToken[]) {
    this.#tokens = tokens;
  }

  module(): readonly RegoRule[] {
    const rules: RegoRule[] = [];
    while (this.#next.kind !== 'end') {
      if (this.#next.text === 'package' || this.#next.text === 'import') this.#skipLine();
      else rules.push(...this.#rule());
    }
    return rules;
  }

  get #next(): RegoToken {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', line: 0, startsLine: true };
  }

  #take(): RegoToken {
    const token = this.#next;
    this.#at += 1;
    return token;
  }

  /** Takes a symbol or a word if it is the next one. */
  #takes(text: string): boolean {
    if (this.#next.kind === 'string' || this.#next.text !== text) return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw unexpected(this.#next.line);
  }

  #skipLine(): void {
    this.#take();
    while (!this.#next.startsLine) this.#take();
  }

  #rule(): RegoRule[] {
    const isDefault = this.#takes('default');
    const { kind, text: name, line } = this.#take();
    if (kind !== 'name') throw unexpected(line);
    const rules = [{ ...this.#valueAndBody(), name, isDefault, line }];
    while (this.#takes('else')) rules.push({ ...this.#valueAndBody(), name, isDefault, line: this.#next.line });
    return rules;
  }

  #valueAndBody(): Pick<RegoRule, 'value' | 'body'> {
    if (!this.#takes(':=')) this.#expect('=');
    return { value: this.#term(), body: this.#body() };
  }

  #body(): readonly RegoStatement[] {
    const hasIf = this.#takes('if');
    if (hasIf && this.#next.text !== '{') return [this.#statement()];
    if (!this.#takes('{')) return [];
    const statements: RegoStatement[] = [];
    while (!this.#takes('}')) {
      if (!this.#takes(';')) statements.push(this.#statement());
    }
    return statements;
  }

  #statement(): RegoStatement {
    const isNegated = this.#takes('not');
    const term = this.#term();
    const isVariable = term.kind === 'path' && term.parts.length === 1;
    if (isVariable && !isNegated && this.#takes(':=')) {
      return { kind: 'assign', name: term.parts[0] ?? '', value: this.#term() };
    }
    return { kind: 'holds', term, isNegated };
  }

  #term(level = 0): RegoTerm {
    const operators: readonly string[] | undefined = levels[level];
    if (operators === undefined) return this.#nested(() => this.#primary());
    let left = this.#term(level + 1);
    while (this.#next.kind === 'symbol' && operators.includes(this.#next.text) && !this.#next.startsLine) {
      const { text: operator, line } = this.#take();
      left = { kind: 'binary', operator, left, right: this.#term(level + 1), line };
    }
    return left;
  }

  #nested<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw unexpected(this.#next.line, 'is nested too deep');
    const parsed = parse();
    this.#depth -= 1;
    return parsed;
  }

  #primary(): RegoTerm {
    const { kind, text, line } = this.#take();
    if (kind === 'string' || kind === 'number') return { kind, text, line };
    if (text === '(') {
      const term = this.#term();
      this.#expect(')');
      return term;
    }
    if (text === '[') return { kind: 'array', items: this.#list(']', () => this.#term()), line };
    if (text === '{') return { kind: 'object', entries: this.#list('}', () => this.#entry()), line };
    if (kind !== 'name') throw unexpected(line);
    if (text === 'true' || text === 'false' || text === 'null') return { kind: 'word', text, line };
    return this.#path(text, line);
  }

  #entry(): readonly [RegoTerm, RegoTerm] {
    const key = this.#term();
    this.#expect(':');
    return [key, this.#term()];
  }

  #list<T>(end: string, parse: () => T): readonly T[] {
    const items: T[] = [];
    while (!this.#takes(end)) {
      items.push(parse());
      if (this.#next.text !== end || this.#next.kind === 'string') this.#expect(',');
    }
    return items;
  }

  #path(first: string, line: number): RegoTerm {
    const parts = [first];
    for (;;) {
      if (this.#next.startsLine) return { kind: 'path', parts, line };
      if (this.#takes('.')) {
        const { kind, text, line: at } = this.#take();
        if (kind !== 'name') throw unexpected(at);
        parts.push(text);
      } else if (this.#takes('[')) {
        const { kind, text, line: at } = this.#take();
        if (kind !== 'string') throw unexpected(at, 'has an index that is no string');
        parts.push(text);
        this.#expect(']');
      } else if (this.#takes('(')) {
        return { kind: 'call', name: parts.join('.'), args: this.#list(')', () => this.#term()), line };
      } else return { kind: 'path', parts, line };
    }
  }
}
