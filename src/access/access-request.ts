import { createHash } from 'node:crypto';
import { connectorsGroup } from '../connectors/api-group.js';
import { isJsonObject, jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';
import { metadataText } from '../kube/kube-object.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { ConnectorRef } from '../connectors/model.js';
import type { PodIdentity } from './access-control.js';
import { connectorsApiVersion } from '../connectors/api-group.js';
import { accountOf } from './permission.js';

export const accessRequests: ResourceType = {
  apiVersion: connectorsApiVersion,
  kind: 'AccessRequest',
  plural: 'accessrequests',
};

/** What an AccessRequest is about: one pod's use of one connector's proxy. It lives in the connector's namespace. */
export interface ApprovalSubject {
  readonly pod: PodIdentity;
  readonly connector: ConnectorRef;
}

const labelPrefix = 'connectors.cpaas.io';
/** Kubernetes' limit for the values of labels. The name keeps within it too, so that it can be one. */
const maxLabelLength = 63;

/**
 * The same for the same case wherever it is computed, so that two drivers, or two tries, cannot make two requests. It
 * begins with the pod's name, for people who list requests; the digest covers all that tells cases apart.
 */
export function accessRequestName(about: ApprovalSubject): string {
  const digest = digestOf(JSON.stringify(specOf(about)) + about.connector.namespace, 20);
  const podPart = about.pod.name.replaceAll(/[^a-z0-9]/g, '-').slice(0, maxLabelLength - digest.length - 1);
  return `${podPart.replaceAll(/^-+|-+$/g, '')}-${digest}`;
}

/** On which node the driver is that asks: an admission policy holds it to the truth, and whoever decides may compare. */
export const nodeAnnotation = `${connectorsGroup}/requested-by-node`;

export function accessRequestFor(about: ApprovalSubject, nodeName: string): JsonObject {
  return {
    apiVersion: accessRequests.apiVersion,
    kind: accessRequests.kind,
    metadata: {
      name: accessRequestName(about),
      namespace: about.connector.namespace,
      labels: labelsOf(about),
      annotations: { [nodeAnnotation]: nodeName },
    },
    spec: specOf(about),
  };
}

/** Finds the requests of a case; also those of earlier pods of the same name, see `isAbout`. */
export function selectorOf(about: ApprovalSubject): string {
  return Object.entries(labelsOf(about))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** Whether a request is for this very account, connector and pod; an earlier pod of the same name had another uid. */
export function isAbout(about: ApprovalSubject, request: JsonObject): boolean {
  const { namespace } = about.connector;
  return metadataText(request, 'namespace') === namespace && holds(request['spec'], specOf(about));
}

/** Whether `value` has all members of `wanted`. */
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

/** Names may have 253 characters, labels 63: a longer name is cut and told apart by its digest. */
function labelValue(name: string): string {
  if (name.length <= maxLabelLength) return name;
  const digest = digestOf(name, 10);
  return `${name.slice(0, maxLabelLength - digest.length - 1)}-${digest}`;
}

function digestOf(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
