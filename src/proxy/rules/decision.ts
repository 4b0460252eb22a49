import { proxyLimits } from '../limits.ts';
import { quote } from '../../shared/message-text.ts';
import { matchesPath } from './path-pattern.ts';
import { overrideIn, parametersOf } from './overrides.ts';
import { describeBroken, describeOwner, isOfClass, ruleAnnotations } from './request-rules.ts';
import type { BrokenRules, RuleSet } from './request-rules.ts';
import type { Rule } from './parse-rules.ts';
import { writeOf } from './read-only.ts';
import type { RequestForRules } from './read-only.ts';
import { ambiguityOf, readingsOf } from './request-path.ts';
import type { PathReadings } from './request-path.ts';

/** The decision of rules about one request. */
export interface Decision {
  /** `audit`: denied by rules that are only logged and counted. */
  readonly outcome: 'allowed' | 'audit' | 'denied';
  /** The rule that decided: `ci/harbor:3` (with its line), `class git:1`, `read-only`; undefined if none did. */
  readonly rule?: string;
  /** Why the request is denied, with the annotation to change, and how. Absent if it is allowed. */
  readonly reason?: string;
  /** Whether it is denied because tools could read it in different ways, whatever the rules are. */
  readonly isAmbiguous?: boolean;
}

type Verdict = Omit<Decision, 'outcome'>;

/**
 * Decides about a request by the rules of a Connector and of its class. All of them must allow it. Requests that tools
 * could read in different ways are denied by any rules. An `allow` must match the path as sent, a `deny` also as lenient
 * tools read it.
 * @param keepsSlash whether the tool keeps `%2F` in a segment, so that `*` of an `allow` can match it.
 */
export function decide(
  sets: readonly (RuleSet | BrokenRules)[],
  request: RequestForRules,
  keepsSlash = false,
): Decision {
  if (sets.length === 0) return { outcome: 'allowed' };
  const objection = objectionTo(request);
  const readings = objection === undefined ? { ...readingsOf(request.pathname), keepsSlash } : noReadings;
  let audited: Verdict | undefined;
  let allowedBy: string | undefined;
  for (const set of sets) {
    const verdict = verdictOf(set, request, readings, objection);
    if (verdict.reason === undefined) allowedBy ??= verdict.rule;
    else if ('isAudit' in set && set.isAudit) audited ??= verdict;
    else return { outcome: 'denied', ...verdict };
  }
  if (audited !== undefined) return { outcome: 'audit', ...audited };
  return allowedBy === undefined ? { outcome: 'allowed' } : { outcome: 'allowed', rule: allowedBy };
}

type Readings = PathReadings & { readonly keepsSlash: boolean };
const noReadings: Readings = { sent: [], lenient: [], keepsSlash: false };

/** Returns why any rules deny a request; undefined if there is no such reason. */
function objectionTo({ pathname, query, rawHeaders }: RequestForRules): Objection | undefined {
  const problem = ambiguityOf(pathname);
  if (problem !== undefined) return { text: `need another spelling of the path: ${problem}`, isAmbiguous: true };
  const parameters = parametersOf(query);
  if (parameters === undefined) {
    return {
      text: `need a query of at most ${proxyLimits.rules.parameters} parameters: send fewer`,
      isAmbiguous: true,
    };
  }
  const override = overrideIn(parameters, rawHeaders);
  if (override === undefined) return undefined;
  return { text: `deny this request: its ${quote(override)} names another method or path`, isAmbiguous: false };
}

interface Objection {
  /** Continues `rules of OBJECT`. */
  readonly text: string;
  readonly isAmbiguous: boolean;
}

function verdictOf(
  set: RuleSet | BrokenRules,
  request: RequestForRules,
  readings: Readings,
  objection: Objection | undefined,
): Verdict {
  const { owner } = set;
  const { method, isRead } = request;
  if ('problem' in set) return { rule: owner, reason: describeBroken(set) };
  const object = describeOwner(owner);
  if (objection !== undefined) {
    return { rule: owner, reason: `rules of ${object} ${objection.text}`, isAmbiguous: objection.isAmbiguous };
  }
  const readOnly = isOfClass(owner) ? `${owner}:read-only` : 'read-only';
  if (set.isReadOnly && !isRead) {
    return {
      rule: readOnly,
      reason: `${object} is read-only: ${writeOf(request)} can write here (annotation ${ruleAnnotations.access})`,
    };
  }
  const rule = set.rules.find((each) => matches(each, method, readings));
  if (rule !== undefined) {
    const place = `${owner}:${rule.line}`;
    if (rule.effect === 'allow') return { rule: place };
    const line = `line ${rule.line} of annotation ${ruleAnnotations.rules}`;
    return { rule: place, reason: `a rule of ${object} denies this request: ${line}` };
  }
  if (!set.rules.some(({ effect }) => effect === 'allow')) return set.isReadOnly ? { rule: readOnly } : {};
  const hasSlash = !readings.keepsSlash && readings.sent.some((segment) => segment.includes('/'));
  const hint = hasSlash ? ', as * matches no %2F' : '';
  return {
    rule: owner,
    reason: `no rule of ${object} allows this request${hint}: annotation ${ruleAnnotations.rules}`,
  };
}

function matches({ effect, methods, paths }: Rule, method: string, { sent, lenient, keepsSlash }: Readings): boolean {
  if (methods?.has(method) === false) return false;
  if (paths === undefined) return true;
  return effect === 'allow'
    ? paths.some(({ exact }) => matchesPath(exact, sent, keepsSlash))
    : lenient.some((reading) => paths.some((path) => matchesPath(path.folded, reading)));
}
