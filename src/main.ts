import { writeFileSync } from 'node:fs';
import { dropCapabilities } from './driver/host/drop-capabilities.js';
import { parseServeConfig } from './driver/config.js';
import { forbidCoreDumps } from './process/core-dumps.js';

/** Set in the environment of a program that was started anew, so that it does not start itself again and again. */
const confinedVariable = 'CONNECTORS_CSI_CONFINED';

/** Whether this is a driver that is to give up capabilities; what cannot be used is for the program to tell. */
function isToBeConfined([command, ...args]: readonly string[]): boolean {
  if (command !== 'serve' || process.env[confinedVariable] !== undefined) return false;
  try {
    return parseServeConfig(args, process.env)['drop-capabilities'];
  } catch {
    return false;
  }
}

/** Names the process for `ps` and `top`: a program that was executed through a link has the link's name, `exe`. */
function nameProcess(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Where /proc cannot be written, the name stays.
  }
}

// Node opens its inspector at this signal, through which a client can run any code.
process.on('SIGUSR1', () => undefined);
// Before the rest is loaded, which takes twice as long as Node's own start.
if (isToBeConfined(process.argv.slice(2))) {
  process.env[confinedVariable] = 'true';
  await dropCapabilities([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
}
if (process.argv[2] === 'serve' || process.argv[2] === 'proxy') {
  nameProcess('connectors-csi');
  await forbidCoreDumps();
}
await import('./program.js');
