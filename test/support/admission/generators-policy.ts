import { proxyLimits } from '../../../src/proxy/limits.js';
import { knownSecretTypes } from '../../../src/proxy/credentials/tool-credentials.js';
import { celList, celText } from './cel-text.js';
import { connectorApi, policyAndBinding } from './policy-and-binding.js';

interface Mistake {
  readonly name: string;
  /** Whether an auth type `t` with a generator has it, in CEL. */
  readonly condition: string;
  readonly message: string;
}

const { textLength } = proxyLimits.generators;
const isText = 'has(t.generator.cel) && type(t.generator.cel) == string';

const mistakes: readonly Mistake[] = [
  {
    name: 'rego',
    // Secrets of the known types need no generator.
    condition: `has(t.generator.rego) && !has(t.generator.cel) && has(t.secretType) && !(t.secretType in ${celList(knownSecretTypes)})`,
    message:
      'generator.rego is not run: add generator.cel with the same result (docs/writing-a-connectorclass.md#from-rego)',
  },
  {
    name: 'other',
    condition: 'has(t.generator.cel) && type(t.generator.cel) != string',
    message: 'generator.cel must be a string',
  },
  {
    name: 'empty',
    condition: `${isText} && !t.generator.cel.matches(r'\\S')`,
    message: 'generator.cel is empty: write an expression, or remove it',
  },
  {
    name: 'long',
    condition: `${isText} && size(t.generator.cel) > ${textLength}`,
    message: `generator.cel has more than ${textLength} characters: shorten it`,
  },
];

function authOf(root: string): string {
  return `(has(${root}.spec.auth) ? ${root}.spec.auth : {})`;
}

/** The policy about generators of classes, and its binding. CEL cannot parse CEL, so the proxy reports other mistakes. */
export function generatorsPolicy(): readonly object[] {
  return policyAndBinding({
    name: 'connectors-csi-generators',
    // Not that of the other policies, so that admission-deny leaves it alone: other proxies run Rego.
    component: 'admission-warnings',
    rules: connectorApi('connectorclasses'),
    canOptOut: false,
    matchConditions: [
      {
        name: 'changed',
        expression: `request.operation == 'CREATE' || ${authOf('object')} != ${authOf('oldObject')}`,
      },
    ],
    variables: [
      {
        name: 'types',
        expression: `has(object.spec.auth) && has(object.spec.auth.types) ? object.spec.auth.types.filter(t, has(t.generator)) : []`,
      },
      ...mistakes.map((each) => ({
        name: each.name,
        expression: `variables.types.filter(t, ${each.condition})`,
      })),
    ],
    validations: mistakes.map((each) => ({
      expression: `variables.${each.name}.size() == 0`,
      message: `an auth type is wrong: ${each.message}`,
      messageExpression: `'auth type "' + string(variables.${each.name}[0].name) + ${celText(`": ${each.message}`)}`,
    })),
  });
}
