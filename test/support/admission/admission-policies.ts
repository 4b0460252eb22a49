import { attributeNames, attributeTable, kubeletPrefix } from '../../../src/driver/publish/attribute-table.js';
import { re2, ruleOf, saysSomething } from './attribute-patterns.js';
import { admissionTargets } from './admission-targets.js';
import type { AdmissionTarget } from './admission-targets.js';
import { celList, celText, rawText } from './cel-text.js';
import { policyAndBinding } from './policy-and-binding.js';

/** Volumes of the driver in one pod. */
export const maxVolumesPerPod = 16;

/** A mistake: which volumes make it, and what their author is told. */
interface Check {
  /** A name in CEL. */
  readonly name: string;
  /** Of the volume `v`, whose driver is ours. */
  readonly isWrong: string;
  readonly message: string;
  /** What is wrong with the volume `v`, a text in CEL; in the message before `message`. */
  readonly detail?: string;
  /** What the author is told instead of `message`, a text in CEL. */
  readonly told?: string;
}

/** The policies and their bindings, two for each kind of place in which volumes stand. */
export function admissionPolicies(): readonly object[] {
  return admissionTargets.flatMap(policyOf);
}

function policyOf(target: AdmissionTarget): readonly object[] {
  const checks = checksFor(target);
  return policyAndBinding({
    name: `connectors-csi-volumes-${target.name}`,
    component: 'admission',
    rules: target.rules,
    canOptOut: true,
    matchConditions: [
      {
        name: 'connectors',
        expression: listsOf(target, 'object')
          .map((list) => `${list}.exists(v, ${isOurs})`)
          .join(' || '),
      },
      ...(target.rules.some(({ operations }) => operations.includes('UPDATE'))
        ? [{ name: 'changed', expression: changed(target) }]
        : []),
    ],
    variables: [
      // Replaced by the chart. As in the policy of the limit.
      { name: 'maxVolumes', expression: String(maxVolumesPerPod) },
      { name: 'found', expression: `(${listsOf(target, 'object').join(' + ')}).filter(v, ${isOurs})` },
      // Judging costs the API server time by volume: what is judged at all is limited.
      { name: 'holders', expression: 'variables.found.size() > variables.maxVolumes ? [] : variables.found' },
      { name: 'known', expression: celList(attributeNames) },
      { name: 'minExpiration', expression: `duration('${attributeTable['token.expiration'].minMs / 1000}s')` },
      // As --max-token-expiration.
      { name: 'maxExpiration', expression: "duration('24h')" },
      ...checks.map(({ name, isWrong }) => ({ name, expression: `variables.holders.filter(v, ${isWrong})` })),
    ],
    validations: [
      ...(target.isOnePod ? [volumeLimit] : []),
      ...checks.map((check) => ({
        expression: `variables.${check.name}.size() == 0`,
        message: check.message,
        messageExpression: explained(target, check),
      })),
    ],
  });
}

const isOurs = "(has(v.csi) && v.csi.driver == 'connectors-csi')";

/** Rejects more volumes than a pod can have, where all volumes of the object are one pod's. */
const volumeLimit = {
  expression: 'variables.found.size() <= variables.maxVolumes',
  message: 'more volumes of connectors-csi than a pod can have: name several connectors in one volume',
  messageExpression:
    "string(variables.found.size()) + ' volumes of connectors-csi, more than the ' + string(variables.maxVolumes) + ' that a pod can have: name several connectors in one volume'",
};

/** In CEL, of the object that `root` names. Steps that Kubernetes demands need no look. */
function listsOf({ places, hasVariables }: AdmissionTarget, root: string): readonly string[] {
  return places.map((steps) => {
    const paths = steps.map((_step, index) => [root, ...steps.slice(0, index + 1)].join('.'));
    const optional = hasVariables ? paths : paths.slice(-1);
    return `(${optional.map((path) => `has(${path})`).join(' && ')} ? ${paths.at(-1) ?? root} : [])`;
  });
}

/** What is there already may be changed elsewhere, scaled and removed. */
function changed(target: AdmissionTarget): string {
  const [now, before] = ['object', 'oldObject'].map((root) => listsOf(target, root).join(' + '));
  return `request.operation == 'CREATE' || ${now ?? ''} != ${before ?? ''}`;
}

function explained({ noun }: AdmissionTarget, { name, message, detail, told }: Check): string {
  const volume = detail === undefined ? `v.name` : `v.name + ${detail}`;
  const names = `'${noun} ' + variables.${name}.map(v, ${volume}).join(', ')`;
  return `${names} + ${told === undefined ? celText(`: ${message}`) : `': ' + ${told}`}`;
}

