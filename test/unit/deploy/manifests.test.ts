import assert from 'node:assert/strict';
import { classManifests } from '../../support/classes/class-cases.ts';
import {
  chartFile,
  crdsFolder,
  manifestFiles,
  parseManifests,
  readManifests,
  rendered,
} from '../../support/deploy/manifests.ts';
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

describe('what reads the manifests of all tests', () => {
  const text = (value: string): string => `apiVersion: v1\nkind: List\nmetadata: {}\nvalue: ${value}\n`;

  for (const value of ['off', 'y', '0644', '1:30', '2026-12-01']) {
    it(`rejects ${value}, which is another value for Helm and kubectl than for YAML 1.2`, () => {
      assert.throws(() => parseManifests(text(value), 'x'), /^AssertionError.*: x is not the same in YAML 1\.1: quote/);
      assert.equal(parseManifests(text(`'${value}'`), 'x')[0]?.['value'], value);
    });
  }
});
