import { UncheckedAccess } from './approval/unchecked-access.js';
import type { DriverConfig } from './config.js';
import { DirectoryConnectors } from '../shared/connectors/directory-connectors.js';
import type { Log } from '../shared/log.js';
import { KubeletTokens } from './token/kubelet-tokens.js';
import type { Clock } from '../shared/clock.js';
import type { CsiDriverValidator } from './publish/ports.js';
import type { Backend } from './backend.js';

/**
 * Trusts the pod information of each caller of the socket: without an API server there is no CSIDriver object to
 * validate.
 */
const trustingValidator: CsiDriverValidator = {
  ensureTrustworthy: () => Promise.resolve(),
  isKnownTrustworthy: () => true,
};

/**
 * Returns the backend of `--connector-source directory`: connectors from manifests, no authorization, only tokens that
 * the kubelet passes.
 */
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
      canMint: () => false,
      isStrict: config['strict-token-expiration'],
      clock,
    }),
    csiDriver: trustingValidator,
    start: () => source.start(),
    stop: () => source.stop(),
    problem: () => source.problem(),
    load: () => ({}),
    confirmationAgeMs: () => undefined,
  };
}
