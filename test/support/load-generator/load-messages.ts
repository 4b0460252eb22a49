import type { VolumeIdentity } from '../driver/test-volume.ts';

/** Pods that are all alike. */
export interface LoadPod {
  readonly identity: VolumeIdentity;
  readonly volumes: number;
  /** `{volume}` in a value stands for the volume's number. */
  readonly attributes: Readonly<Record<string, string>>;
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
  | { readonly kind: 'report' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'tear-down' };

export interface LoadReport {
  readonly attempts: number;
  /** Volumes that were published at least once. */
  readonly published: number;
  /** Messages of failed publishes with how often each came, the most frequent first. */
  readonly events: readonly (readonly [string, number])[];
}
