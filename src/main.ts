import { writeFileSync } from 'node:fs';
import { forbidCoreDumps } from './shared/process/core-dumps.js';

/** Names the process for `ps` and `top`, where it would be `node`. */
function nameProcess(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Without a writable /proc the name stays.
  }
}

// On this signal Node opens its inspector, through which a client can run any code.
process.on('SIGUSR1', () => undefined);
if (process.argv[2] === 'serve' || process.argv[2] === 'proxy') {
  nameProcess('connectors-csi');
  await forbidCoreDumps();
}
await import('./program.js');
