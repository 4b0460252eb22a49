import type { FeatureFlags, ResolvedConnector } from '../../shared/connectors/model.js';
import { jsonMember } from '../../shared/json.js';
import type { JsonObject } from '../../shared/json.js';
import type { VolumeChange } from './ports.js';
import type { PublishRequest } from './publish-request.js';
import { flatCopy } from './flat-copy.js';
import { areSameTokens, firstExpiryMs } from './volume-tokens.js';
import type { VolumeTokens } from './volume-tokens.js';
import { WarningDeduplicator } from './warning-deduplicator.js';
import type { CodedError, ErrorCode } from '../../shared/errors.js';
import { driverLimits } from '../limits.js';

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

export interface RefreshFailure {
  /** Time of the first of consecutive failures, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Code of the last failure. */
  readonly code: ErrorCode;
  readonly message: string;
}

/** Listener for refreshes of mounted volumes. It must neither wait nor throw. */
export interface RefreshListener {
  /** Called for each failure, also a repeated one. @param isWithoutTokens see `tokensRemoved`. */
  failed(volume: PublishedVolume, failure: RefreshFailure, isWithoutTokens: boolean): void;
  /** Called for the first success after failures. */
  recovered(volume: PublishedVolume, failure: RefreshFailure): void;
  /** Called once for each warning about the content of a volume. */
  warned(request: PublishRequest, message: string): void;
  gone(targetPath: string): void;
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
    .map(({ version, object }) => version ?? `${textIn(object, 'uid')}/${textIn(object, 'resourceVersion')}`)
    .join(' ');
}

function textIn({ metadata }: JsonObject, field: string): string {
  const value = jsonMember(metadata, field);
  return typeof value === 'string' ? value : '';
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

/** The volumes of this node by target path, with the failures of their refreshes. */
export class PublishedVolumes {
  readonly #volumes = new Map<string, PublishedVolume>();
  readonly #confirmed = new Map<string, Confirmation>();
  readonly #failures = new Map<string, RefreshFailure>();
  readonly #warnings = new WarningDeduplicator();
  /** Target paths of volumes whose tokens were removed, also of volumes that an earlier process mounted. */
  readonly #withoutTokens = new Set<string>();
  #listener: RefreshListener | undefined;

  listen(listener: RefreshListener): void {
    this.#listener = listener;
  }

  get(targetPath: string): PublishedVolume | undefined {
    return this.#volumes.get(targetPath);
  }

  all(): Iterable<PublishedVolume> {
    return this.#volumes.values();
  }

  *reports(): Iterable<VolumeReport> {
    for (const [targetPath, volume] of this.#volumes) {
      const confirmed = this.#confirmed.get(targetPath);
      if (confirmed !== undefined) yield { volume, confirmed, failure: this.#failures.get(targetPath) };
    }
  }

  /** Records a success, which ends consecutive failures. */
  put(volume: PublishedVolume, confirmed: Confirmation): void {
    const { targetPath } = volume.request;
    this.#volumes.set(targetPath, volume);
    this.#withoutTokens.delete(targetPath);
    this.confirm(targetPath, confirmed);
  }

  /** Records that the mounted files contain no token any more. A failure of the volume remains. */
  tokensRemoved(targetPath: string): void {
    this.#withoutTokens.add(targetPath);
    const volume = this.#volumes.get(targetPath);
    if (volume === undefined) return;
    this.#volumes.set(targetPath, { ...volume, input: { ...volume.input, tokens: new Map(), isAllowed: false } });
  }

  isWithoutTokens(targetPath: string): boolean {
    return this.#withoutTokens.has(targetPath);
  }

  /** Records a success that changed nothing. */
  confirm(targetPath: string, confirmed: Confirmation): void {
    this.#confirmed.set(targetPath, confirmed);
    const failure = this.#failures.get(targetPath);
    if (failure === undefined) return;
    this.#failures.delete(targetPath);
    const volume = this.#volumes.get(targetPath);
    if (volume !== undefined) this.#listener?.recovered(volume, failure);
  }

  delete(targetPath: string): void {
    this.#volumes.delete(targetPath);
    this.#confirmed.delete(targetPath);
    this.#failures.delete(targetPath);
    this.#withoutTokens.delete(targetPath);
    this.#warnings.forget(targetPath);
    this.#listener?.gone(targetPath);
  }

  /** Reports whether a message about the volume is new, and records it. */
  isFirstWarning(targetPath: string, message: string): boolean {
    return this.#warnings.isFirst(targetPath, message);
  }

  /** Passes on a new warning about the content of a volume. */
  warned(request: PublishRequest, message: string): void {
    this.#listener?.warned(request, message);
  }

  /** @param nowMs milliseconds since the epoch. */
  recordFailure(targetPath: string, { code, message }: CodedError, nowMs: number): void {
    // A clock that was set back must not leave a failure that begins in the future.
    const sinceMs = Math.min(this.#failures.get(targetPath)?.sinceMs ?? nowMs, nowMs);
    const failure = { sinceMs, code, message: `${code}: ${cutFailure(message)}` };
    this.#failures.set(targetPath, failure);
    const volume = this.#volumes.get(targetPath);
    if (volume !== undefined) this.#listener?.failed(volume, failure, this.#withoutTokens.has(targetPath));
  }

  failureOf(targetPath: string): RefreshFailure | undefined {
    return this.#failures.get(targetPath);
  }

  /** Returns the number of volumes, first expiry and oldest failure for metrics, in milliseconds since the epoch. */
  summary(): VolumesSummary {
    const byRefresh: Record<string, { -readonly [Key in keyof VolumesOfACode]: VolumesOfACode[Key] }> = {};
    for (const targetPath of new Set([...this.#volumes.keys(), ...this.#failures.keys()])) {
      const failure = this.#failures.get(targetPath);
      const tokens = this.#volumes.get(targetPath)?.input.tokens;
      const of = (byRefresh[failure?.code ?? 'OK'] ??= {
        volumes: 0,
        earliestTokenExpiryMs: undefined,
        oldestFailureMs: undefined,
      });
      of.volumes += 1;
      of.earliestTokenExpiryMs = earliest(of.earliestTokenExpiryMs, tokens && firstExpiryMs(tokens));
      of.oldestFailureMs = earliest(of.oldestFailureMs, failure?.sinceMs);
    }
    return { volumes: this.#volumes.size, byRefresh };
  }
}

/** A tenant chooses the length of a message, and a failure is kept as long as it lasts. */
function cutFailure(message: string): string {
  const { failureCharacters } = driverLimits.messages;
  return message.length <= failureCharacters ? message : `${flatCopy(message.slice(0, failureCharacters))}…`;
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
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
