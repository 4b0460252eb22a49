import type { Command } from './command.js';

/** `proxy`: the Connectors proxy, until it is told to stop. Its code is in a bundle of its own, which the driver never loads. */
export const proxy: Command = {
  summary: 'run the Connectors proxy',
  usage: async () => (await import('../proxy/command.js')).usage,
  run: async (context) => (await import('../proxy/command.js')).run(context),
};
