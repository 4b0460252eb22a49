import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { quote } from '../../shared/message-text.ts';
import { attributeTable } from './attribute-table.ts';
import type { AttributeName } from './attribute-table.ts';
import { dns1123LabelProblem, dns1123SubdomainProblem, objectKey } from '../../shared/names.ts';

/** Returns the value of an attribute; undefined if it is absent or empty. */
export type AttributeReader = (name: AttributeName) => string | undefined;

/**
 * Parses the connectors that a volume names, in either form.
 * @param podNamespace the namespace of connectors named without one.
 */
export function parseConnectors(
  read: AttributeReader,
  podNamespace: string,
  problems: string[],
): readonly ConnectorRef[] {
  const list = read('connectors');
  const name = read('connector.name');
  const namespace = read('connector.namespace');
  if (list !== undefined && (name !== undefined || namespace !== undefined)) {
    problems.push(
      'attributes "connectors" and "connector.name" name the same thing: keep "connectors" and drop the other',
    );
    return [];
  }
  if (list !== undefined) return parseConnectorList(list, podNamespace, problems);
  if (name !== undefined) {
    const ref = { namespace: (namespace ?? podNamespace).trim(), name: name.trim() };
    const item = namespace === undefined ? ref.name : objectKey(ref);
    checkRef(ref, 'connector.name', item, problems);
    return [ref];
  }
  problems.push('attribute "connectors" is missing: name at least one connector, as NAME or NAMESPACE/NAME');
  return [];
}

function parseConnectorList(list: string, podNamespace: string, problems: string[]): readonly ConnectorRef[] {
  const { maxItems } = attributeTable.connectors;
  const items = listItems(list, maxItems);
  if (items.length > maxItems) {
    problems.push(`attribute "connectors" names over ${maxItems} connectors: use fewer`);
    return [];
  }
  const refs = new Map<string, ConnectorRef>();
  for (const item of items) {
    if (item === '') {
      problems.push(`attribute "connectors" ${quote(list)} has an empty item: separate names by single commas`);
      continue;
    }
    const slash = item.indexOf('/');
    const ref =
      slash < 0
        ? { namespace: podNamespace, name: item }
        : { namespace: item.slice(0, slash), name: item.slice(slash + 1) };
    if (!checkRef(ref, 'connectors', item, problems)) continue;
    const key = objectKey(ref);
    if (refs.has(key)) problems.push(`attribute "connectors" names ${quote(key)} twice: name each connector once`);
    refs.set(key, ref);
  }
  return [...refs.values()];
}

function checkRef(ref: ConnectorRef, attribute: AttributeName, item: string, problems: string[]): boolean {
  const nameProblem = dns1123SubdomainProblem(ref.name);
  // The pod's own namespace comes from the kubelet and is checked with the pod's identity.
  const namespaceProblem = item.includes('/') ? dns1123LabelProblem(ref.namespace) : undefined;
  for (const [part, problem] of [
    ['namespace', namespaceProblem],
    ['name', nameProblem],
  ] as const) {
    if (problem !== undefined) {
      problems.push(
        `attribute ${quote(attribute)} item ${quote(item)}: the ${part} ${problem} (NAME or NAMESPACE/NAME)`,
      );
    }
  }
  return nameProblem === undefined && namespaceProblem === undefined;
}

/**
 * Splits a comma-separated list and trims its items; one comma at the end is permitted. Of a list with more than `maxItems`
 * it returns a few more, as it can have thousands.
 */
export function listItems(list: string, maxItems: number): readonly string[] {
  const items = list.split(',', maxItems + 2).map((item) => item.trim());
  return items.length > 1 && items.at(-1) === '' ? items.slice(0, -1) : items;
}
