import { isMap, isScalar, isSeq } from 'yaml';
import type { LineCounter, Node, ParsedNode } from 'yaml';
import { parseYamlNodes, YamlError } from '../../shared/kube/yaml-documents.ts';
import { quote } from '../../shared/message-text.ts';
import { proxyLimits } from '../limits.ts';
import { parsePathPattern } from './path-pattern.ts';
import type { PathPattern } from './path-pattern.ts';

/** Methods that a rule can name: HTTP's own, and those of WebDAV. */
export const ruleMethods = [
  ...['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH'],
] as const;

/** One rule: it matches requests with any of its methods and any of its paths. */
export interface Rule {
  readonly effect: 'allow' | 'deny';
  /** Absent: all methods. */
  readonly methods?: ReadonlySet<string>;
  /** Absent: all paths. */
  readonly paths?: readonly PathPattern[];
  /** Its line in the annotation. */
  readonly line: number;
}

/** A mistake in rules. The message is one line with the position of the mistake and the fix. */
export class RulesError extends Error {
  override readonly name = 'RulesError';
}

const example = `- allow: { methods: [GET], paths: ["/api/**"] }`;

/**
 * Parses the rules of an annotation: a YAML list of `allow` and `deny`, each with methods, paths or both.
 * @throws {RulesError} for everything else. A rule that was ignored would permit what its author denies.
 */
export function parseRules(text: string): readonly Rule[] {
  const { characters } = proxyLimits.rules;
  if (text.length > characters) throw new RulesError(`has more than ${characters} characters: shorten it`);
  try {
    const { documents, lines } = parseYamlNodes(text, proxyLimits.rules.tokens);
    const [document, second] = documents;
    if (second !== undefined) throw mistake(lines, second.range[0], 'starts a second document: write one list');
    return new RulesParser(lines).rules(document?.contents ?? null);
  } catch (error) {
    if (error instanceof YamlError) throw new RulesError(`${error.message}: write a list such as ${example}`);
    throw error;
  }
}

class RulesParser {
  readonly #lines: LineCounter;
  #segments = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  rules(node: ParsedNode | null): readonly Rule[] {
    if (node === null) throw new RulesError(`is empty: write a list such as ${example}, or remove it`);
    return this.#list(node, 'rules').map((item) => this.#rule(item));
  }

  #rule(node: Node | null): Rule {
    const [entry, second] = this.#entries(node, 'a rule');
    if (second !== undefined) throw this.#at(second.key, 'has a second key: begin a rule of its own with "-"');
    const { name, key, value } = entry;
    if (name !== 'allow' && name !== 'deny') throw this.#at(key, `unknown key ${quote(name)}: write allow or deny`);
    let rule: Rule = { effect: name, line: this.#place(key).line };
    for (const member of this.#entries(value, name)) {
      if (member.name === 'methods') rule = { ...rule, methods: new Set(this.#methods(member.value)) };
      else if (member.name === 'paths') rule = { ...rule, paths: this.#paths(member.value) };
      else throw this.#at(member.key, `unknown key ${quote(member.name)}: write methods or paths`);
    }
    return rule;
  }

  #methods(node: Node | null): readonly string[] {
    return this.#list(node, 'methods').map((item) => {
      const method = this.#text(item, 'a method');
      if (ruleMethods.some((known) => known === method)) return method;
      const upper = method.toUpperCase();
      const fix = ruleMethods.some((known) => known === upper) ? upper : `one of ${ruleMethods.join(', ')}`;
      throw this.#at(item, `unknown method ${quote(method)}: write ${fix}`);
    });
  }

  #paths(node: Node | null): readonly PathPattern[] {
    return this.#list(node, 'paths').map((item) => {
      const text = this.#text(item, 'a path');
      const pattern = parsePathPattern(text);
      if ('problem' in pattern) throw this.#at(item, `path ${quote(text)} ${pattern.problem}`);
      this.#segments += pattern.exact.length;
      if (this.#segments <= proxyLimits.rules.segments) return pattern;
      throw this.#at(item, `the paths have more than ${proxyLimits.rules.segments} segments: use ** or fewer rules`);
    });
  }

  #list(node: Node | null, name: string): readonly (Node | null)[] {
    if (!isSeq<Node | null>(node)) throw this.#at(node, `${name} must be a list`);
    const { items } = node;
    if (items.length === 0) throw this.#at(node, `${name} must not be empty: leave it out, or name some`);
    return items;
  }

  #entries(node: Node | null, name: string): readonly [Entry, ...Entry[]] {
    if (!isMap<Node, Node | null>(node)) throw this.#at(node, `${name} must be a mapping: write ${example}`);
    const [first, ...rest] = node.items.map(({ key, value }) => ({ key, value, name: this.#text(key, 'a key') }));
    if (first === undefined) throw this.#at(node, `${name} must not be empty: name methods, paths or both`);
    return [first, ...rest];
  }

  #text(node: Node | null, name: string): string {
    if (!isScalar(node) || typeof node.value !== 'string') throw this.#at(node, `${name} must be a string`);
    return node.value;
  }

  #at(node: Node | null, problem: string): RulesError {
    return mistake(this.#lines, node?.range?.[0] ?? 0, problem);
  }

  #place(node: Node): { readonly line: number } {
    return this.#lines.linePos(node.range?.[0] ?? 0);
  }
}

interface Entry {
  readonly key: Node;
  readonly value: Node | null;
  readonly name: string;
}

function mistake(lines: LineCounter, offset: number, problem: string): RulesError {
  const { line, col } = lines.linePos(offset);
  return new RulesError(`line ${line}, column ${col}: ${problem}`);
}
