import { hash } from 'node:crypto';
import { connectorsGroup } from '../connectors/api-group.ts';
import { isJsonObject, jsonMember } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { metadataText } from '../kube/kube-object.ts';
import type { ResourceType } from '../kube/resource-location.ts';
import type { ConnectorRef } from '../connectors/model.ts';
import type { PodIdentity } from './permission.ts';
import { connectorsApiVersion } from '../connectors/api-group.ts';
import { accountOf } from './permission.ts';

export const accessRequests: ResourceType = {
  apiVersion: connectorsApiVersion,
  kind: 'AccessRequest',
  plural: 'accessrequests',
};

/**
 * The subject of an AccessRequest: one pod's use of one connector's proxy. The object is in the connector's namespace.
 */
export interface ApprovalSubject {
  readonly pod: PodIdentity;
  readonly connector: ConnectorRef;
}

const labelPrefix = 'connectors.cpaas.io';
/** Kubernetes' limit for label values. The name stays within it too, so that it can be a label value. */
const maxLabelLength = 63;

/**
 * Returns a deterministic name, so that drivers and retries never create two requests. It starts with the pod's name
 * for readability; the digest covers everything that distinguishes requests.
 */
export function accessRequestName(subject: ApprovalSubject): string {
  const digest = hash('sha256', JSON.stringify(specOf(subject)) + subject.connector.namespace).slice(0, 20);
  const podPart = subject.pod.name.replaceAll(/[^a-z0-9]/g, '-').slice(0, maxLabelLength - digest.length - 1);
  return `${podPart.replaceAll(/^-+|-+$/g, '')}-${digest}`;
}

/**
 * Annotation with the driver's node. An admission policy enforces the true name; an approver can compare it with the
 * pod's node.
 */
const nodeAnnotation = `${connectorsGroup}/requested-by-node`;

export function accessRequestFor(subject: ApprovalSubject, nodeName: string): JsonObject {
  return {
    apiVersion: accessRequests.apiVersion,
    kind: accessRequests.kind,
    metadata: {
      name: accessRequestName(subject),
      namespace: subject.connector.namespace,
      labels: labelsOf(subject),
      annotations: { [nodeAnnotation]: nodeName },
    },
    spec: specOf(subject),
  };
}

/** Returns the label selector of a subject's requests. It also matches earlier pods of the same name, see `isAbout`. */
export function selectorOf(subject: ApprovalSubject): string {
  return Object.entries(labelsOf(subject))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/**
 * Reports whether the request is for exactly this service account, connector and pod. An earlier pod of the same name
 * has another UID.
 */
export function isAbout(subject: ApprovalSubject, request: JsonObject): boolean {
  const { namespace } = subject.connector;
  return metadataText(request, 'namespace') === namespace && holds(request['spec'], specOf(subject));
}

/** Reports whether `value` has all members of `wanted`. */
function holds(value: JsonValue | undefined, wanted: JsonObject): boolean {
  return Object.entries(wanted).every(([key, member]) => {
    const actual = jsonMember(value, key);
    return isJsonObject(member) ? holds(actual, member) : actual === member;
  });
}

interface Spec extends JsonObject {
  readonly subject: JsonObject;
  readonly connectorRef: JsonObject;
  readonly context: JsonObject;
}

function specOf({ pod, connector }: ApprovalSubject): Spec {
  const { namespace, name, uid } = pod;
  return {
    subject: { kind: 'ServiceAccount', ...accountOf(pod) },
    connectorRef: { name: connector.name },
    context: { objectRef: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid } },
  };
}

function labelsOf({ pod, connector }: ApprovalSubject): Readonly<Record<string, string>> {
  return {
    [`${labelPrefix}/contextObjectKind`]: 'Pod',
    [`${labelPrefix}/contextObjectName`]: labelValue(pod.name),
    [`${labelPrefix}/contextObjectNamespace`]: labelValue(pod.namespace),
    [`${labelPrefix}/connector`]: labelValue(connector.name),
  };
}

/** Shortens a name of up to 253 characters to the 63 of a label value; a digest keeps it unique. */
function labelValue(name: string): string {
  if (name.length <= maxLabelLength) return name;
  return `${name.slice(0, maxLabelLength - 11)}-${hash('sha256', name).slice(0, 10)}`;
}
