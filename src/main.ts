import { writeFileSync } from 'node:fs';
import { dropCapabilities } from './driver/host/drop-capabilities.js';
import { parseServeConfig } from './driver/config.js';
import { forbidCoreDumps } from './process/core-dumps.js';

/** Environment variable that marks a restarted program, so that it does not restart itself in a loop. */
const restartedVariable = 'CONNECTORS_CSI_CONFINED';

/**
 * Reports whether this is a driver that must drop capabilities. Invalid flags are left to the program, which reports
 * them.
 */
function mustDropCapabilities([command, ...args]: readonly string[]): boolean {
  if (command !== 'serve' || process.env[restartedVariable] !== undefined) return false;
  try {
    return parseServeConfig(args, process.env)['drop-capabilities'];
  } catch {
    return false;
  }
}

/** Names the process for `ps` and `top`. A program that was executed through a link has the link's name, `exe`. */
function nameProcess(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Without a writable /proc the name stays.
  }
}

// On this signal Node opens its inspector, through which a client can run any code.
process.on('SIGUSR1', () => undefined);
// Restarts before the rest is loaded, which takes twice as long as the start of Node.
if (mustDropCapabilities(process.argv.slice(2))) {
  process.env[restartedVariable] = 'true';
  await dropCapabilities([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
}
if (process.argv[2] === 'serve' || process.argv[2] === 'proxy') {
  nameProcess('connectors-csi');
  await forbidCoreDumps();
}
await import('./program.js');
