import type { CodedError, ErrorCode, FailureReason } from '../../errors.js';

/** How badly: nothing in the volume can be used, or something of it is not as it should be. */
export type HealthStatus = 'INACCESSIBLE' | 'DEGRADED';

/** All reasons that a volume's health has, each with what it means for the volume: a closed list (docs/monitoring.md). */
export const healthReasons = {
  /** Not mounted. */
  ApprovalPending: ['INACCESSIBLE'],
  AccessDenied: ['INACCESSIBLE'],
  ConnectorNotFound: ['INACCESSIBLE'],
  ConfigurationNotFound: ['INACCESSIBLE'],
  ConnectorNotReady: ['INACCESSIBLE'],
  VolumeInvalid: ['INACCESSIBLE'],
  SetupIncomplete: ['INACCESSIBLE'],
  DependencyUnavailable: ['INACCESSIBLE'],
  LimitReached: ['INACCESSIBLE'],
  MountFailed: ['INACCESSIBLE'],
  /** Mounted. */
  ApprovalRejected: ['INACCESSIBLE'],
  TokenExpired: ['INACCESSIBLE'],
  AccessRevoked: ['INACCESSIBLE', 'DEGRADED'],
  RefreshFailing: ['DEGRADED'],
  TokenExpiresSoon: ['DEGRADED'],
} as const satisfies Readonly<Record<string, readonly HealthStatus[]>>;

export type HealthReason = keyof typeof healthReasons;

/** What each code means for a volume that is not mounted, where the failure does not say it better. */
const reasonsOfCodes: Readonly<Record<ErrorCode, HealthReason>> = {
  INVALID_ARGUMENT: 'VolumeInvalid',
  ALREADY_EXISTS: 'VolumeInvalid',
  NOT_FOUND: 'ConnectorNotFound',
  PERMISSION_DENIED: 'AccessDenied',
  FAILED_PRECONDITION: 'SetupIncomplete',
  UNAVAILABLE: 'DependencyUnavailable',
  DEADLINE_EXCEEDED: 'DependencyUnavailable',
  CANCELLED: 'DependencyUnavailable',
  ABORTED: 'DependencyUnavailable',
  RESOURCE_EXHAUSTED: 'LimitReached',
  INTERNAL: 'MountFailed',
  UNIMPLEMENTED: 'MountFailed',
};

const reasonsOfFailures: Readonly<Record<FailureReason, HealthReason>> = {
  'approval pending': 'ApprovalPending',
  'not reconciled': 'ConnectorNotReady',
  'no configuration': 'ConfigurationNotFound',
};

/** Why a volume is not mounted. */
export function reasonOfFailedPublish({ code, reason }: CodedError): HealthReason {
  return reason === undefined ? reasonsOfCodes[code] : reasonsOfFailures[reason];
}
