import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { apiFaults } from './faults.ts';
import type { ApiFault } from './faults.ts';
import type { NodeModel, TokenChoice } from './node-model.ts';
import { volumeCount } from './node-model.ts';
import type { NodeSystem } from './node-system.ts';
import { classNames, connectorNames, sourceNames } from './sources.ts';
import type { SourceName } from './sources.ts';
import { isClass } from './versioned-sources.ts';
import { Command } from './command.ts';
import type { VolumeModel } from './volume-model.ts';

/** What the kubelet asks for of a volume. */
interface Ask {
  readonly volume: number;
  readonly what: TokenChoice | 'unpublish';
}

const volume = fc.nat(volumeCount - 1);
const what = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Ask['what']>('same') },
  { weight: 4, arbitrary: fc.constant<Ask['what']>('new') },
  { weight: 1, arbitrary: fc.constant<Ask['what']>('expired') },
  { weight: 3, arbitrary: fc.constant<Ask['what']>('unpublish') },
);
const ask: fc.Arbitrary<Ask> = fc.record({ volume, what });
const asks = (maxLength: number): fc.Arbitrary<Ask[]> =>
  fc.uniqueArray(ask, { minLength: 1, maxLength, selector: (each) => each.volume });
const source = fc.constantFrom(...sourceNames);
const sources = fc.array(source, { maxLength: 2 });

function toldOf(list: readonly Ask[]): string {
  return list.map((each) => `${each.volume} ${each.what}`).join(', ');
}

function edit(model: NodeModel, names: readonly SourceName[]): void {
  if (names.length > 0) model.changeSources(() => names.forEach((name) => model.system.sources.edit(name)));
}

/** The kubelet asks for several things at once while somebody edits. */
const together = (list: readonly Ask[], edited: readonly SourceName[]): Command =>
  new Command(
    `at once: ${toldOf(list)}${edited.length > 0 ? `, edit ${edited.join(', ')}` : ''}`,
    () => true,
    async (model) => {
      const calls = list.map((each) => asked(model, each));
      edit(model, edited);
      await allOf(calls);
    },
  );

function asked(model: NodeModel, { volume: index, what: choice }: Ask): Promise<void> {
  const each = model.volumes[index]!;
  return choice === 'unpublish' ? model.unpublish(each) : model.publish(each, choice);
}

