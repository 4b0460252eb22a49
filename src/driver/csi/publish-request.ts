import { createHash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';
import { CodedError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';
import { quote } from '../../shared/message-text.ts';
import { attributeNames, kubeletPrefix } from '../publish/attribute-table.ts';
import { parseVolumeAttributes } from '../publish/attributes.ts';
import type { AttributeLimits } from '../publish/attributes.ts';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../shared/names.ts';
import type { MountOptions, PassedTokens } from '../publish/ports.ts';
import type { PodIdentity } from '../../shared/access/permission.ts';
import type { PublishRequest } from '../publish/publish-request.ts';
import { memoryOfRequest } from '../publish/volume-memory.ts';
import { driverLimits } from '../limits.ts';
import { csi } from './services.ts';
import type { NodePublishVolumeRequest__Output } from './generated/csi/v1/NodePublishVolumeRequest.ts';
import type { VolumeCapability__Output } from './generated/csi/v1/VolumeCapability.ts';
import type { VolumeOwner } from '../publish/volume-memory.ts';
import type { Owner } from '../../shared/limits/owner.ts';

/** The keys that the kubelet adds to `volume_context` (CSIDriver `podInfoOnMount` and `tokenRequests`). */
const podKeys = {
  namespace: `${kubeletPrefix}pod.namespace`,
  name: `${kubeletPrefix}pod.name`,
  uid: `${kubeletPrefix}pod.uid`,
  serviceAccountName: `${kubeletPrefix}serviceAccount.name`,
} as const;
const ephemeralKey = `${kubeletPrefix}ephemeral`;
const tokensKey = `${kubeletPrefix}serviceAccount.tokens`;

/** Everything that the driver reads of `volume_context`; the kubelet's other attributes are ignored. */
const contextKeys: readonly string[] = [...attributeNames, ...Object.values(podKeys), ephemeralKey, tokensKey];

const maxGid = 2 ** 32 - 2;

const { fields: maxFields } = driverLimits.publishes;

/** A NodePublishVolume message. */
export interface PublishMessage extends NodePublishVolumeRequest__Output {
  /** Whether it has more fields than the driver decodes. */
  readonly hasMoreFields?: boolean;
}

interface PublishLimits extends AttributeLimits {
  readonly targetPathProblem: (targetPath: string) => string | undefined;
}

/**
 * Parses a NodePublishVolume request. All problems are reported in one message.
 * @param limits limits of the attributes; `targetPathProblem`: see TmpfsHost.
 * @param digest of the request; see `digestOf`.
 * @throws {CodedError} INVALID_ARGUMENT; FAILED_PRECONDITION if only the kubelet's pod information is missing.
 */
export function parsePublishRequest(
  request: PublishMessage,
  limits: PublishLimits,
  digest = digestOf(request),
): PublishRequest {
  if (request.hasMoreFields === true) {
    const message = `the volume has over ${maxFields} volumeAttributes and keys of its nodePublishSecretRef: use fewer of both`;
    throw new CodedError('INVALID_ARGUMENT', message);
  }
  const context = request.volume_context;
  const { pod, problems: podProblems, missing } = parsePod(context);
  const { attributes, problems: attributeProblems } = parseVolumeAttributes(context, pod.namespace, limits);
  const { mountOptions, problems: capabilityProblems } = parseCapability(request.volume_capability);
  const problems = [...requestProblems(request, limits), ...capabilityProblems, ...podProblems, ...attributeProblems];
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', problems.join('; '));
  if (missing.length > 0) {
    const message = `the kubelet passed no ${missing.join(', ')}: set "podInfoOnMount: true" in the driver's CSIDriver object`;
    throw new CodedError('FAILED_PRECONDITION', message);
  }
  return {
    volumeId: request.volume_id,
    targetPath: request.target_path,
    digest,
    pod,
    attributes,
    passedTokens: passedTokens(request),
    mountOptions,
    memoryBytes: memoryOfRequest(request),
  };
}

/**
 * Decodes the first 128 fields of a message. Others, such as the keys of a Secret that the pod names, would cost more than
 * the rejection of the call.
 */
export function decodePublish(bytes: Buffer): PublishMessage {
  const readBytes = bytesOfFields(bytes, maxFields);
  const message = csi.Node.service.NodePublishVolume.requestDeserialize(bytes.subarray(0, readBytes));
  return { ...message, hasMoreFields: readBytes < bytes.length };
}

/** Returns the length of the first fields of a message. Each entry of a map is a field. */
function bytesOfFields(bytes: Buffer, count: number): number {
  const reader = protobuf.Reader.create(bytes);
  for (let field = 0; field < count && reader.pos < reader.len; field += 1) reader.skipType(reader.uint32() & 7);
  return reader.pos;
}

/**
 * Returns the SHA-256 of everything in a message that the driver reads. Messages with equal digests are the same
 * request.
 */
export function digestOf(message: NodePublishVolumeRequest__Output): string {
  const { volume_id: volumeId, target_path: targetPath, readonly, volume_capability: capability } = message;
  const { volume_context: context, secrets } = message;
  const mount = capability?.mount;
  const read = [
    ...[volumeId, targetPath, readonly, capability?.block != null, mount?.volume_mount_group, mount?.mount_flags],
    ...contextKeys.map((key) => textAt(context, key)),
    textAt(secrets, tokensKey),
  ];
  return createHash('sha256').update(JSON.stringify(read)).digest('base64');
}

function textAt(entries: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(entries, key) ? entries[key] : undefined;
}

function requestProblems(
  request: NodePublishVolumeRequest__Output,
  { targetPathProblem }: PublishLimits,
): readonly string[] {
  const problems: string[] = [];
  if (request.volume_id === '') problems.push('volume_id is missing');
  if (request.target_path === '') problems.push('target_path is missing');
  else {
    const problem = targetPathProblem(request.target_path);
    if (problem !== undefined) problems.push(problem);
  }
  if (!request.readonly) problems.push('the volume must be read-only: set "readOnly: true" on the csi volume');
  const ephemeral = request.volume_context[ephemeralKey];
  if (ephemeral !== undefined && ephemeral !== 'true') {
    problems.push('only ephemeral inline volumes are supported: name the driver in a pod\'s "csi" volume');
  }
  return problems;
}

function parsePod(context: Readonly<Record<string, string>>): {
  readonly pod: PodIdentity;
  readonly problems: readonly string[];
  readonly missing: readonly string[];
} {
  const read = (key: string): string => textAt(context, key) ?? '';
  const pod = {
    namespace: read(podKeys.namespace),
    name: read(podKeys.name),
    uid: read(podKeys.uid),
    serviceAccountName: read(podKeys.serviceAccountName),
  };
  const missing = [...Object.values(podKeys), ephemeralKey].filter((key) => read(key) === '');
  const found = [
    [podKeys.namespace, dns1123LabelProblem(pod.namespace)],
    [podKeys.name, dns1123SubdomainProblem(pod.name)],
    [podKeys.serviceAccountName, dns1123SubdomainProblem(pod.serviceAccountName)],
  ] as const;
  const problems = found.flatMap(([key, problem]) =>
    problem === undefined || missing.includes(key) ? [] : [`${key} ${problem}`],
  );
  return { pod, problems, missing };
}

function parseCapability(capability: VolumeCapability__Output | null): {
  readonly mountOptions: MountOptions;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  if (capability === null) return { mountOptions: {}, problems: ['volume_capability is missing'] };
  if (capability.block) problems.push('block access is not supported: mount the volume as a file system');
  else if (!capability.mount) problems.push('volume_capability names no access type: it must be a mount');
  const gid = parseGroup(capability.mount?.volume_mount_group ?? '', problems);
  const selinuxContext = parseMountFlags(capability.mount?.mount_flags ?? [], problems);
  const mountOptions = {
    ...(gid === undefined ? {} : { gid }),
    ...(selinuxContext === undefined ? {} : { selinuxContext }),
  };
  return { mountOptions, problems };
}

function parseGroup(group: string, problems: string[]): number | undefined {
  if (group === '') return undefined;
  const gid = /^\d{1,10}$/.test(group) ? Number(group) : NaN;
  if (gid <= maxGid) return gid;
  problems.push(`volume_mount_group ${quote(group)} must be a numeric group id`);
  return undefined;
}

/**
 * Returns the SELinux context. The kubelet passes `context="LABEL"` if SELinux labels are mounted; the driver's tmpfs
 * supports no other flag.
 */
function parseMountFlags(flags: readonly string[], problems: string[]): string | undefined {
  let selinuxContext: string | undefined;
  for (const flag of flags) {
    const label = /^context=(?:"([^"]+)"|([^"]+))$/.exec(flag);
    selinuxContext = label?.[1] ?? label?.[2];
    if (selinuxContext === undefined || !isSelinuxLabel(selinuxContext)) {
      problems.push(`mount flag ${quote(flag)} is not supported: only context=LABEL is`);
    }
  }
  return selinuxContext;
}

