import type { LogLevel } from '../log.ts';
import { logLevels } from '../log.ts';
import { flag, httpAddress, oneOf, optionalPath } from './flags.ts';

/** Flags of every long-running command. */
export const commonFlags = {
  'http-address': flag(':9808', 'ADDRESS', 'metrics and health, HOST:PORT or :PORT; empty: off', httpAddress),
  kubeconfig: flag('', 'FILE', 'kubeconfig; empty: in-cluster configuration', optionalPath, 'KUBECONFIG'),
  'log-level': flag('info', 'LEVEL', logLevels.join(', '), oneOf<LogLevel>(logLevels)),
} as const;