/** As Promise.all, but nothing goes on when it fails. */
async function allOf(calls: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(calls);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

const publishes = fc.uniqueArray(volume, { minLength: 1, maxLength: 8 }).map((list) =>
  together(
    list.map((each) => ({ volume: each, what: 'same' })),
    [],
  ),
);
const asksTogether = fc.tuple(asks(6), sources).map(([list, edited]) => together(list, edited));

/** A publish that the kubelet has given up, and the unpublish that comes after it. */
const races = volume.map(
  (index) =>
    new Command(
      `${index} is published and unpublished at once`,
      () => true,
      (model) => model.publishAndUnpublish(model.volumes[index]!),
    ),
);

const edits = fc.array(source, { minLength: 1, maxLength: 3 }).map(
  (names) =>
    new Command(
      `edit ${names.join(', ')}`,
      () => true,
      (model) => {
        edit(model, names);
        return Promise.resolve();
      },
    ),
);

const deletions = fc.constantFrom(...connectorNames, ...classNames).map(
  (name) =>
    new Command(
      `delete ${isClass(name) ? 'class' : 'connector'} ${name}`,
      (model) => model.system.sources.exists(name),
      (model) => {
        model.changeSources(() => model.system.sources.delete(name));
        return Promise.resolve();
      },
    ),
);

const flagChanges = fc.boolean().map(
  (allows) =>
    new Command(
      `enable-multi-connector ${String(allows)}`,
      (model) => model.system.sources.allowsSeveral !== allows,
      (model) => {
        model.changeSources(() => model.system.sources.allowSeveral(allows));
        return Promise.resolve();
      },
    ),
);

const settling = fc.constant(
  new Command(
    'all is known',
    (model) => !model.hasFault,
    (model) => model.settle(),
  ),
);

/** Without any call of the kubelet's, what is mounted becomes what it would be made of now. */
const waiting = fc.constant(
  new Command(
    'changes reach the volumes by themselves',
    (model) => !model.hadFault,
    (model) => model.untilRenewed(),
  ),
);

const looks = volume.map(
  (index) =>
    new Command(
      `statistics of ${index}`,
      (model) => model.volumes[index]!.mounted !== 'maybe',
      (model) => model.statistics(model.volumes[index]!),
    ),
);

/** The driver looks for its sockets once a second. */
const noSockets = [true, ...Array.from({ length: 9 }, () => false)];

/** The kubelet's process ends in the middle of calls; the next one publishes all that it finds. */
const kubeletRestarts = fc.tuple(asks(6), fc.nat(4), fc.constantFrom(...noSockets)).map(
  ([list, afterMs, emptiesRegistry]) =>
    new Command(
      `the kubelet restarts${emptiesRegistry ? ' without sockets' : ''} ${afterMs} ms into: ${toldOf(list)}`,
      () => true,
      async (model) => {
        const ended = new AbortController();
        const calls = list.map(({ volume: index, what: choice }) => {
          const each = model.volumes[index]!;
          return choice === 'unpublish' ? model.unpublish(each) : model.publish(each, choice, ended.signal);
        });
        await sleep(afterMs);
        ended.abort();
        await allOf(calls);
        await model.system.restartKubelet(emptiesRegistry);
        await allOf(known(model).map((each) => model.publish(each, 'same')));
      },
    ),
);

/** Volumes for which the kubelet has a directory: it goes on with those that it wants, and ends the others. */
function known(model: NodeModel): readonly VolumeModel[] {
  return model.volumes.filter(({ mounted }) => mounted !== 'no');
}

const replacements = fc
  .tuple(fc.constantFrom('SIGKILL' as const, 'SIGTERM' as const), asks(10), fc.nat(6), sources)
  .map(
    ([signal, list, afterMs, edited]) =>
      new Command(
        `${signal} ${afterMs} ms into: ${toldOf(list)}${edited.length > 0 ? `, edit ${edited.join(', ')}` : ''}`,
        () => true,
        async (model) => {
          const calls = list.map(({ volume: index, what: choice }) => {
            const each = model.volumes[index]!;
            return choice === 'unpublish' ? model.unpublishInto(each) : model.publishInto(each, choice);
          });
          edit(model, edited);
          await sleep(afterMs);
          await allOf([...calls, model.system.replaceDriver(signal)]);
          model.driverReplaced();
        },
      ),
  );

const faults = fc.constantFrom('ends watches', 'says goodbye', 'breaks connections', 'forgets history').map(
  (name) =>
    new Command(
      `the API server ${name}`,
      (model) => !model.hasFault,
      (model) => {
        const { api } = model.system.cluster;
        model.injectFault();
        if (name === 'ends watches') api.endWatches();
        if (name === 'says goodbye') api.sendGoaway();
        if (name === 'forgets history') {
          api.advanceRevision();
          api.compact();
        }
        if (name !== 'ends watches' && name !== 'says goodbye') api.closeConnections();
        return Promise.resolve();
      },
    ),
);

const faultBegins = fc.constantFrom(...apiFaults).map(
  (fault: ApiFault) =>
    new Command(
      `the API server ${fault.name}`,
      (model) => !model.hasFault,
      (model) => model.beginFault(fault),
    ),
);

const faultEnds = fc.constant(
  new Command(
    'the API server is well again',
    (model) => model.hasFault,
    (model) => model.endFault(),
  ),
);

/** How often commands of a kind are taken, in relation to the others. */
export interface CommandWeights {
  /** Of the driver. */
  readonly replacements: number;
  readonly apiFaults: number;
  readonly waits: number;
}

/** Sequences of commands. */
export function commandsOf(
  weights: CommandWeights,
  constraints: fc.CommandsContraints,
): fc.Arbitrary<Iterable<fc.AsyncCommand<NodeModel, NodeSystem>>> {
  const one = fc.oneof(
    { weight: 120, arbitrary: publishes },
    { weight: 200, arbitrary: asksTogether },
    { weight: 60, arbitrary: races },
    { weight: 120, arbitrary: edits },
    { weight: 30, arbitrary: deletions },
    { weight: 20, arbitrary: flagChanges },
    { weight: 40, arbitrary: settling },
    { weight: 20, arbitrary: looks },
    { weight: 20, arbitrary: kubeletRestarts },
    { weight: weights.waits, arbitrary: waiting },
    { weight: weights.replacements, arbitrary: replacements },
    { weight: weights.apiFaults, arbitrary: faults },
    { weight: weights.apiFaults, arbitrary: faultBegins },
    { weight: weights.apiFaults, arbitrary: faultEnds },
  );
  return fc.commands([one], constraints);
}
