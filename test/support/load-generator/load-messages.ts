import type { VolumeIdentity } from '../driver/test-volume.ts';

/** Pods that are all alike. */
export interface LoadPod {
  readonly identity: VolumeIdentity;
  readonly volumes: number;
  /** `{volume}` in a value stands for the volume's number. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Of the Secret that the volumes name. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** What a Hoarder publishes, first and then. */
export interface HoardedFiles {
  readonly namespace: string;
  /** Attributes of a volume with a large file. */
  readonly large: Readonly<Record<string, string>>;
  readonly small: Readonly<Record<string, string>>;
  /** Name of the large one. */
  readonly file: string;
}

/** Milliseconds, see VolumeSettings. */
export interface LoadTiming {
  readonly republishMs: number;
  readonly callTimeoutMs: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

export type LoadCommand =
  | {
      readonly kind: 'run';
      readonly kubeletDir: string;
      readonly socketPath: string;
      readonly pods: readonly LoadPod[];
      readonly timing: LoadTiming;
    }
  | {
      readonly kind: 'hoard';
      readonly kubeletDir: string;
      readonly socketPath: string;
      readonly files: HoardedFiles;
    }
  | { readonly kind: 'report' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'tear-down' };

export interface LoadReport {
  readonly attempts: number;
  /** Volumes that were published at least once. */
  readonly published: number;
  /** Milliseconds of each successful publish. */
  readonly tookMs: readonly number[];
  /** Files that a Hoarder has open. */
  readonly hoarded: number;
  /** Messages of failed publishes with how often each came, the most frequent first. */
  readonly events: readonly (readonly [string, number])[];
}
