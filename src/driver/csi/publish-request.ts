import { CodedError } from '../../errors.js';
import { Secret } from '../../secret.js';
import { quote } from '../../wording.js';
import { kubeletPrefix } from '../volume/attribute-table.js';
import { parseVolumeAttributes } from '../volume/attributes.js';
import type { AttributeLimits } from '../volume/attributes.js';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../names.js';
import { isSelinuxLabel } from '../rules/selinux-label.js';
import type { MountOptions, PassedTokens } from '../volume/ports.js';
import type { PodIdentity } from '../../access/access-control.js';
import type { PublishRequest } from '../volume/publish-request.js';
import { volumeIdProblem } from './volume-id.js';
import type { NodePublishVolumeRequest__Output } from './generated/csi/v1/NodePublishVolumeRequest.js';
import type { VolumeCapability__Output } from './generated/csi/v1/VolumeCapability.js';

/** The keys that the kubelet adds to `volume_context` (CSIDriver `podInfoOnMount` and `tokenRequests`). */
export const podKeys = {
  namespace: `${kubeletPrefix}pod.namespace`,
  name: `${kubeletPrefix}pod.name`,
  uid: `${kubeletPrefix}pod.uid`,
  serviceAccountName: `${kubeletPrefix}serviceAccount.name`,
} as const;
const ephemeralKey = `${kubeletPrefix}ephemeral`;
const tokensKey = `${kubeletPrefix}serviceAccount.tokens`;

const maxGid = 2 ** 32 - 2;

export interface PublishLimits extends AttributeLimits {
  readonly targetPathProblem: (targetPath: string) => string | undefined;
}

/**
 * Parses a NodePublishVolume request. All problems are reported in one message.
 * @param limits limits of the attributes; `targetPathProblem`: see VolumeHost.
 * @throws {CodedError} INVALID_ARGUMENT; FAILED_PRECONDITION if only the kubelet's pod information is missing.
 */
export function parsePublishRequest(request: NodePublishVolumeRequest__Output, limits: PublishLimits): PublishRequest {
  const context = request.volume_context;
  const { pod, problems: podProblems, missing } = parsePod(context);
  const { attributes, problems: attributeProblems } = parseVolumeAttributes(context, pod.namespace, limits);
  const { mountOptions, problems: capabilityProblems } = parseCapability(request.volume_capability);
  const problems = [...requestProblems(request, limits), ...capabilityProblems, ...podProblems, ...attributeProblems];
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', problems.join('; '));
  if (missing.length > 0) {
    throw new CodedError(
      'FAILED_PRECONDITION',
      `the kubelet passed no ${missing.join(', ')}: set "podInfoOnMount: true" in the driver's CSIDriver object`,
    );
  }
  const parsed: PublishRequest = {
    volumeId: request.volume_id,
    targetPath: request.target_path,
    pod,
    attributes,
    passedTokens: passedTokens(request),
    mountOptions,
  };
  messages.set(parsed, request);
  return parsed;
}

/** The message of each parsed request, as long as the request is referenced. */
const messages = new WeakMap<PublishRequest, NodePublishVolumeRequest__Output>();

/** Reports whether a message equals the one of a parsed request, in all fields that the driver reads. */
export function isRepeatOf(message: NodePublishVolumeRequest__Output, request: PublishRequest): boolean {
  const earlier = messages.get(request);
  if (earlier === undefined) return false;
  return (
    message.volume_id === earlier.volume_id &&
    message.target_path === earlier.target_path &&
    message.readonly === earlier.readonly &&
    hasSameEntries(message.volume_context, earlier.volume_context) &&
    hasSameEntries(message.secrets, earlier.secrets) &&
    isSameCapability(message.volume_capability, earlier.volume_capability)
  );
}

function hasSameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}

/** @param earlier capability of a parsed request, so a mount. */
function isSameCapability(
  capability: VolumeCapability__Output | null,
  earlier: VolumeCapability__Output | null,
): boolean {
  const [mount, formerMount] = [capability?.mount, earlier?.mount];
  if (!mount || !formerMount || capability?.block) return false;
  return (
    mount.volume_mount_group === formerMount.volume_mount_group &&
    mount.mount_flags.length === formerMount.mount_flags.length &&
    mount.mount_flags.every((flag, index) => flag === formerMount.mount_flags[index])
  );
}

function requestProblems(
  request: NodePublishVolumeRequest__Output,
  { targetPathProblem }: PublishLimits,
): readonly string[] {
  const problems: string[] = [];
  const idProblem = volumeIdProblem(request.volume_id);
  if (idProblem !== undefined) problems.push(idProblem);
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
  const read = (key: string): string => (Object.hasOwn(context, key) ? (context[key] ?? '') : '');
  const pod = {
    namespace: read(podKeys.namespace),
    name: read(podKeys.name),
    uid: read(podKeys.uid),
    serviceAccountName: read(podKeys.serviceAccountName),
  };
  const missing = [...Object.values(podKeys), ephemeralKey].filter((key) => read(key) === '');
  const problems = [
    [podKeys.namespace, pod.namespace === '' ? undefined : dns1123LabelProblem(pod.namespace)] as const,
    [podKeys.name, pod.name === '' ? undefined : dns1123SubdomainProblem(pod.name)] as const,
    [
      podKeys.serviceAccountName,
      pod.serviceAccountName === '' ? undefined : dns1123SubdomainProblem(pod.serviceAccountName),
    ] as const,
  ].flatMap(([key, problem]) => (problem === undefined ? [] : [`${key} ${problem}`]));
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

function passedTokens({ secrets, volume_context: context }: NodePublishVolumeRequest__Output): PassedTokens {
  const inSecrets = Object.hasOwn(secrets, tokensKey) ? secrets[tokensKey] : undefined;
  const inVolumeContext = Object.hasOwn(context, tokensKey) ? context[tokensKey] : undefined;
  return {
    ...(inSecrets === undefined ? {} : { inSecrets: new Secret(inSecrets) }),
    ...(inVolumeContext === undefined ? {} : { inVolumeContext: new Secret(inVolumeContext) }),
  };
}
