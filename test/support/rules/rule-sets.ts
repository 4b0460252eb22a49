import type { Connector, ConnectorClass } from '../../../src/shared/connectors/model.ts';
import { rulesOf } from '../../../src/proxy/rules/request-rules.ts';
import type { BrokenRules, RuleSet } from '../../../src/proxy/rules/request-rules.ts';
import { isRead } from '../../../src/proxy/rules/read-only.ts';
import type { RequestParts, RequestForRules } from '../../../src/proxy/rules/read-only.ts';

/** Annotations of rules by their last word: `access`, `rules`, `rules-mode`. */
export type Annotations = Readonly<Record<string, string>>;

/** Returns the metadata of an object with these annotations; none without them. */
export function annotated(annotations: Annotations): { readonly annotations?: Annotations } {
  if (Object.keys(annotations).length === 0) return {};
  const entries = Object.entries(annotations).map(([name, value]) => [`connectors.alauda.io/${name}`, value]);
  return { annotations: Object.fromEntries(entries) as Annotations };
}

/** The rules of a Connector `ci/tool` with a class `git`. */
export function rulesWith(own: Annotations, ofClass: Annotations = {}): readonly (RuleSet | BrokenRules)[] {
  const connector: Connector = {
    ref: { namespace: 'ci', name: 'tool' },
    className: 'git',
    object: { metadata: annotated(own) },
  };
  const connectorClass: ConnectorClass = {
    name: 'git',
    configurations: [],
    object: { metadata: annotated(ofClass) },
  };
  return rulesOf(connector, connectorClass);
}

/** @param isGit whether its Connector is of a class for Git servers. */
export function requestForRules(
  method: string,
  path: string,
  more: Partial<RequestParts> = {},
  isGit = false,
): RequestForRules {
  const end = path.indexOf('?');
  const parts: RequestParts = {
    method,
    pathname: end === -1 ? path : path.slice(0, end),
    query: end === -1 ? '' : path.slice(end + 1),
    rawHeaders: [],
    hasBody: false,
    contentType: undefined,
    isUpgrade: false,
    ...more,
  };
  return { ...parts, isRead: isRead(parts, isGit) };
}
