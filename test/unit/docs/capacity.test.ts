import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { deduplicateFiles } from '../../../src/driver/host/deduplicate-files.ts';
import { memoryOf, tmpfsLimitsOf } from '../../../src/driver/host/footprint.ts';
import type { VolumeFile } from '../../../src/driver/publish/ports.ts';
import { driverLimits } from '../../../src/driver/limits.ts';
import { VolumeMemory } from '../../../src/driver/publish/volume-memory.ts';
import { noLimitObserver } from '../../../src/shared/limits/limit-observer.ts';
import { repository } from '../../support/deploy/manifests.ts';

const MiB = 2 ** 20;
const pageBytes = 4096;
const page = (name: string): string => readFileSync(path.join(repository, name), 'utf8');
const values = page('deploy/chart/values.yaml');
const limitMiB = Number(/limits:[\s\S]*?memory: (\d+)Mi/.exec(values)?.[1]);

/** Returns how many volumes a node accepts, each of a pod of its own, evenly from so many namespaces. */
function acceptedVolumes(volume: readonly VolumeFile[], namespaces: number): number {
  const memory = new VolumeMemory({
    limitBytes: limitMiB * MiB,
    reserveBytes: driverLimits.volumeMemory.reserveBytes,
    observer: noLimitObserver,
  });
  // An ordinary request: a token of 1.3 KB, and short attributes.
  const heapBytes = 80 << 10;
  const bytes = memoryOf(tmpfsLimitsOf(deduplicateFiles(volume), pageBytes));
  for (let count = 0; ; count += 1) {
    const pod = { namespace: `team-${count % namespaces}`, name: `pod-${count}` };
    try {
      memory.acquire(`volume-${count}`, { podUid: pod.name, pod, heapBytes }, bytes);
    } catch {
      return count;
    }
  }
}

const files = (count: number, sizeBytes: number): readonly VolumeFile[] =>
  Array.from({ length: count }, (_, n) => ({ name: `file-${n}`, content: Buffer.alloc(sizeBytes, n) }));

/** Twelve files each, as the page says. */
const rows: readonly (readonly [row: string, volume: readonly VolumeFile[]])[] = [
  [
    'with a CA bundle of 220 KB in three files',
    [
      ...['ca.crt', 'ca.cert', 'bundle.pem'].map((name) => ({ name, content: Buffer.alloc(220_000, 'a') })),
      { name: 'activate', content: Buffer.alloc(11_200, 'b') },
      ...files(8, 1500),
    ],
  ],
  ['with 1 MiB that all changes', files(12, Math.floor(MiB / 12))],
];

describe('the capacity of a node', () => {
  for (const [row, volume] of rows) {
    const [ofOne, ofSeveral] = [acceptedVolumes(volume, 1), acceptedVolumes(volume, 4)];

    it(`in docs/sizing.md is what the driver accepts ${row}`, () => {
      const cells = new RegExp(`^\\| ${row} +\\| (\\d+) +\\| (\\d+) +\\|$`, 'm').exec(page('docs/sizing.md'));
      assert.deepEqual(cells?.slice(1).map(Number), [ofOne, ofSeveral]);
    });

    it(`in the values of the chart is what the driver accepts ${row}`, () => {
      const comment = values.replaceAll(/\n +# /g, ' ');
      assert.ok(new RegExp(`\\b${ofSeveral} with`).test(comment), String(ofSeveral));
    });
  }
});
