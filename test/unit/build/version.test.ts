import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { deployFolder, repository } from '../../support/deploy/manifests.ts';

/** How files name the version that they belong to. */
const mentions =
  /(?:newTag: |app\.kubernetes\.io\/version: '?|^(?:appV|v)ersion: |VERSION=|connectors-csi:)(\d+\.\d+\.\d+\S*?)(?=[\s`']|$)/gm;

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => path.join(folder, name));
}

describe('the version', () => {
  const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };

  it('is the same wherever it is written', () => {
    const files = [
      ...filesBelow(deployFolder, /(?:kustomization|Chart|driver|standalone)\.yaml$/),
      ...filesBelow(path.join(repository, 'docs'), /\.md$/),
      path.join(repository, 'Dockerfile'),
    ];
    const found = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(mentions)].map(([, mentioned]) => [
        path.relative(repository, file),
        mentioned,
      ]),
    );
    assert.ok(found.length >= 8, String(found.length));
    assert.deepEqual(
      found.filter(([, mentioned]) => mentioned !== version),
      [],
    );
  });

  it('is the one that the changelog begins with, once it is released', () => {
    const [, first] = /^## \[([^\]]+)\]/m.exec(readFileSync(path.join(repository, 'CHANGELOG.md'), 'utf8')) ?? [];
    assert.ok(first === version || first === 'Unreleased', first);
  });
});
