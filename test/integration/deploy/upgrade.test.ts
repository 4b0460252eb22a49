import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { baselineOf, hasCommit, hasPackages } from '../../../.ci/baseline.mjs';
import { repository } from '../../support/deploy/manifests.js';
import { applyProblems } from '../../support/upgrade/apply.js';
import { interfaceChanges } from '../../support/upgrade/interface.js';
import { besideBaselines } from '../../support/upgrade/beside-baselines.js';
import { bundlesOf } from '../../support/upgrade/release.js';

/** What the changelog names between backticks as not compatible with a baseline. */
function toldNames(commit: string): string[] {
  const text = readFileSync(path.join(repository, 'CHANGELOG.md'), 'utf8');
  const section = text.split(/^##+ /m).find((part) => part.startsWith(`Not compatible with ${commit.slice(0, 7)}`));
  assert.ok(section !== undefined, `CHANGELOG.md has no section "Not compatible with ${commit.slice(0, 7)}"`);
  return [...section.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

besideBaselines(
  (name) => `the manifests and the interface of now beside those of ${name}`,
  (releases) => {
    it('are beside what its commit makes, where the history reaches that far', () => {
      const { about, folder } = releases().old;
      const lacks = [
        ...(hasCommit(repository, about.commit) ? [] : ['its commit']),
        ...(hasPackages(repository, about.packages) ? [] : ['the versions of packages that it was made with']),
      ];
      if (lacks.length > 0) {
        console.log(`      not compared with what its commit makes, without ${lacks.join(' and ')}`);
        return;
      }
      const made = baselineOf(repository, about.commit);
      const kept = new Map(bundlesOf(folder));
      for (const file of ['deploy.yaml', 'everything.yaml', 'baseline.json']) {
        kept.set(file, readFileSync(path.join(folder, file)));
      }
      assert.deepEqual([...kept.keys()].sort(), [...made.keys()].sort());
      for (const [file, bytes] of kept) assert.ok(bytes.equals(made.get(file)!), file);
    });

    it('can be applied over them, and they again', () => {
      const { old, now } = releases();
      assert.deepEqual(applyProblems(old.everything, now.everything), []);
      assert.deepEqual(applyProblems(now.everything, old.everything), []);
    });

    it('differ in what the changelog names as not compatible, and nothing that it names is as it was', async () => {
      const { old, now } = releases();
      const changes = await interfaceChanges(old, now);
      const told = toldNames(old.about.commit).filter((word) => /^--|_|^[A-Z][A-Za-z]+ /.test(word));
      assert.deepEqual(told.sort(), changes);
    });
  },
);
