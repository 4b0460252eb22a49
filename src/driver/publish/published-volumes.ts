import { createHash } from 'node:crypto';
import type { FeatureFlags, ResolvedConnector } from '../../shared/connectors/model.ts';
import { jsonText } from '../../shared/json.ts';
import type { VolumeChange } from './ports.ts';
import type { PublishRequest } from './publish-request.ts';
import { areSameTokens, firstExpiryMs } from './volume-tokens.ts';
import type { VolumeTokens } from './volume-tokens.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import type { CodedError, ErrorCode } from '../../shared/errors.ts';
import { driverLimits } from '../limits.ts';
import { earliestMs } from '../../shared/clock.ts';

/**
 * The complete input of a volume's content. Equal inputs give equal content, so a republish with an equal input has
 * nothing to do. Of objects it has only the versions, so that a mounted volume keeps no former object in memory.
 */
export interface VolumeInput {
  /** Digest of the request. */
  readonly digest: string;
  /** See `versionsOf`. */
  readonly versions: string;
  readonly flags: FeatureFlags;
  /** Empty if only the reason of a rejection was mounted. */
  readonly tokens: VolumeTokens;
  readonly caBundle: string | undefined;
  /** False if only the reason of a rejection was mounted. */
  readonly isAllowed: boolean;
}

/** Record of a mounted volume, in memory only: the mount itself is the state. */
export interface PublishedVolume {
  /** The last successful request, with the tokens that the kubelet passed. */
  readonly request: PublishRequest;
  readonly input: VolumeInput;
}

interface RefreshFailure {
  /** Time of the first of consecutive failures, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Code of the last failure. */
  readonly code: ErrorCode;
  readonly message: string;
}

export function isSameInput(a: VolumeInput, b: VolumeInput): boolean {
  return (
    a.digest === b.digest &&
    a.versions === b.versions &&
    a.flags === b.flags &&
    a.caBundle === b.caBundle &&
    a.isAllowed === b.isAllowed &&
    areSameTokens(a.tokens, b.tokens)
  );
}

/** Returns the versions of the connectors and their classes as one text. */
export function versionsOf(resolved: readonly ResolvedConnector[]): string {
  return resolved
    .flatMap(({ connector, connectorClass }) => [connector, connectorClass])
    .map(
      ({ version, object }) =>
        version ?? ['uid', 'resourceVersion'].map((field) => jsonText(object['metadata'], field)).join('/'),
    )
    .join(' ');
}

/** The last successful call. */
export interface Confirmation {
  readonly outcome: VolumeChange;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** State of a mounted volume for reports. */
export interface VolumeReport {
  readonly volume: PublishedVolume;
  readonly confirmed: Confirmation;
  readonly failure: RefreshFailure | undefined;
}

/** Record of a target path. A volume that an earlier process mounted has none. */
interface Entry {
  volume?: PublishedVolume;
  confirmed?: Confirmation;
  failure?: RefreshFailure;
  isWithoutTokens?: boolean;
}

/** The volumes of this node by target path, with the failures of their refreshes. */
export class PublishedVolumes {
  readonly #entries = new Map<string, Entry>();
  /** Digests of warnings, because a tenant chooses the length of messages. */
  readonly #warnings = new BoundedMap<true>(driverLimits.messages.warnings);

  get(targetPath: string): PublishedVolume | undefined {
    return this.#entries.get(targetPath)?.volume;
  }

