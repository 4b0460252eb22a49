import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { DriverError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { generationOf, metadataText } from '../../kube/kube-object.js';
import type { AuthoritySource } from '../certificates/certificate-authority.js';
import type { ConnectorLister } from '../credential/connector-lister.js';
import type { Finding } from './conditions.js';
import { conditionOf } from './conditions.js';
import type { Checked, ConnectorCheck, RejectedCredential } from './connector-check.js';
import type { Memory } from './memory.js';
import { missingClassFindings } from './ownership.js';
import type { StatusTimings } from './status-timings.js';
import { UnreadyConnectors } from './unready-connectors.js';

export interface ConnectorJudgeOptions {
  readonly objects: Pick<ConnectorLister, 'connectorClass' | 'keys'>;
  readonly check: Pick<ConnectorCheck, 'check'>;
  readonly authority: AuthoritySource;
  readonly timings: StatusTimings;
  readonly chance: KubeClient['clock'];
}

/** Timers can be early by a fraction of a millisecond. */
const earlyMs = 2;

/** What is the case with a Connector, when that is worth writing, and when it is found out again. */
export class ConnectorJudge {
  readonly #options: ConnectorJudgeOptions;
  readonly #unready = new UnreadyConnectors();

  constructor(options: ConnectorJudgeOptions) {
    this.#options = options;
  }

  /** Finds out what is the case, unless that is known. @returns whether it was found out. */
  async judge(connector: Connector, memory: Memory, signal: AbortSignal): Promise<boolean> {
    const subject = this.#subjectOf(connector);
    const checkedMs = this.#options.chance.now();
    if (memory.subject === subject) {
      memory.dueMs = Math.max(memory.dueMs, this.#pacedMs(nameOf(connector), memory));
      if (checkedMs + earlyMs < memory.dueMs) return false;
    }
    const known = memory.subject === subject ? this.#rejected(memory, checkedMs) : undefined;
    // Requests can ask for another check while this one runs.
    memory.dueMs = Infinity;
    memory.isServed = false;
    try {
      const { findings, rejected } = await this.#check(connector, known, signal);
      if (memory.subject !== subject || isReady(findings)) memory.unready = undefined;
      Object.assign(memory, { subject, findings, checkedMs, rejected });
      if (rejected !== undefined && rejected !== known) memory.rejectedMs = checkedMs;
      this.#schedule(nameOf(connector), memory);
      return true;
    } catch (error) {
      memory.dueMs = checkedMs;
      memory.doubtedMs = undefined;
      throw error;
    }
  }

  /**
   * Has a Connector checked before it is due, since a request to it contradicts its status. A failure counts as the first
   * sight of something that has to be seen twice.
   * @returns milliseconds until then; undefined: it is being looked into already.
   */
  requested(memory: Memory, isServed: boolean): number | undefined {
    const now = this.#options.chance.now();
    if (isServed) memory.isServed = true;
    else if (memory.doubtedMs === undefined) memory.doubtedMs = now;
    else return undefined;
    memory.dueMs = Math.min(memory.dueMs, Math.max(now, memory.checkedMs + this.#options.timings.requestedMs));
    return memory.dueMs - now;
  }

  /** What is known may be old: it is found out again. */
  expire(memory: Memory): void {
    memory.subject = '';
  }

  /** The Connector is gone, or another proxy's. */
  forget(name: string): void {
    this.#unready.delete(name);
  }

  clear(): void {
    this.#unready.clear();
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
   * How long it is too early to write. Something worse waits until it has been seen twice, all changes of one status for the
   * rate limit. After that time it is found out again.
   */
  waitMs(memory: Memory, findings: readonly Finding[], conditions: readonly JsonObject[], generation: bigint): number {
    const { chance, timings } = this.#options;
    const now = chance.now();
    const isAboutThis = conditionOf(conditions, 'Ready')?.['observedGeneration'] === generation;
    const isWorse = findings.some(
      ({ type, status }) => status !== 'True' && conditionOf(conditions, type)?.['status'] === 'True',
    );
    memory.doubtedMs = isWorse && isAboutThis ? (memory.doubtedMs ?? now) : undefined;
    const untilConfirmed = memory.doubtedMs === undefined ? 0 : memory.doubtedMs + timings.confirmMs - now;
    const waitMs = Math.max(untilConfirmed, memory.changes.delayMs(1), 0);
    if (waitMs > 0) memory.dueMs = now + waitMs;
    return waitMs;
  }

  /** Milliseconds until the next check of a Connector of which nothing is heard. */
  untilNextMs({ dueMs }: Memory): number {
    return Math.max(0, dueMs - this.#options.chance.now());
  }

  async #check(connector: Connector, rejected: RejectedCredential | undefined, signal: AbortSignal): Promise<Checked> {
    const { objects, check } = this.#options;
    const found = objects.connectorClass(connector.className);
    return found === undefined
      ? { findings: missingClassFindings(connector, objects.keys('class')), rejected: undefined }
      : check.check(connector, found, rejected, signal);
  }

  /**
   * The credential that the tool has rejected, if that need not be asked again: tools lock accounts after some attempts. It
   * is shown once more to confirm it, and then as rarely as what is ready; once in `lateMs` while requests are served.
   */
  #rejected({ rejected, rejectedMs, isServed, doubtedMs }: Memory, now: number): RejectedCredential | undefined {
    const { lateMs, checkMs } = this.#options.timings;
    const isOld = now - rejectedMs >= (isServed ? lateMs : checkMs);
    return isOld || doubtedMs !== undefined ? undefined : rejected;
  }

  #schedule(name: string, memory: Memory): void {
    const { chance, timings } = this.#options;
    const now = chance.now();
    let intervalMs: number;
    if (isReady(memory.findings)) {
      this.#unready.delete(name);
      intervalMs = (0.8 + 0.4 * chance.random()) * timings.checkMs;
    } else {
      this.#unready.add(name);
      const { sinceMs, checks } = memory.unready ?? { sinceMs: now, checks: 0 };
      memory.unready = { sinceMs, checks: checks + 1, spread: 1 + 0.4 * chance.random() };
      const soonMs = Math.min(timings.soonMs, timings.againMs * 2 ** checks);
      intervalMs = (0.8 + 0.2 * chance.random()) * (now - sinceMs < timings.soonForMs ? soonMs : timings.lateMs);
    }
    memory.dueMs = Math.min(memory.dueMs, now + intervalMs);
  }

  /** When one that is not ready can be checked again, with as many others as there are now, unless a request asks for it. */
  #pacedMs(name: string, { unready, doubtedMs, isServed, checkedMs }: Memory): number {
    if (unready === undefined || doubtedMs !== undefined || isServed) return -Infinity;
    return checkedMs + unready.spread * Math.min(this.#options.timings.checkMs, this.#unready.intervalMs(name));
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

function isReady(findings: readonly Finding[]): boolean {
  return findings.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function nameOf({ ref: { namespace, name } }: Connector): string {
  return `${namespace}/${name}`;
}

/** What could not be asked for is as it was. */
function kept(finding: Finding, conditions: readonly JsonObject[], generation: bigint): Finding {
  if (finding.reason !== 'NotChecked') return finding;
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
