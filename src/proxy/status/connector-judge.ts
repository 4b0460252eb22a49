import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { DriverError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { generationOf, metadataText } from '../../kube/kube-object.js';
import type { AuthoritySource } from '../certificates/authority-source.js';
import type { KnownObjects } from '../credential/known-objects.js';
import type { Finding } from './conditions.js';
import { conditionOf } from './conditions.js';
import type { ConnectorCheck } from './connector-check.js';
import { missingClassFindings } from './ownership.js';

/** Milliseconds. */
export interface StatusTimings {
  /** Between two checks of a Connector of which nothing is heard; a fifth more or less. */
  readonly checkMs: number;
  /** What was well and is not any more is looked at once more after so long before it is written. */
  readonly confirmMs: number;
  /** Between two changes of one status, unless the Connector itself has changed. */
  readonly quietMs: number;
  /** After a failed write, doubled with each further one up to the time of a check. */
  readonly retryMs: number;
}

export const statusTimings: StatusTimings = { checkMs: 300_000, confirmMs: 15_000, quietMs: 30_000, retryMs: 2_000 };

/** What is remembered of an object between two looks at it. */
export interface Memory {
  /** What the findings are about: they count until it changes or they are old. */
  subject: string;
  findings: readonly Finding[];
  checkedMs: number;
  /** Since when what was well is not; undefined: all is as written, or better. */
  doubtedMs: number | undefined;
  writtenMs: number;
  failures: number;
}

export function newMemory(): Memory {
  return {
    subject: '',
    findings: [],
    checkedMs: -Infinity,
    doubtedMs: undefined,
    writtenMs: -Infinity,
    failures: 0,
  };
}

export interface ConnectorJudgeOptions {
  readonly objects: Pick<KnownObjects, 'connectorClass' | 'keys'>;
  readonly check: ConnectorCheck;
  readonly authority: AuthoritySource;
  readonly timings: StatusTimings;
  readonly chance: KubeClient['chance'];
}

/** What is the case with a Connector, and when that is worth writing. */
export class ConnectorJudge {
  readonly #options: ConnectorJudgeOptions;

  constructor(options: ConnectorJudgeOptions) {
    this.#options = options;
  }

  /** Finds out what is the case, unless that is known. */
  async judge(connector: Connector, memory: Memory, signal: AbortSignal): Promise<void> {
    const { objects, check, chance, timings } = this.#options;
    const subject = this.#subjectOf(connector);
    const now = chance.now();
    if (memory.subject === subject && now - memory.checkedMs < 0.75 * timings.checkMs) return;
    const found = objects.connectorClass(connector.className);
    const findings =
      found === undefined
        ? missingClassFindings(connector, objects.keys('class'))
        : await check.check(connector, found, signal);
    Object.assign(memory, { subject, findings, checkedMs: now });
  }

  /** Whether what is remembered is about the Connector as it is now. */
  isAbout(connector: Connector, { subject }: Memory): boolean {
    return this.#subjectOf(connector) === subject;
  }

  /** What to write of what was found. @param conditions those that are written, @param generation of the Connector. */
  findings(memory: Memory, conditions: readonly JsonObject[], generation: bigint): readonly Finding[] {
    return memory.findings.map((finding) => kept(finding, conditions, generation));
  }

  /**
   * How long it is too early to write; what is new or about another generation is written at once. What is doubted is asked
   * anew when that is over.
   */
  waitMs(memory: Memory, findings: readonly Finding[], conditions: readonly JsonObject[], generation: bigint): number {
    const { chance, timings } = this.#options;
    const ready = conditionOf(conditions, 'Ready');
    if (ready?.['observedGeneration'] !== generation) return 0;
    const now = chance.now();
    const isWorse = findings.some(
      ({ type, status }) => status !== 'True' && conditionOf(conditions, type)?.['status'] === 'True',
    );
    if (isWorse) memory.doubtedMs ??= now;
    else memory.doubtedMs = undefined;
    const untilConfirmed = isWorse ? (memory.doubtedMs ?? now) + timings.confirmMs - now : 0;
    const waitMs = Math.max(untilConfirmed, memory.writtenMs + timings.quietMs - now, 0);
    if (waitMs > 0 && memory.doubtedMs !== undefined) memory.checkedMs = -Infinity;
    return waitMs;
  }

  /** Until the next check of a Connector of which nothing is heard. */
  untilNextMs({ checkedMs }: Memory): number {
    const { chance, timings } = this.#options;
    const jitter = 0.8 + 0.4 * chance.random();
    return Math.max(timings.retryMs, checkedMs + jitter * timings.checkMs - chance.now());
  }

  /** What findings depend on, of what is watched. */
  #subjectOf({ object, className }: Connector): string {
    const found = this.#options.objects.connectorClass(className);
    const ofClass = found instanceof DriverError ? found.message : found && identityOf(found);
    const { authority } = this.#options;
    let ca = '';
    try {
      ca = authority.current().certificate;
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
    }
    return JSON.stringify([metadataText(object, 'uid'), String(generationOf(object)), ofClass, ca]);
  }
}

/** What could not be asked for is as it was. */
function kept(finding: Finding, conditions: readonly JsonObject[], generation: bigint): Finding {
  if (finding.reason !== 'NotAsked') return finding;
  const before = conditionOf(conditions, finding.type);
  const status = before?.['status'];
  if (before?.['observedGeneration'] !== generation || (status !== 'True' && status !== 'False')) return finding;
  const { reason, message } = before;
  if (typeof reason !== 'string' || typeof message !== 'string') return finding;
  return { type: finding.type, status, reason, message };
}

function identityOf({ object }: ConnectorClass): string {
  return `${metadataText(object, 'uid') ?? ''} ${String(generationOf(object))}`;
}
