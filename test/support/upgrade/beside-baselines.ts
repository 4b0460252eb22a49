import { missingPrograms } from '../e2e/programs.js';
import { baselineNames, thisRelease, unpackBaseline } from './release.js';
import type { OldRelease, Release } from './release.js';

export interface Releases {
  readonly old: OldRelease;
  readonly now: Release;
}

/**
 * Describes what is here now beside each baseline.
 * @param tests of one baseline; what it is given is there once they run.
 */
export function besideBaselines(title: (name: string) => string, tests: (releases: () => Releases) => void): void {
  for (const name of baselineNames) {
    describe(title(name), () => {
      let releases: Releases | undefined;
      let remove = (): void => undefined;
      before(async function () {
        if (missingPrograms('kubectl').length > 0) {
          console.log('      skipped: it needs kubectl');
          this.skip();
        }
        const unpacked = unpackBaseline(name);
        remove = unpacked.remove;
        releases = { old: unpacked.release, now: await thisRelease(unpacked.release.about) };
      });
      after(() => {
        remove();
      });

      tests(() => {
        if (releases === undefined) throw new Error('the releases are there once tests run');
        return releases;
      });
    });
  }
}
