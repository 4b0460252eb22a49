import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonAt, jsonMember } from '../../shared/json.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { quote } from '../../shared/message-text.ts';
import { proxyLimits } from '../limits.ts';
import { annotationText, ownerLimitsProblem, limitAnnotations } from './owner-limits.ts';
import { parseRules, RulesError } from './parse-rules.ts';
import type { Rule } from './parse-rules.ts';
import { objectKey } from '../../shared/names.ts';

/** Annotations of a Connector, or of a class for its Connectors, that limit what their clients can do. */
export const ruleAnnotations = {
  access: 'connectors.alauda.io/access',
  rules: 'connectors.alauda.io/rules',
  mode: 'connectors.alauda.io/rules-mode',
} as const;

/**
 * Annotation of a class whose tools are Git servers, with the value `git`: fetches and downloads are reads, although they
 * are POST requests. At another tool, such a path can start anything.
 */
const protocolAnnotation = 'connectors.alauda.io/read-only-protocol';

/**
 * Annotation of a class, with the value `keep`: its tools read `%2F` as part of a segment, so `*` of an allow matches it.
 * For others, it could be several segments.
 */
const slashAnnotation = 'connectors.alauda.io/encoded-slashes';

/** Reports whether the tools of a class are Git servers. */
export function isOfGit(connectorClass: ConnectorClass | undefined): boolean {
  return jsonAt(connectorClass?.object['metadata'], 'annotations', protocolAnnotation) === 'git';
}

/** Reports whether the tools of a class keep `%2F` in a segment. */
export function keepsSlash(connectorClass: ConnectorClass | undefined): boolean {
  return jsonAt(connectorClass?.object['metadata'], 'annotations', slashAnnotation) === 'keep';
}

const annotationPrefix = 'connectors.alauda.io/';
/** Names below the prefix that a Connector can have. */
export const connectorAnnotations: readonly string[] = [
  ...Object.values(ruleAnnotations),
  ...Object.values(limitAnnotations),
];
const classAnnotations: readonly string[] = [...connectorAnnotations, protocolAnnotation, slashAnnotation];

/** Values of the annotation `access`. */
const accessLevels = ['full', 'read-only', 'rules'] as const;
/** Values of the annotation `rules-mode`. In `audit` mode, what the rules deny is only logged and counted. */
const ruleModes = ['enforce', 'audit'] as const;

/** The rules of one Connector or class. */
export interface RuleSet {
  /** `NAMESPACE/NAME` of the Connector, or `class NAME`. */
  readonly owner: string;
  readonly isReadOnly: boolean;
  readonly rules: readonly Rule[];
  readonly isAudit: boolean;
}

/** Rules that cannot be read. Every request is denied. */
export interface BrokenRules {
  readonly owner: string;
  /** Annotation, position of the mistake, and fix. */
  readonly problem: string;
}

/** The access that an object's own annotations describe; `undefined` if it has none. */
type RulesOfObject = RuleSet | BrokenRules | 'full' | undefined;

const classPrefix = 'class ';

interface ParsedRules {
  /** It is replaced when it changes, and not kept. */
  readonly object: WeakRef<JsonObject>;
  readonly rules: RulesOfObject;
}

/** Parsed rules that are kept, by owner. They take up to 50 times the memory of their text. */
const kept = new BoundedMap<ParsedRules>(proxyLimits.rules.keptCharacters);

/**
 * Returns the rules for requests to a Connector: its own, then those of its class. A request must satisfy each of them.
 * Those of the class do not apply to a Connector with `access: full`.
 */
export function rulesOf(
  { object, ref }: Connector,
  connectorClass: ConnectorClass | undefined,
): readonly (RuleSet | BrokenRules)[] {
  return combined(rulesIn(object, objectKey(ref), ref.namespace), connectorClass);
}

function combined(own: RulesOfObject, connectorClass: ConnectorClass | undefined): readonly (RuleSet | BrokenRules)[] {
  if (own === 'full') return none;
  const ofClass = connectorClass && rulesIn(connectorClass.object, `${classPrefix}${connectorClass.name}`, '');
  if (ofClass === undefined || ofClass === 'full') return own === undefined ? none : [own];
  return own === undefined ? [ofClass] : [own, ofClass];
}

const none: readonly RuleSet[] = [];

/** Reports whether the rules of a Connector are parsed, or there are none. */
export function isParsed({ object, ref }: Connector): boolean {
  if (kept.get(objectKey(ref))?.object.deref() === object) return true;
  return jsonMember(jsonMember(object['metadata'], 'annotations'), ruleAnnotations.rules) === undefined;
}

