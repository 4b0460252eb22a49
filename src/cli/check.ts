import type { Command } from './command.js';

/**
 * `check`: reports whether the proxy would let a request pass, and why. Its code is in a bundle of its own, because it
 * decides with the proxy's.
 */
export const check: Command = {
  summary: 'report whether the proxy would let a request pass, and why',
  usage: async () => (await import('./check/run-check.js')).usage,
  run: async (context) => (await import('./check/run-check.js')).run(context),
};
