/** A state of the project from which upgrades are tested: `baseline.json`. */
export interface Baseline {
  /** All digits of the hash: a tag could be moved. */
  readonly commit: string;
  readonly version: string;
  readonly date: string;
  /** Folders of deploy/components that `everything.yaml` contains in addition to `deploy`. */
  readonly components: readonly string[];
  /** Versions of the packages that the bundles were made with, by name. */
  readonly packages: Readonly<Record<string, string>>;
}

/** Whether the repository's history reaches that far; a copy without it, or a shallow one, does not. */
export function hasCommit(root: string, commit: string): boolean;

/** Whether the packages that are installed are those that a baseline was made with. */
export function hasPackages(root: string, packages: Readonly<Record<string, string>>): boolean;

/**
 * Makes a baseline of a commit.
 * @returns the files by name: bundles, their licences, manifests, `baseline.json`. Kept are the first two compressed with Brotli.
 * @throws when a program of it fails, or the packages of the commit are not those installed.
 */
export function baselineOf(root: string, commit: string): ReadonlyMap<string, Buffer>;
