import { parseRego } from './parse-rego.js';
import type { RegoRule, RegoStatement, RegoTerm } from './parse-rego.js';
import { RegoTerms } from './rego-terms.js';
import { UntranslatableRego, unexpected } from './rego-tokens.js';

/** The expression in CEL for a policy in Rego, or why there is none. */
export type TranslatedRego = { readonly cel: string } | { readonly problem: string };

/**
 * Translates a policy for a message. The work is bounded: the policy is never evaluated, and neither the policy nor the
 * result can be long.
 */
export function translateRego(policy: string): TranslatedRego {
  try {
    return { cel: translate(parseRego(policy)) };
  } catch (error) {
    if (error instanceof UntranslatableRego) return { problem: error.message };
    throw error;
  }
}

function translate(rules: readonly RegoRule[]): string {
  const globals = new Map<string, RegoTerm>();
  for (const { name, value, body, isDefault, line } of rules) {
    if (name === 'auth') continue;
    if (body.length > 0 || isDefault || globals.has(name)) throw unexpected(line, `has a rule other than auth`);
    globals.set(name, value);
  }
  const results = rules.filter(({ name }) => name === 'auth');
  // Of rules that hold for the same input, those with a condition are meant to take precedence.
  const conditional = results.filter(({ body, isDefault }) => !isDefault && conditionsOf(body).length > 0);
  const last =
    results.find((rule) => !conditional.includes(rule) && !rule.isDefault) ?? results.find((rule) => rule.isDefault);
  if (conditional.length === 0 && last === undefined) throw new UntranslatableRego('as it has no rule auth');
  const terms = new RegoTerms(globals);
  const otherwise = last === undefined ? '{}' : resultOf(last, terms);
  const branches = conditional.map((rule) => {
    const within = terms.with(assignmentsOf(rule.body));
    return `${conditionsOf(rule.body)
      .map((each) => within.condition(each.term, each.isNegated))
      .join(' && ')} ? ${resultOf(rule, terms)} : `;
  });
  return terms.bounded(`${branches.join('')}${otherwise}`);
}

function conditionsOf(body: readonly RegoStatement[]): readonly Extract<RegoStatement, { kind: 'holds' }>[] {
  return body.filter((statement) => statement.kind === 'holds');
}

function assignmentsOf(body: readonly RegoStatement[]): ReadonlyMap<string, RegoTerm> {
  return new Map(body.flatMap((each) => (each.kind === 'assign' ? [[each.name, each.value]] : [])));
}

/** Translates `{"position": "header", "auth": {NAME: VALUE}}`. */
function resultOf({ value, body, line }: RegoRule, outer: RegoTerms): string {
  const terms = outer.with(assignmentsOf(body));
  const object = terms.resolved(value);
  if (object.kind !== 'object') throw unexpected(line, 'has an auth that is no object');
  const members = new Map(
    object.entries.map(([key, each]) => [key.kind === 'string' ? key.text : '', terms.resolved(each)]),
  );
  const position = members.get('position');
  const auth = members.get('auth');
  const where = position?.kind === 'string' ? position.text : 'unknown';
  if (where !== 'header' && where !== 'query') {
    throw unexpected(
      line,
      `has the position ${JSON.stringify(where.slice(0, 20))}: there are headers and query parameters`,
    );
  }
  if (auth?.kind !== 'object') throw unexpected(line, 'has an auth without names and values');
  const entries = auth.entries.map(([name, text]) => `${terms.text(name)}: ${terms.text(text)}`);
  return `{"${where === 'header' ? 'headers' : 'query'}": {${entries.join(', ')}}}`;
}
