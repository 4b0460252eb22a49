import { existsSync, readFileSync } from 'node:fs';
import type { Right } from './rights.ts';

/** The requests of the accounts of the chart. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts:connectors-system'] }],
};

/** A request, as the audit log has it. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
}

export function readAuditLog(file: string): readonly AuditEvent[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent);
}

/** Reports whether a request needs the right. */
export function needs({ verb, objectRef = {} }: AuditEvent, right: Right): boolean {
  const { apiGroup = '', resource = '', subresource, namespace, name = '' } = objectRef;
  return (
    verb === right.verb &&
    apiGroup === right.group &&
    (subresource === undefined ? resource : `${resource}/${subresource}`) === right.resource &&
    (right.namespace === undefined || right.namespace === namespace) &&
    (right.names === undefined || right.names.includes(name))
  );
}
