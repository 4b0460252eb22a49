import { UncheckedAccess } from '../access/unchecked-access.js';
import type { DriverConfig } from './config.js';
import { DirectoryConnectors } from '../connectors/directory-connectors.js';
import type { Log } from '../log.js';
import { KubeletTokens } from './token/kubelet-tokens.js';
import type { Clock } from '../clock.js';
import type { CsiDriverValidator } from './volume/ports.js';
import type { Backend } from './backend.js';

/** Without an API server there is no CSIDriver object to read: whoever reaches the socket is the kubelet. */
const trustingGuard: CsiDriverValidator = {
  ensureTrustworthy: () => Promise.resolve(),
  isKnownTrustworthy: () => true,
};

/** `--connector-source directory`: connectors from manifests, no authorization, tokens only as the kubelet passes them. */
export function directoryBackend(config: DriverConfig, directory: string, log: Log, clock: Clock): Backend {
  const source = new DirectoryConnectors({
    directory,
    namespace: config.namespace,
    notFoundWaitMs: config['not-found-wait'],
    log,
  });
  return {
    source,
    access: new UncheckedAccess(),
    tokens: new KubeletTokens({
      origin: () => 'either',
      minter: undefined,
      mayMint: () => false,
      isStrict: config['strict-token-expiration'],
      clock,
    }),
    guard: trustingGuard,
    start: () => source.start(),
    stop: () => source.stop(),
    problem: () => source.problem(),
    load: () => ({}),
    confirmationAgeMs: () => undefined,
    cachedObjects: () => ({}),
  };
}
