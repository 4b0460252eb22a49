import type { KubeObject } from './resources.ts';
import { badRequest } from './status.ts';

export type Selector = (object: KubeObject) => boolean;

/** `fieldSelector` of `metadata.name` and `metadata.namespace`, and `labelSelector` with its equality and set forms. */
export function selectorOf(query: URLSearchParams): Selector {
  const tests = [
    ...requirements(query.get('fieldSelector')).map(fieldTest),
    ...requirements(query.get('labelSelector')).map(labelTest),
  ];
  return (object) => tests.every((test) => test(object));
}

/** Splits at the commas outside parentheses. */
function requirements(selector: string | null): readonly string[] {
  return selector === null || selector === '' ? [] : selector.split(/,(?![^(]*\))/).map((text) => text.trim());
}

function fieldTest(text: string): Selector {
  const [, field, operator, value] = /^(metadata\.name|metadata\.namespace)(==?|!=)(.*)$/.exec(text) ?? [];
  if (field === undefined) throw badRequest(`field label not supported: ${text}`);
  return ({ metadata }) => {
    const actual = (field === 'metadata.name' ? metadata.name : metadata.namespace) ?? '';
    return (actual === value) === (operator !== '!=');
  };
}

function labelTest(text: string): Selector {
  const equality = /^([^\s=!]+)\s*(==?|!=)\s*(\S*)$/.exec(text);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return ({ metadata }) => (metadata.labels?.[key] === value) === (operator !== '!=');
  }
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return ({ metadata }) => values.includes(metadata.labels?.[key] ?? '') === (operator === 'in');
  }
  const existence = /^(!?)([^\s=!]+)$/.exec(text);
  if (!existence) throw badRequest(`unable to parse requirement: ${text}`);
  const [, not, key = ''] = existence;
  return ({ metadata }) => (metadata.labels?.[key] !== undefined) === (not === '');
}