function checksFor(target: AdmissionTarget): readonly Check[] {
  const attributes = 'v.csi.volumeAttributes';
  const settled = (text: string): string => (target.hasVariables ? ` && !${text}.contains('$(')` : '');
  const has = (name: string): string => `${celText(name)} in ${attributes}`;
  const value = (name: string): string => `${attributes}[${celText(name)}]`;
  const given = (name: string): string => `(${has(name)} && ${value(name)}.matches(${rawText(re2(saysSomething))}))`;
  const judged = (name: string): string =>
    `has(${attributes}) && ${has(name)}${settled(value(name))} && size(${value(name)}) <= ${ruleOf(name as 'connectors').maxJudged ?? attributeTable[name as 'connectors'].maxBytes}`;
  const isUnknown = `!(n in variables.known) && !n.startsWith(${celText(kubeletPrefix)})${settled('n')}`;
  const connectors = value('connectors');
  const items = `${connectors}.split(',').map(i, i.trim()).filter(i, i != '').map(i, i.contains('/') ? i : request.namespace + '/' + i)`;
  const lifetime = value('token.expiration');
  const isLifetime = `${judged('token.expiration')} && ${lifetime}.matches(${rawText(re2(ruleOf('token.expiration').pattern))}) && ${lifetime}.matches(${rawText(re2(saysSomething))}) && size(${lifetime}) <= 100 && !${lifetime}.matches('[0-9]{7}')`;
  const connectorRule = ruleOf('connectors');
  const { maxBytes } = attributeTable.connectors;
  const maxKiB = maxBytes / 1024;
  const isTooLong = `n in ${attributes} && size(bytes(${attributes}[n])) > ${maxBytes}`;
  return [
    {
      name: 'writable',
      isWrong: '(!has(v.csi.readOnly) || !v.csi.readOnly)',
      message: 'csi.readOnly must be true',
    },
    {
      name: 'unknown',
      isWrong: `has(${attributes}) && ${attributes}.exists(n, ${isUnknown})`,
      message: `allowed in volumeAttributes are ${attributeNames.join(', ')}`,
      detail: `', unknown attribute ' + ${attributes}.filter(n, ${isUnknown}).map(n, '"' + n + '"').join(', ')`,
    },
    {
      name: 'tooLong',
      isWrong: `has(${attributes}) && variables.known.exists(n, ${isTooLong})`,
      message: `an attribute is over ${maxKiB} KiB`,
      detail: `', too long attribute ' + variables.known.filter(n, ${isTooLong}).map(n, '"' + n + '"').join(', ')`,
      told: `'at most ${maxKiB} KiB'`,
    },
    {
      name: 'missing',
      isWrong: `(!has(${attributes}) || (!${given('connectors')} && !${given('connector.name')}))`,
      message: 'attribute "connectors" is missing: name at least one connector, as NAME or NAMESPACE/NAME',
    },
    {
      name: 'bothForms',
      isWrong: `has(${attributes}) && ${given('connectors')}${settled(connectors)} && (${[
        'connector.name',
        'connector.namespace',
      ]
        .map((name) => `${given(name)}${settled(value(name))}`)
        .join(' || ')})`,
      message: 'attributes "connectors" and "connector.name" name the same thing: keep "connectors" and drop the other',
    },
    ...attributeNames.map((name) => {
      const { pattern, excesses, message } = ruleOf(name);
      const wrong = excesses.map((excess) => `${value(name)}.matches(${rawText(re2(excess))})`);
      return {
        name: camelCase(name),
        isWrong: `${judged(name)} && (${[`!${value(name)}.matches(${rawText(re2(pattern))})`, ...wrong].join(' || ')})`,
        message: `attribute "${name}" ${message}`,
      };
    }),
    {
      name: 'twice',
      isWrong: `${judged('connectors')} && ${connectors}.matches(${rawText(re2(connectorRule.pattern))}) && !${connectors}.matches(${rawText(re2(connectorRule.excesses[0] ?? ''))}) && [${items}].exists(l, l.exists(i, l.filter(j, j == i).size() > 1))`,
      message: 'attribute "connectors" names a connector twice: name each connector once',
    },
    {
      name: 'tooShort',
      isWrong: `${isLifetime} && duration(${lifetime}.trim()) < variables.minExpiration`,
      message: `attribute "token.expiration" is too short: the API server's minimum is 10m`,
    },
    {
      name: 'tooLongLived',
      isWrong: `${isLifetime} && duration(${lifetime}.trim()) > variables.maxExpiration`,
      message: 'attribute "token.expiration" is longer than the driver allows (--max-token-expiration)',
      told: `'attribute "token.expiration" is too long: at most ' + ${lifetimeText('variables.maxExpiration')} + ' (--max-token-expiration of the driver)'`,
    },
  ];
}

/** A CEL duration in hours where it is a number of them, else in minutes. */
function lifetimeText(duration: string): string {
  const minutes = `${duration}.getMinutes()`;
  return `(${minutes} % 60 == 0 ? string(${duration}.getHours()) + 'h' : string(${minutes}) + 'm')`;
}

function camelCase(name: string): string {
  return name.replaceAll(/\.([a-z])/g, (_dot, letter: string) => letter.toUpperCase());
}
