import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tokenFor } from '../driver/tokens.ts';
import { eventually } from '../poll.ts';
import { ExpectedState } from './expected-state.ts';
import type { ApiFault } from './faults.ts';
import type { NodeSystem } from './node-system.ts';
import { hasTimedOut, isBusy } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { volumeKinds } from './volume-kinds.ts';
import { VolumeModel } from './volume-model.ts';
import type { PublishBegin } from './volume-model.ts';

export const volumeCount = 20;
/** These are of an account without rights. */
const strangers: ReadonlySet<number> = new Set([6, 13]);

/** What the kubelet passes: the token it has, a new one, one that is over. */
export type TokenChoice = 'same' | 'new' | 'expired';

/** Milliseconds that the kubelet waits for a call. */
const patience = { faultMs: 150, usualMs: 60_000 };
/** Milliseconds until the driver knows everything again; less once a run has failed, for its like are many then. */
const settling = { usualMs: 180_000, afterFailureMs: 3000 };

let runs = 0;

/** What is expected of a node in one run, and the ways in which commands act on it. */
export class NodeModel {
  readonly volumes: readonly VolumeModel[];
  readonly system: NodeSystem;
  readonly #hasFailed: () => boolean;
  expected: ExpectedState;
  /** What is wrong with the API server now. */
  #fault: ApiFault | undefined;
  /** Something was wrong with it in this run. */
  hadFault = false;

  /** @param hasFailed whether a run before this one has. */
  constructor(system: NodeSystem, hasFailed: () => boolean) {
    this.system = system;
    this.#hasFailed = hasFailed;
    runs += 1;
    const { node } = system.cluster;
    this.volumes = Array.from({ length: volumeCount }, (_, index) => {
      const isStranger = strangers.has(index);
      const kind = index % volumeKinds.length;
      const identity = {
        uid: `pod-${index}`,
        namespace: isStranger ? 'elsewhere' : 'ci',
        // Accounts of which nothing is known yet; the paths are those of the run before.
        serviceAccountName: `builder-${runs}-${kind}`,
      };
      return new VolumeModel(node.unpreparedVolume(identity), isStranger ? 0 : kind, isStranger);
    });
    this.expected = new ExpectedState(system.sources);
  }

  changeSources(change: () => void): void {
    change();
    this.expected.changed();
  }

  /** Publishes as the kubelet does, which comes again while the driver is still at a call that was given up. */
  async publish(model: VolumeModel, choice: TokenChoice, signal?: AbortSignal): Promise<void> {
    const begin = this.#prepare(model, choice);
    const outcome = await this.#calmly(() => this.#again(model, () => this.#call(model, signal)));
    model.published(outcome, begin, this.expected, this.system.sources.versions);
  }

  /** As `publish` while the driver is killed: only a success tells anything. */
  async publishInto(model: VolumeModel, choice: TokenChoice): Promise<void> {
    const begin = this.#prepare(model, choice);
    const outcome = await this.#call(model);
    if (outcome.code !== 'OK') model.unknownEnd(begin.token);
    else model.published(outcome, begin, this.expected, this.system.sources.versions);
  }

  async unpublish(model: VolumeModel): Promise<void> {
    model.unpublished(await this.system.unpublish(model.volume));
    if (model.mounted === 'no') this.system.mixWatch.forget(model.volume.target);
  }

  async unpublishInto(model: VolumeModel): Promise<void> {
    const outcome = await this.system.unpublish(model.volume);
    if (outcome.code === 'OK') model.unpublished(outcome);
    else model.unpublishBroken();
  }

  /** Both at once, in this order over one connection, as when the kubelet has given a publish up: nothing is left. */
  async publishAndUnpublish(model: VolumeModel): Promise<void> {
    this.#prepare(model, 'same');
    const publishing = this.#call(model);
    const unpublishing = this.system.unpublish(model.volume);
    await publishing;
    model.unpublished(await unpublishing);
  }

