/**
 * A kubelet of its own in a process of its own, so that what it costs to play hundreds of volumes is not taken for what
 * the driver costs. Driven by messages from load-generator.ts.
 */
import { CodedError } from '../../../src/shared/errors.ts';
import { TestVolume } from '../driver/test-volume.ts';
import { tokenFor } from '../driver/tokens.ts';
import { PodVolume } from '../kubelet/pod-volume.ts';
import { Hoarder } from './hoarder.ts';
import type { LoadCommand, LoadReport } from './load-messages.ts';

const volumes: PodVolume[] = [];
const hoarders: Hoarder[] = [];
let socketPath = '';

function run({ kubeletDir, socketPath: socket, pods, timing }: Extract<LoadCommand, { kind: 'run' }>): void {
  socketPath = socket;
  for (const { identity, volumes: count, attributes, secrets = {} } of pods) {
    for (let index = 0; index < count; index += 1) {
      // Pods may be given more than once, with other volumes.
      const volume = new TestVolume(kubeletDir, { ...identity, volumeName: `v${volumes.length}` });
      const own = Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, value.replaceAll('{volume}', String(index))]),
      );
      const pod = new PodVolume(volume, own, {
        ...timing,
        secrets,
        endpoint: () => socketPath,
        tokenOf: ({ pod: owner }) => tokenFor(owner),
      });
      volumes.push(pod);
      pod.start();
    }
  }
}

function report(): LoadReport {
  const events = new Map<string, number>();
  for (const { events: messages } of [...volumes, ...hoarders]) {
    for (const message of messages) events.set(message, (events.get(message) ?? 0) + 1);
  }
  return {
    attempts: volumes.reduce((sum, { attempts }) => sum + attempts, 0),
    published: volumes.filter((volume) => volume.isPublishedSince(0)).length,
    tookMs: volumes.flatMap(({ tookMs }) => tookMs),
    hoarded: hoarders.reduce((sum, { opened }) => sum + opened.length, 0),
    events: [...events].sort(([, a], [, b]) => b - a).slice(0, 50),
  };
}

async function tearDown(): Promise<void> {
  for (const hoarder of hoarders) hoarder.stop();
  await Promise.all(volumes.splice(0).map((volume) => volume.tearDown()));
}

async function serve(command: LoadCommand): Promise<LoadReport> {
  if (command.kind === 'run') run(command);
  else if (command.kind === 'hoard') {
    const hoarder = new Hoarder(command.socketPath, command.files);
    hoarders.push(hoarder);
    hoarder.start(command.kubeletDir);
  } else if (command.kind === 'stop') await Promise.all(volumes.map((volume) => volume.stop()));
  else if (command.kind === 'tear-down') await tearDown();
  return report();
}

process.on('message', ({ id, command }: { id: number; command: LoadCommand }) => {
  serve(command).then(
    (answer) => process.send?.({ id, report: answer }),
    (error: unknown) => process.send?.({ id, error: error instanceof CodedError ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
