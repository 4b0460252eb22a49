import { proxyLimits } from '../../../src/proxy/limits.js';
import {
  accessLevels,
  connectorAnnotations,
  protocolAnnotation,
  ruleAnnotations,
  ruleModes,
} from '../../../src/proxy/rules/request-rules.js';
import { ruleMethods } from '../../../src/proxy/rules/parse-rules.js';
import { celList, celText, rawText } from './cel-text.js';
import { connectorApi, policyAndBinding } from './policy-and-binding.js';

/** Characters of a line in a message. */
const maxShown = 100;

// Rules are read line by line, and only if each line has one of the usual forms: CEL has no parser of YAML. What the
// forms say is then certain, so that a warning is never wrong.
/** A quotation mark, or none. A literal `'` would end the text in CEL. */
const quotes = `["\\x27]?`;
const plain = `[-\\w./*%@~+]+`;
const item = `(?:"[^"\\\\]*"|\\x27[^\\x27]*\\x27|${plain})`;
const comment = ` *(?: #.*)?`;
const word = `${quotes}\\w+${quotes}`;
const effect = `${quotes}(?:allow|deny)${quotes}`;
const method = `${quotes}(?:${ruleMethods.join('|')})${quotes}`;
const rulePath = `(?:"/[^"\\\\]*"|\\x27/[^\\x27]*\\x27|/[-\\w./*%@~+]*)`;

function listOf(each: string): string {
  return `\\[ *${each}(?: *, *${each})* *,? *\\]`;
}

function mappingOf(each: string): string {
  return `\\{ *${each}(?: *, *${each})* *,? *\\}`;
}

const anyMember = `${word} *: *${listOf(item)}`;
const rightMember = `(?:${quotes}methods${quotes} *: *${listOf(method)}|${quotes}paths${quotes} *: *${listOf(rulePath)})`;

/** The usual lines by what they are: how one looks, and how a right one does. */
const forms = {
  rule: {
    usual: `- +${word} *: *(?:${mappingOf(anyMember)})?`,
    right: `- +${effect} *: *(?:${mappingOf(rightMember)})?`,
  },
  member: {
    usual: `${word} *: *(?:${listOf(item)})?`,
    right: `(?:${rightMember}|${quotes}(?:methods|paths)${quotes} *:)`,
  },
  item: { usual: `- +${item}`, right: `- +(?:${method}|${rulePath})` },
} as const;

const fixes: Readonly<Record<keyof typeof forms, string>> = {
  rule: `write allow or deny with methods (${ruleMethods.slice(0, 7).join(', ')}), or with paths that begin with /`,
  member: `write methods (${ruleMethods.slice(0, 7).join(', ')}), or paths that begin with /`,
  item: 'write a method in upper case, or a path that begins with /',
};

function line(pattern: string): string {
  return rawText(`^ *${pattern}${comment}$`);
}

function isUsual(text: string): string {
  const usual = Object.values(forms).map((form) => `${text}.matches(${line(form.usual)})`);
  return [`${text}.matches(r'^ *(?:#.*)?$')`, ...usual].join(' || ');
}

/** Lines of a form that are wrong, in CEL. Items of different depths can be the continuation of others. */
function wrongLines(form: keyof typeof forms): string {
  const { usual, right } = forms[form];
  const found = `variables.lines.filter(l, l.matches(${line(usual)}) && !l.matches(${line(right)}))`;
  const depths = `variables.lines.filter(l, l.matches(${line(forms.item.usual)})).map(l, l.indexOf('-'))`;
  const isCertain = form === 'item' ? `variables.isUsual && ${depths}.all(d, d == ${depths}[0])` : 'variables.isUsual';
  return `${isCertain} ? ${found} : []`;
}

function annotation(of: string, root = 'object'): string {
  const annotations = `${root}.metadata.annotations`;
  return `(has(${annotations}) && ${celText(of)} in ${annotations} ? ${annotations}[${celText(of)}] : '')`;
}

