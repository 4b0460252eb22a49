import { forbidCoreDumps } from './shared/process/core-dumps.ts';

// On this signal Node opens its inspector, through which a client can run any code.
process.on('SIGUSR1', () => undefined);
if (process.argv[2] === 'serve' || process.argv[2] === 'proxy') await forbidCoreDumps();
await import('./program.ts');
