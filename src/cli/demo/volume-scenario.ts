import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../errors.js';
import type { DemoKubelet, DemoVolume } from './demo-kubelet.js';
import type { DemoSteps } from './demo-steps.js';
import type { DemoTokens } from './demo-tokens.js';
import { contentsOf, environmentOf, indent, shorten, treeOf } from './volume-text.js';

export interface VolumeScenario {
  readonly steps: DemoSteps;
  readonly kubelet: DemoKubelet;
  readonly volume: DemoVolume;
  readonly tokens: DemoTokens;
}

/** Plays all calls of the kubelet, from the first mount to the last. @param use the pod's use of the volume. */
export async function runVolumeScenario(scenario: VolumeScenario, use: () => Promise<void>): Promise<void> {
  const { steps, kubelet, volume, tokens } = scenario;
  const { targetPath } = volume;
  mkdirSync(path.dirname(targetPath), { recursive: true, mode: 0o750 });
  await steps.play(
    'NodeGetCapabilities',
    () => kubelet.capabilities(),
    (capabilities) => capabilities.join(', '),
  );
  await steps.play(
    'NodePublishVolume: a tmpfs with all files appears at the target',
    () => kubelet.publish(volume, tokens.forKubelet(volume.pod)),
    () => `${treeOf(targetPath)}\n${contentsOf(targetPath)}`,
  );
  const environment = environmentOf(targetPath);
  if (environment !== undefined) {
    steps.say(`\nwhat a task sees: $ set -a; . ./.env; set +a; env | grep _proxy=\n${indent(environment)}\n`);
  }
  await use();
  await rotateToken(scenario);
  await steps.play(
    'NodeGetVolumeStats',
    () => kubelet.statistics(volume),
    (statistics) => statistics,
  );
  await steps.play('NodeUnpublishVolume: unmounted and removed', () => kubelet.unpublish(volume));
  if (existsSync(targetPath) || readFileSync('/proc/self/mountinfo', 'utf8').includes(targetPath)) {
    throw new CodedError('INTERNAL', `${targetPath} is still there`);
  }
  steps.say('\nnothing is left mounted\n');
}

async function rotateToken({ steps, kubelet, volume, tokens }: VolumeScenario): Promise<void> {
  const { targetPath } = volume;
  const inode = statSync(targetPath).ino;
  const rotated = tokens.forKubelet(volume.pod);
  const oldToken = tokenIn(targetPath);
  await steps.play(
    'NodePublishVolume again with a renewed token: rewritten in place',
    () => kubelet.publish(volume, rotated),
    () => {
      const token = tokenIn(targetPath);
      const isRenewed = oldToken === undefined || token !== oldToken;
      if (!isRenewed || statSync(targetPath).ino !== inode) {
        throw new CodedError('INTERNAL', 'the republish did not rewrite the token in place');
      }
      return oldToken === undefined || token === undefined
        ? 'same mount'
        : `context.token ${shorten(oldToken)} -> ${shorten(token)}, same mount`;
    },
  );
  await steps.play('NodePublishVolume again, nothing changed: nothing is written', () =>
    kubelet.publish(volume, rotated),
  );
}

/** Returns the volume's token; undefined without the file. */
function tokenIn(targetPath: string): string | undefined {
  const file = path.join(targetPath, 'context.token');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