function isPresent(of: string): string {
  return `(has(object.metadata.annotations) && ${celText(of)} in object.metadata.annotations)`;
}

function choice(of: string, choices: readonly string[]): object {
  const message = `annotation ${of} must be one of ${choices.join(', ')}`;
  return { expression: `!${isPresent(of)} || ${annotation(of)} in ${celList(choices)}`, message };
}

/** Annotations below the prefix that neither kind has, in CEL. */
function unknownAnnotations(): string {
  const isOfClass = `object.kind == 'ConnectorClass' && k == ${celText(protocolAnnotation)}`;
  const isKnown = `k in ${celList(connectorAnnotations)} || ${isOfClass}`;
  const unknown = `object.metadata.annotations.filter(k, k.startsWith('connectors.alauda.io/') && !(${isKnown}))`;
  return `has(object.metadata.annotations) ? ${unknown} : []`;
}

/** The policy about rules of Connectors and classes, and its binding. */
export function rulesPolicy(): readonly object[] {
  const { access, rules, mode } = ruleAnnotations;
  const { characters } = proxyLimits.rules;
  return policyAndBinding({
    name: 'connectors-csi-rules',
    component: 'admission',
    rules: connectorApi('connectors', 'connectorclasses'),
    canOptOut: true,
    matchConditions: [
      {
        name: 'changed',
        expression: [
          "request.operation == 'CREATE'",
          ...Object.values(ruleAnnotations).map((each) => `${annotation(each)} != ${annotation(each, 'oldObject')}`),
          `(${unknownAnnotations()}).exists(k, !(has(oldObject.metadata.annotations) && k in oldObject.metadata.annotations))`,
        ].join(' || '),
      },
    ],
    variables: [
      // With access full, nothing else is read.
      { name: 'rules', expression: `${annotation(access)} == 'full' ? '' : ${annotation(rules)}` },
      { name: 'lines', expression: `size(variables.rules) > ${characters} ? [] : variables.rules.split('\\n')` },
      { name: 'isUsual', expression: `variables.lines.all(l, ${isUsual('l')})` },
      { name: 'unknown', expression: unknownAnnotations() },
      ...formNames.map((form) => ({ name: form, expression: wrongLines(form) })),
    ],
    validations: [
      {
        expression: 'variables.unknown.size() == 0',
        message: `an annotation below connectors.alauda.io/ is unknown: write one of ${connectorAnnotations.join(', ')}`,
        messageExpression: `'annotation ' + variables.unknown[0] + ' is unknown: write one of ${connectorAnnotations.join(', ')}'`,
      },
      choice(access, accessLevels),
      choice(mode, ruleModes),
      {
        expression: `${annotation(access)} != 'rules' || ${isPresent(rules)}`,
        message: `annotation ${access} is rules, and there is no annotation ${rules}: add it`,
      },
      {
        expression: `size(variables.rules) <= ${characters}`,
        message: `annotation ${rules} has more than ${characters} characters: shorten it`,
      },
      {
        expression: `${annotation(access)} == 'full' || !${isPresent(rules)} || variables.rules.matches(r'\\S')`,
        message: `annotation ${rules} is empty: write a list of allow and deny, or remove it`,
      },
      ...formNames.map((form) => ({
        expression: `variables.${form}.size() == 0`,
        message: `annotation ${rules} has a wrong line: ${fixes[form]}`,
        messageExpression: `${celText(`annotation ${rules}, line "`)} + ${shown(form)} + ${celText(`": ${fixes[form]}`)}`,
      })),
    ],
  });
}

const formNames = Object.keys(forms) as readonly (keyof typeof forms)[];

/** The first wrong line, shortened, in CEL. */
function shown(form: keyof typeof forms): string {
  const first = `variables.${form}[0].trim()`;
  return `(size(${first}) > ${maxShown} ? ${first}.substring(0, ${maxShown}) + '…' : ${first})`;
}