/** Reports whether a text can be an SELinux context. Mount options are split at commas and quotes when they are parsed. */
function isSelinuxLabel(text: string): boolean {
  return /^[-.:,_a-zA-Z0-9]+$/.test(text);
}

function passedTokens({ secrets, volume_context: context }: NodePublishVolumeRequest__Output): PassedTokens {
  const inSecrets = textAt(secrets, tokensKey);
  const inVolumeContext = textAt(context, tokensKey);
  return {
    ...(inSecrets === undefined ? {} : { inSecrets: new Secret(inSecrets) }),
    ...(inVolumeContext === undefined ? {} : { inVolumeContext: new Secret(inVolumeContext) }),
  };
}

/** The kubelet's path of an inline volume, below its directory. Paths over the kernel's limit do not match. */
const targetOfPod = /\/pods\/([^/]+)\/volumes\/kubernetes\.io~csi\/[^/]+\/mount$/;
const maxPathLength = 4096;

/** The pod of a publish. */
interface PublishOrigin {
  readonly owner: Owner;
  /** Name of the pod in messages: `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly memoryOwner: VolumeOwner;
}

/**
 * Identifies the pod of a publish without parsing the request. The pod's UID is in the target path, which always comes
 * from the kubelet. The namespace is in the volume's context, which the kubelet sets only if the CSIDriver object
 * requests it.
 * @param isPodInfoTrusted whether the object is known to request it.
 */
export function identifyPublish(request: NodePublishVolumeRequest__Output, isPodInfoTrusted: boolean): PublishOrigin {
  const { target_path: targetPath, volume_context: context } = request;
  const [, podUid = ''] = (targetPath.length <= maxPathLength ? targetOfPod.exec(targetPath) : undefined) ?? [];
  const namespace = context[podKeys.namespace] ?? '';
  const name = context[podKeys.name] ?? '';
  const isNamed = dns1123LabelProblem(namespace) === undefined && dns1123SubdomainProblem(name) === undefined;
  return {
    owner: { namespace: isPodInfoTrusted && isNamed ? namespace : '', podUid },
    pod: isNamed ? `${namespace}/${name}` : `of uid ${podUid}`,
    memoryOwner: { podUid, ...(isPodInfoTrusted && isNamed ? { pod: { namespace, name } } : {}) },
  };
}
