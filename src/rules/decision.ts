import { matchesPath } from './path-pattern.js';
import type { PathReadings } from './path-readings.js';
import { overridesMethod } from './read-only.js';
import { describeBroken, describeOwner, isOfClass, ruleAnnotations } from './request-rules.js';
import type { BrokenRules, RuleSet } from './request-rules.js';
import type { Rule } from './rule.js';
import type { RuledRequest } from './ruled-request.js';

/** The decision of rules about one request. */
export interface Decision {
  /** `audit`: denied by rules that are only logged and counted. */
  readonly outcome: 'allowed' | 'audit' | 'denied';
  /** The rule that decided: `ci/harbor:3` (with its line), `class git:1`, `read-only`; undefined if none did. */
  readonly rule?: string;
  /** Why the request is denied, with the annotation to change, and how. Absent if it is allowed. */
  readonly reason?: string;
}

type Verdict = Pick<Decision, 'rule' | 'reason'>;

/**
 * Decides about a request by the rules of a Connector and of its class. All of them must allow it. The decision is the
 * same for every reading of the path: an `allow` must cover all readings, for a `deny` one suffices.
 */
export function decide(sets: readonly (RuleSet | BrokenRules)[], request: RuledRequest): Decision {
  let audited: Verdict | undefined;
  let allowedBy: string | undefined;
  for (const set of sets) {
    const verdict = verdictOf(set, request);
    if (verdict.reason === undefined) allowedBy ??= verdict.rule;
    else if ('isAudit' in set && set.isAudit) audited ??= verdict;
    else return { outcome: 'denied', ...verdict };
  }
  if (audited !== undefined) return { outcome: 'audit', ...audited };
  return allowedBy === undefined ? { outcome: 'allowed' } : { outcome: 'allowed', rule: allowedBy };
}

function verdictOf(set: RuleSet | BrokenRules, request: RuledRequest): Verdict {
  const { owner } = set;
  if ('problem' in set) return { rule: owner, reason: describeBroken(set) };
  const { parts, readings } = request;
  const object = describeOwner(owner);
  if (readings === undefined) {
    const problem = 'the path has too many segments, or can be decoded in too many ways';
    return { rule: owner, reason: `rules of ${object} deny this request: ${problem}` };
  }
  if (overridesMethod(parts)) {
    return { rule: owner, reason: `rules of ${object} deny this request: it overrides its method` };
  }
  const readOnly = isOfClass(owner) ? `${owner}:read-only` : 'read-only';
  if (set.isReadOnly && !request.isRead) {
    const asked = parts.isUpgrade ? 'a change of the protocol' : parts.method;
    return {
      rule: readOnly,
      reason: `${object} is read-only: ${asked} can write here (annotation ${ruleAnnotations.access})`,
    };
  }
  const rule = set.rules.find((each) => matches(each, parts.method, readings));
  if (rule !== undefined) {
    const place = `${owner}:${rule.line}`;
    if (rule.effect === 'allow') return { rule: place };
    const line = `line ${rule.line} of annotation ${ruleAnnotations.rules}`;
    return { rule: place, reason: `a rule of ${object} denies this request: ${line}` };
  }
  if (!set.rules.some(({ effect }) => effect === 'allow')) return set.isReadOnly ? { rule: readOnly } : {};
  return { rule: owner, reason: `no rule of ${object} allows this request: annotation ${ruleAnnotations.rules}` };
}

function matches({ effect, methods, paths }: Rule, method: string, readings: PathReadings): boolean {
  if (methods?.has(method) === false) return false;
  if (paths === undefined) return true;
  return effect === 'allow'
    ? readings.exact.every((reading) => paths.some((path) => matchesPath(path, 'exact', reading)))
    : readings.folded.some((reading) => paths.some((path) => matchesPath(path, 'folded', reading)));
}