  /**
   * Waits until the driver knows what there is now, as far as volumes show it.
   * @throws when it does not come to know it, although nothing is wrong any more.
   */
  async settle(): Promise<void> {
    const { probes, sources } = this.system;
    for (const probe of probes) {
      let problem: string | undefined;
      const isKnown = async (): Promise<boolean> => (problem = await probe.problem(sources)) === undefined;
      await eventually('', isKnown, this.#settlingMs).catch(() => {
        throw new Error(`the driver does not come to know what there is: ${problem ?? ''}`);
      });
    }
    // What cannot be mounted shows nothing.
    if (probes.every((probe) => probe.isMountable(sources)))
      this.expected = new ExpectedState(sources, this.expected.recentFlags);
  }

  get hasFault(): boolean {
    return this.#fault !== undefined;
  }

  /** What was under way may have to be asked again. */
  injectFault(): void {
    this.expected.hasFault = true;
    this.hadFault = true;
  }

  async beginFault(fault: ApiFault): Promise<void> {
    this.injectFault();
    this.#fault = fault;
    await fault.begin(this.system);
  }

  async endFault(): Promise<void> {
    await this.#fault?.end(this.system);
    this.#fault = undefined;
  }

  /** The next driver takes no volume for its own until the kubelet has asked for it. */
  driverReplaced(): void {
    for (const model of this.volumes) model.driverReplaced();
  }

  /** Waits until the volumes are made of what is there now, without any call of the kubelet's. */
  async untilRenewed(): Promise<void> {
    const { sources } = this.system;
    const stale = (): string[] =>
      this.volumes.flatMap((model) => (model.mayRenew(sources) ? (model.staleness(sources.versions) ?? []) : []));
    await eventually('', () => stale().length === 0, this.#settlingMs).catch(() => {
      throw new Error(`changes do not reach volumes by themselves: ${stale().join('; ')}`);
    });
  }

  async statistics(model: VolumeModel): Promise<void> {
    const { code } = await this.system.statistics(model.volume);
    assert.equal(code, model.mounted === 'yes' ? 'OK' : 'NOT_FOUND', `statistics of a ${model.told()}`);
  }

  get #settlingMs(): number {
    return this.#hasFailed() ? settling.afterFailureMs : settling.usualMs;
  }

  /**
   * The end of a run: everything as it was. Then every volume becomes current with the next call, and can be ended, and
   * none was ever seen to be anything but whole.
   */
  async end(): Promise<void> {
    await this.endFault();
    for (const model of this.volumes) model.look(this.system.sources.versions, `${model.told()} at the end`);
    this.changeSources(() => this.system.sources.restore());
    await this.settle();
    const left = this.volumes.filter(({ mounted, mayBeBusy }) => mounted !== 'no' || mayBeBusy);
    await Promise.all(left.filter(({ mounted }) => mounted === 'yes').map((each) => this.publish(each, 'new')));
    await Promise.all(left.map((each) => this.unpublish(each)));
    await this.system.kubelet.untilRegistered();
    const { problems } = await this.system.mixWatch.report();
    assert.deepEqual(problems, []);
    this.system.assertAlive();
  }

  #prepare(model: VolumeModel, choice: TokenChoice): PublishBegin {
    const { volume, kindIndex } = model;
    if (!fs.existsSync(volume.parent)) volume.prepare();
    if (choice !== 'same') {
      volume.token = tokenFor(volume.pod, choice === 'expired' ? { expiresIn: -10 } : {});
      model.isTokenExpired = choice === 'expired';
    }
    this.system.mixWatch.read(volume.target, kindIndex);
    return { token: volume.token, known: this.expected.lowest };
  }

  #call(model: VolumeModel, signal?: AbortSignal): Promise<Outcome> {
    const timeoutMs = this.expected.hasFault ? patience.faultMs : patience.usualMs;
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    return this.system.publish(model.volume, model.attributes, options);
  }

  /**
   * With nothing wrong, the API server takes milliseconds: a machine has stood still where the driver has waited for it for
   * ten seconds, and it is asked once more.
   */
  async #calmly(call: () => Promise<Outcome>): Promise<Outcome> {
    const outcome = await call();
    if (this.expected.hasFault || !hasTimedOut(outcome)) return outcome;
    console.log(`      made once more: ${outcome.message}`);
    return call();
  }

  async #again(model: VolumeModel, call: () => Promise<Outcome>): Promise<Outcome> {
    let outcome = await call();
    if (!model.mayBeBusy || !isBusy(outcome)) return outcome;
    await eventually('the driver lets go of a call that was given up', async () => {
      outcome = await call();
      return !isBusy(outcome);
    });
    return outcome;
  }
}
