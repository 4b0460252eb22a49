/** A rule of an RBAC role. */
export interface RbacRule {
  readonly apiGroup: string;
  readonly resource: string;
  /** Empty: all names. */
  readonly resourceNames: readonly string[];
  readonly verbs: readonly string[];
}

/** Formats a rule as a YAML list item on one line, ready to paste under `rules:`. */
export function ruleText({ apiGroup, resource, resourceNames, verbs }: RbacRule): string {
  const list = (items: readonly string[]): string => `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  const names = resourceNames.length === 0 ? '' : `, resourceNames: ${list(resourceNames)}`;
  return `- {apiGroups: ${list([apiGroup])}, resources: ${list([resource])}${names}, verbs: ${list(verbs)}}`;
}
