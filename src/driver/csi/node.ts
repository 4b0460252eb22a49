import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ErrorCode } from '../../shared/errors.ts';
import { CodedError, toCodedError } from '../../shared/errors.ts';
import type { VolumeStatistics } from '../publish/ports.ts';
import type { PublishDependencies } from '../publish/publish-dependencies.ts';
import type { PublishCall, PublishRequest } from '../publish/publish-request.ts';
import type { PublishOutcome, PublishVolume } from '../publish/publish-volume.ts';
import { unpublishVolume } from '../publish/unpublish-volume.ts';
import { volumeStatistics } from '../publish/volume-statistics.ts';
import type { NodeHandlers } from './generated/csi/v1/Node.ts';
import type { NodeUnpublishVolumeRequest__Output } from './generated/csi/v1/NodeUnpublishVolumeRequest.ts';
import type { VolumeUsage } from './generated/csi/v1/VolumeUsage.ts';
import type { AttributeLimits } from '../publish/attributes.ts';
import { memoryOfRequest } from '../publish/volume-memory.ts';
import type { VolumeMemory } from '../publish/volume-memory.ts';
import { decodePublish, digestOf, identifyPublish, parsePublishRequest } from './publish-request.ts';
import type { PublishMessage } from './publish-request.ts';
import { csi } from './services.ts';
import type { RpcEdge, RpcHandler, RpcReport } from './unary.ts';
import { unary } from './unary.ts';
import { objectKey } from '../../shared/names.ts';

interface NodeOptions {
  readonly nodeName: string;
  readonly deps: PublishDependencies;
  readonly attributeLimits: AttributeLimits;
  readonly publish: PublishVolume;
  readonly memory: Pick<VolumeMemory, 'has' | 'acquireCall'>;
  /** Called after each successful publish. */
  readonly onPublished: (outcome: PublishOutcome, targetPath: string) => void;
  /** Called after each failed publish, with the code of the response. */
  readonly onFailed: (code: ErrorCode) => void;
}

/** The definition of the Node service, whose publish requests have at most 128 fields. */
export const nodeDefinition: ServiceDefinition = {
  ...csi.Node.service,
  NodePublishVolume: { ...csi.Node.service.NodePublishVolume, requestDeserialize: decodePublish },
};

const capabilities = ['GET_VOLUME_STATS', 'VOLUME_CONDITION', 'VOLUME_MOUNT_GROUP'] as const;

/** CSI Node service for ephemeral inline volumes, called by the kubelet. */
export function nodeService(edge: RpcEdge, options: NodeOptions): UntypedServiceImplementation {
  const handlers: NodeHandlers = {
    NodePublishVolume: unary('NodePublishVolume', edge, publishHandler(options)),
    NodeUnpublishVolume: unary('NodeUnpublishVolume', edge, unpublishHandler(options)),
    NodeGetVolumeStats: unary('NodeGetVolumeStats', edge, ({ volume_id: volumeId, volume_path: volumePath }) => {
      ensureGiven({ volume_id: volumeId, volume_path: volumePath });
      const { statistics, condition } = volumeStatistics(options.deps, volumeId, volumePath);
      return { usage: usageOf(statistics), volume_condition: condition };
    }),
    NodeGetCapabilities: unary('NodeGetCapabilities', edge, () => ({
      capabilities: capabilities.map((type) => ({ rpc: { type } })),
    })),
    NodeGetInfo: unary('NodeGetInfo', edge, () => ({ node_id: options.nodeName })),
    NodeStageVolume: unary('NodeStageVolume', edge, unimplemented('NodeStageVolume')),
    NodeUnstageVolume: unary('NodeUnstageVolume', edge, unimplemented('NodeUnstageVolume')),
    NodeExpandVolume: unary('NodeExpandVolume', edge, unimplemented('NodeExpandVolume')),
  };
  return { ...handlers };
}

function publishHandler(options: NodeOptions): RpcHandler<PublishMessage, Record<string, never>> {
  const { deps, publish, attributeLimits, memory, onPublished, onFailed } = options;
  const publishLimits = { ...attributeLimits, targetPathProblem: (path: string) => deps.host.targetPathProblem(path) };
  return async (message, signal, report) => {
    report.volumeId = message.volume_id;
    let digest: string | undefined;
    // A call counts as rejected until its request is parsed.
    report.outcome = 'rejected';
    const parse = (): PublishRequest => {
      delete report.outcome;
      const request = parsePublishRequest(message, publishLimits, (digest ??= digestOf(message)));
      describePod(report, request.pod);
      return request;
    };
    const call: PublishCall = {
      volumeId: message.volume_id,
      targetPath: message.target_path,
      identify: (isPodInfoTrusted) => {
        const { owner, pod, memoryOwner } = identifyPublish(message, isPodInfoTrusted);
        const acquireMemory = (): (() => void) =>
          memory.acquireCall(message.target_path, memoryOwner, memoryOfRequest(message));
        return { owner, pod, isMounted: memory.has(message.target_path), acquireMemory };
      },
      isRepeatOf: (request) => {
        const isRepeat = (digest ??= digestOf(message)) === request.digest;
        if (isRepeat) describePod(report, request.pod);
        return isRepeat;
      },
      parse,
    };
    try {
      const { path, steps } = await publish.run(call, signal);
      report.outcome = path;
      report.steps = steps;
      onPublished({ path, steps }, message.target_path);
      return {};
    } catch (error) {
      onFailed(toCodedError(error, 'the driver failed unexpectedly; see its log').code);
      throw error;
    }
  };
}

function describePod(
  report: RpcReport,
  pod: { readonly namespace: string; readonly name: string; readonly serviceAccountName: string },
): void {
  report.pod = objectKey(pod);
  report.serviceAccount = pod.serviceAccountName;
}

function unpublishHandler({
  deps,
}: NodeOptions): RpcHandler<NodeUnpublishVolumeRequest__Output, Record<string, never>> {
  return async ({ volume_id: volumeId, target_path: targetPath }, signal, report) => {
    report.volumeId = volumeId;
    ensureGiven({ volume_id: volumeId, target_path: targetPath });
    await unpublishVolume(deps, volumeId, targetPath, signal);
    return {};
  };
}

function ensureGiven(fields: Readonly<Record<string, string>>): void {
  const problems = Object.entries(fields).flatMap(([name, value]) => (value === '' ? [`${name} is missing`] : []));
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', problems.join('; '));
}

function usageOf({ bytes, inodes }: VolumeStatistics): VolumeUsage[] {
  return [
    { unit: 'BYTES', ...bytes },
    { unit: 'INODES', ...inodes },
  ];
}

function unimplemented(rpc: string): () => never {
  return () => {
    throw new CodedError('UNIMPLEMENTED', `${rpc} is not supported: the driver serves ephemeral inline volumes only`);
  };
}
