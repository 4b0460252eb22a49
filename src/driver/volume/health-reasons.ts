import type { CodedError, ErrorCode, FailureReason } from '../../errors.js';

/** Severity. `INACCESSIBLE`: the volume is unusable. `DEGRADED`: some of its content is not current. */
export type HealthStatus = 'INACCESSIBLE' | 'DEGRADED';

/** All reasons of a volume's health, with the severities that they can have: a closed list (docs/monitoring.md). */
export const healthReasons = {
  /** For volumes that are not mounted. */
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
  /** For mounted volumes. */
  ApprovalRejected: ['INACCESSIBLE'],
  TokenExpired: ['INACCESSIBLE'],
  AccessRevoked: ['INACCESSIBLE', 'DEGRADED'],
  RefreshFailing: ['DEGRADED'],
  TokenExpiresSoon: ['DEGRADED'],
} as const satisfies Readonly<Record<string, readonly HealthStatus[]>>;

export type HealthReason = keyof typeof healthReasons;

/** Reason by error code for a volume that is not mounted, if the failure has no more specific one. */
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

/** Returns the reason why a volume is not mounted. */
export function reasonOfFailedPublish({ code, reason }: CodedError): HealthReason {
  return reason === undefined ? reasonsOfCodes[code] : reasonsOfFailures[reason];
}
