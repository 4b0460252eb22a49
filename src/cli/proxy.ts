import type { Command } from '../shared/command/command.js';

/**
 * `proxy`: runs the Connectors proxy until a signal stops it. Its code is in a bundle of its own, which the driver
 * never loads.
 */
export const proxy: Command = {
  summary: 'run the Connectors proxy',
  usage: async () => (await import('../proxy/command.js')).usage,
  run: async (context) => (await import('../proxy/command.js')).run(context),
};
