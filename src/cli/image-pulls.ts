import type { Command } from '../shared/command/command.js';

/** More than writing a few files takes, and less than the pod's grace period. */
const endMs = 5_000;

/**
 * `image-pulls`: writes or removes the files of a node for image pulls. Its code is in a bundle of its own, which the
 * driver never loads.
 */
export const imagePulls: Command = {
  summary: 'write or remove the files of a node for image pulls',
  endMs,
  usage: async () => (await import('../image-pulls/run-image-pulls.js')).usage,
  run: async (context) => (await import('../image-pulls/run-image-pulls.js')).run(context),
};