/** Returns the annotations of an object that decide about requests, as text. */
export function annotationsOf(object: JsonObject): string {
  const annotations = jsonMember(object['metadata'], 'annotations');
  const names = isJsonObject(annotations)
    ? Object.keys(annotations).filter((name) => name.startsWith(annotationPrefix))
    : [];
  return JSON.stringify(names.map((name) => [name, annotationText(jsonMember(annotations, name))]));
}

/** A mistake of a Connector's owner, or of its class. */
interface OwnerProblem {
  /** Of the condition `Ready`. */
  readonly reason: 'BrokenRules';
  /** One line that names object, annotation and fix. */
  readonly message: string;
}

/**
 * Returns what is wrong with the annotations of a Connector and its class; undefined if all can be read. The parsed rules of
 * the Connector are not kept.
 */
export function ownerProblem(
  connector: Connector,
  connectorClass: ConnectorClass | undefined,
): OwnerProblem | undefined {
  const { object, ref } = connector;
  const own = parse(object, objectKey(ref));
  const broken = combined(own, connectorClass).find((rules) => 'problem' in rules);
  const message = broken === undefined ? ownerLimitsProblem(connector, connectorClass) : describeBroken(broken);
  return message === undefined ? undefined : { reason: 'BrokenRules', message };
}

export function describeBroken({ owner, problem }: BrokenRules): string {
  return `rules of ${describeOwner(owner)} are broken: ${problem}`;
}

export function describeOwner(owner: string): string {
  return isOfClass(owner) ? `connectorclass ${owner.slice(classPrefix.length)}` : `connector ${owner}`;
}

export function isOfClass(owner: string): boolean {
  return owner.startsWith(classPrefix);
}

/** @param holder namespace of the object. The rules of the one with most are dropped first. */
function rulesIn(object: JsonObject, owner: string, holder: string): RulesOfObject {
  const known = kept.get(owner);
  if (known?.object.deref() === object) return known.rules;
  const rules = parse(object, owner);
  kept.set(owner, { object: new WeakRef(object), rules }, holder, annotationsOf(object).length);
  return rules;
}

function parse(object: JsonObject, owner: string): RulesOfObject {
  const annotations = jsonMember(object['metadata'], 'annotations');
  const [access, text, mode] = [ruleAnnotations.access, ruleAnnotations.rules, ruleAnnotations.mode].map((name) =>
    jsonMember(annotations, name),
  );
  try {
    rejectUnknown(annotations, isOfClass(owner) ? classAnnotations : connectorAnnotations);
    const level = parseChoice(ruleAnnotations.access, access, accessLevels);
    const ruleMode = parseChoice(ruleAnnotations.mode, mode, ruleModes);
    if (level === 'full') return 'full';
    if (text === undefined && level === undefined) return undefined;
    if (text === undefined && level === 'rules') {
      throw new RulesError(
        `annotation ${ruleAnnotations.access} is "rules" without annotation ${ruleAnnotations.rules}: add it`,
      );
    }
    return {
      owner,
      isReadOnly: level === 'read-only',
      rules: text === undefined ? [] : parseAnnotation(text),
      isAudit: ruleMode === 'audit',
    };
  } catch (error) {
    if (error instanceof RulesError) return { owner, problem: error.message };
    throw error;
  }
}

/** Rejects misspelt names: what the author meant to deny would be permitted. @throws {RulesError} */
function rejectUnknown(annotations: JsonValue | undefined, known: readonly string[]): void {
  const names = isJsonObject(annotations) ? Object.keys(annotations) : [];
  const unknown = names.find((name) => name.startsWith(annotationPrefix) && !known.includes(name));
  if (unknown === undefined) return;
  throw new RulesError(`annotation ${quote(unknown)} is unknown: write one of ${known.join(', ')}, or remove it`);
}

function parseAnnotation(text: unknown): readonly Rule[] {
  try {
    return parseRules(annotationText(text));
  } catch (error) {
    if (error instanceof RulesError)
      throw new RulesError(
        `annotation ${ruleAnnotations.rules}${error.message.startsWith('line ') ? ',' : ''} ${error.message}`,
      );
    throw error;
  }
}

function parseChoice<T extends string>(name: string, value: unknown, choices: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new RulesError(`annotation ${name} is ${quote(annotationText(value))}: write ${choices.join(', ')}`);
}
