import { CodedError } from '../../errors.js';
import type { Clock } from '../../clock.js';
import type { VolumeHost } from './ports.js';
import type { PublishedVolumes } from './published-volumes.js';
import { refreshFailureText } from './publish-failure.js';
import type { HealthReason, HealthStatus } from './health-reasons.js';
import { reasonOfFailedPublish } from './health-reasons.js';
import { firstExpiryMs } from './volume-tokens.js';

/** One problem of a volume. No two of a volume have the same status and reason. */
export interface HealthEntry {
  readonly status: HealthStatus;
  readonly reason: HealthReason;
  /** Text of the pod's event, at most `maxMessageLength` characters. */
  readonly message: string;
}

/** The message becomes part of the pod's status. */
const maxMessageLength = 1024;

/**
 * The kubelet rotates a token with a fifth of its lifetime left, which is two minutes of the shortest, and calls about
 * every minute.
 */
const expiryWarningMs = 30_000;

/** While refreshes fail, no new token arrives in time. */
const failingExpiryWarningMs = 10 * 60_000;

export interface HealthDependencies {
  readonly host: Pick<VolumeHost, 'inspect' | 'targetPathProblem'>;
  readonly volumes: PublishedVolumes;
  readonly clock: Clock;
}

/** Determines the problems of a volume, mounted or not. */
export class VolumeHealthQuery {
  readonly #deps: HealthDependencies;

  constructor(deps: HealthDependencies) {
    this.#deps = deps;
  }

  /**
   * Returns the problems of a volume.
   * @param targetPath path of the volume; empty: not known.
   * @returns an empty list for a healthy volume.
   * @throws {CodedError} NOT_FOUND for a volume without a publish; UNAVAILABLE for one that was mounted before the
   * driver started and not refreshed since: the kubelet keeps its last state.
   */
  run(volumeId: string, targetPath: string): readonly HealthEntry[] {
    const { host, volumes } = this.#deps;
    const path = targetPath === '' ? (volumes.targetPathOf(volumeId) ?? '') : targetPath;
    const unknown = new CodedError('NOT_FOUND', `no publish of volume ${volumeId} was asked for`);
    const published = volumes.get(path);
    if (published !== undefined && published.request.volumeId !== volumeId) throw unknown;
    if (published !== undefined || volumes.failureOf(path) !== undefined)
      return this.#ofMounted(path).map(withinLimits);
    const failed = volumes.failed.find(volumeId, targetPath);
    if (failed !== undefined) {
      const { error } = failed;
      const entry = { status: 'INACCESSIBLE', reason: reasonOfFailedPublish(error), message: error.message } as const;
      return [withinLimits(entry)];
    }
    if (path === '' || host.targetPathProblem(path) !== undefined || host.inspect(path) !== 'published') throw unknown;
    throw new CodedError('UNAVAILABLE', `volume ${volumeId} was not refreshed yet since the driver started`);
  }

  #ofMounted(targetPath: string): readonly HealthEntry[] {
    const { volumes, clock } = this.#deps;
    const published = volumes.get(targetPath);
    const failure = volumes.failureOf(targetPath);
    const entries: HealthEntry[] = [];
    const expiresAtMs = published && firstExpiryMs(published.input.tokens);
    if (expiresAtMs !== undefined) {
      const leftMs = expiresAtMs - clock.now();
      const at = `${new Date(expiresAtMs).toISOString()} by this node's clock`;
      if (leftMs <= 0) {
        entries.push({ status: 'INACCESSIBLE', reason: 'TokenExpired', message: `the token expired at ${at}` });
      } else if (leftMs <= (failure === undefined ? expiryWarningMs : failingExpiryWarningMs)) {
        const message = `the token expires at ${at}, and no new one has come`;
        entries.push({ status: 'DEGRADED', reason: 'TokenExpiresSoon', message });
      }
    }
    const isWithoutTokens = volumes.isWithoutTokens(targetPath);
    if (failure !== undefined) {
      const message = refreshFailureText(volumes, targetPath, failure.message);
      const reason = failure.code === 'PERMISSION_DENIED' || isWithoutTokens ? 'AccessRevoked' : 'RefreshFailing';
      entries.push({ status: isWithoutTokens ? 'INACCESSIBLE' : 'DEGRADED', reason, message });
    } else if (published?.input.isAllowed === false) {
      const message = 'access was rejected; .error.json in the volume says why';
      entries.push({ status: 'INACCESSIBLE', reason: 'ApprovalRejected', message });
    }
    return entries;
  }
}

function withinLimits(entry: HealthEntry): HealthEntry {
  const { message } = entry;
  if (message.length <= maxMessageLength) return entry;
  return { ...entry, message: `${message.slice(0, maxMessageLength - 1)}…` };
}
