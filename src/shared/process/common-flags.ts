import type { LogLevel } from '../log.ts';
import { logLevels } from '../log.ts';
import { UsageError, flag, httpAddress, oneOf, optionalPath } from './flags.ts';

/** Flags of every long-running command. */
export const commonFlags = {
  'http-address': flag(':9808', 'ADDRESS', 'metrics and health, HOST:PORT or :PORT; empty: off', httpAddress),
  'connector-source': flag('kubernetes', 'SOURCE', 'kubernetes or directory', oneOf(['kubernetes', 'directory'])),
  manifests: flag('', 'DIR', 'directory of YAML or JSON manifests, for --connector-source directory', optionalPath),
  kubeconfig: flag('', 'FILE', 'kubeconfig; empty: in-cluster configuration', optionalPath, 'KUBECONFIG'),
  'log-level': flag('info', 'LEVEL', logLevels.join(', '), oneOf<LogLevel>(logLevels)),
} as const;

/**
 * Checks the flags that belong to `--connector-source directory`. Without that source they are an error: ignoring a
 * flag would surprise, and using it would bypass authorization by the API server.
 * @param names flags, each with whether the source requires it and the placeholder of its value.
 * @throws {UsageError}
 */
export function ensureFlagsOfDirectory(
  config: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, { readonly value: string; readonly isNeeded: boolean }>>,
): void {
  const isFromDirectory = config['connector-source'] === 'directory';
  for (const [name, { value, isNeeded }] of Object.entries(names)) {
    const isGiven = config[name] !== undefined;
    if (isFromDirectory && isNeeded && !isGiven) {
      throw new UsageError(`--connector-source directory needs --${name} ${value}`);
    }
    if (!isFromDirectory && isGiven) throw new UsageError(`--${name} ${value} needs --connector-source directory`);
  }
}
