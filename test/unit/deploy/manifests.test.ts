import assert from 'node:assert/strict';
import { classManifests } from '../../support/deploy/class-cases.ts';
import { chartFile, crdsFolder, manifestFiles, readManifests, rendered } from '../../support/deploy/manifests.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';

const byName = (objects: readonly Manifest[]): ReadonlyMap<string, Manifest> =>
  new Map(objects.map((object) => [`${object.kind} ${object.metadata.name ?? ''}`, object]));

/** Helm is not installed everywhere; with it, the test of the chart compares the whole texts. */
describe('deploy/manifests', () => {
  for (const [name, files] of [
    ['crds', manifestFiles(crdsFolder).flatMap(readManifests)],
    ['classes', classManifests()],
    ['driver', ['volume-limit', 'admission'].flatMap((file) => chartFile(`policies/${file}`))],
  ] as const) {
    it(`have what files of the chart have, in ${name}.yaml: otherwise run \`npm run generate:manifests\``, () => {
      const found = byName(rendered(name));
      assert.ok(files.length >= 3);
      for (const [key, object] of byName(files)) assert.deepEqual(found.get(key), object);
    });
  }
});