  *all(): Iterable<PublishedVolume> {
    for (const { volume } of this.#entries.values()) if (volume !== undefined) yield volume;
  }

  *reports(): Iterable<VolumeReport> {
    for (const { volume, confirmed, failure } of this.#entries.values()) {
      if (volume !== undefined && confirmed !== undefined) yield { volume, confirmed, failure };
    }
  }

  /** Records a success, which ends consecutive failures. */
  put(volume: PublishedVolume, confirmed: Confirmation): void {
    const { targetPath } = volume.request;
    const entry = this.#entryOf(targetPath);
    entry.volume = volume;
    entry.isWithoutTokens = false;
    this.confirm(targetPath, confirmed);
  }

  /** Records that the mounted files contain no token any more. A failure of the volume remains. */
  tokensRemoved(targetPath: string): void {
    const entry = this.#entryOf(targetPath);
    entry.isWithoutTokens = true;
    const { volume } = entry;
    if (volume === undefined) return;
    entry.volume = { ...volume, input: { ...volume.input, tokens: new Map(), isAllowed: false } };
  }

  isWithoutTokens(targetPath: string): boolean {
    return this.#entries.get(targetPath)?.isWithoutTokens === true;
  }

  /** Records a success that changed nothing. */
  confirm(targetPath: string, confirmed: Confirmation): void {
    const entry = this.#entryOf(targetPath);
    entry.confirmed = confirmed;
    delete entry.failure;
  }

  delete(targetPath: string): void {
    this.#entries.delete(targetPath);
  }

  /** Reports whether a message about the volume is new, and records it. */
  isFirstWarning(targetPath: string, message: string): boolean {
    const key = createHash('sha256').update(`${targetPath} ${message}`).digest('base64');
    if (this.#warnings.has(key)) return false;
    this.#warnings.set(key, true, targetPath);
    return true;
  }

  /** @param nowMs milliseconds since the epoch. */
  recordFailure(targetPath: string, { code, message }: CodedError, nowMs: number): void {
    const entry = this.#entryOf(targetPath);
    // A clock that was set back must not leave a failure that begins in the future.
    const sinceMs = Math.min(entry.failure?.sinceMs ?? nowMs, nowMs);
    entry.failure = { sinceMs, code, message: `${code}: ${cutFailure(message)}` };
  }

  failureOf(targetPath: string): RefreshFailure | undefined {
    return this.#entries.get(targetPath)?.failure;
  }

  /** Returns the number of volumes, first expiry and oldest failure for metrics, in milliseconds since the epoch. */
  summary(): VolumesSummary {
    const byRefresh: Record<string, { -readonly [Key in keyof VolumesOfACode]: VolumesOfACode[Key] }> = {};
    for (const { volume, failure } of this.#entries.values()) {
      if (volume === undefined && failure === undefined) continue;
      const of = (byRefresh[failure?.code ?? 'OK'] ??= {
        volumes: 0,
        earliestTokenExpiryMs: undefined,
        oldestFailureMs: undefined,
      });
      of.volumes += 1;
      of.earliestTokenExpiryMs = earliestMs([of.earliestTokenExpiryMs, volume && firstExpiryMs(volume.input.tokens)]);
      of.oldestFailureMs = earliestMs([of.oldestFailureMs, failure?.sinceMs]);
    }
    return { volumes: [...this.all()].length, byRefresh };
  }

  #entryOf(targetPath: string): Entry {
    const entry = this.#entries.get(targetPath) ?? {};
    this.#entries.set(targetPath, entry);
    return entry;
  }
}

/** A tenant chooses the length of a message, and a failure is kept as long as it lasts. */
function cutFailure(message: string): string {
  const { failureCharacters } = driverLimits.messages;
  // Of a mere slice, V8 would keep the whole text.
  return message.length <= failureCharacters
    ? message
    : `${Buffer.from(message.slice(0, failureCharacters)).toString()}…`;
}

/** The volumes of the node. */
export interface VolumesSummary {
  readonly volumes: number;
  /** By the code of the last refresh, `OK` without a failure; only codes with volumes. */
  readonly byRefresh: Readonly<Record<string, VolumesOfACode>>;
}

export interface VolumesOfACode {
  readonly volumes: number;
  /** First expiry of a token of these volumes, in milliseconds since the epoch. */
  readonly earliestTokenExpiryMs: number | undefined;
  /** Start of the longest failure of these volumes, in milliseconds since the epoch. */
  readonly oldestFailureMs: number | undefined;
}
