import { createHash } from 'node:crypto';
import script from './generated/activate.json' with { type: 'json' };

interface ActivateInput {
  /** Identifies the volume among those of its pod. */
  readonly volumeId: string;
  /** Value of `no_proxy`; plain (see isPlainEnvValue). */
  readonly noProxy: string;
}

/** Returns the built-in file `activate`: activate.sh with its parameters. It has no secret. */
export function activateFile({ volumeId, noProxy }: ActivateInput): string {
  const values: Readonly<Record<string, string>> = {
    mark: createHash('sha256').update(volumeId).digest('hex').slice(0, 16),
    noProxy,
    nonProxyHosts: nonProxyHosts(noProxy),
  };
  return script.replaceAll(/@([a-zA-Z]+)@/g, (text, name: string) => values[name] ?? text);
}

/** Converts `no_proxy` to a beginning of Java's `http.nonProxyHosts`, which has neither ports nor networks. */
function nonProxyHosts(noProxy: string): string {
  return noProxy
    .split(',')
    .filter((entry) => entry !== '' && !entry.includes('/'))
    .map((entry) => {
      if (entry.includes('::')) return entry.startsWith('[') ? entry : `[${entry}]`;
      return entry.replace(/:\d+$/, '').replace(/^\./, '*.');
    })
    .map((entry) => `${entry}|`)
    .join('');
}
