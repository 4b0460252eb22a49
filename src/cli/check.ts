import type { Command } from '../shared/command/command.js';

/**
 * `check`: reports whether the proxy would let a request pass, and why. Its code is in a bundle of its own, because it
 * decides with the proxy's.
 */
export const checkCommand: Command = {
  summary: 'report whether the proxy would let a request pass, and why',
  usage: async () => (await import('../proxy/check/run-check.js')).usage,
  run: async (context) => (await import('../proxy/check/run-check.js')).run(context),
};
