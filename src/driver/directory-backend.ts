import type { DriverConfig } from './config.ts';
import { DirectorySource } from './connectors/directory-source.ts';
import { CodedError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { KubeletTokens } from './token/kubelet-tokens.ts';
import type { Clock } from '../shared/clock.ts';
import type { AccessControl, AuthorizationRequest, CsiDriverValidator } from './publish/ports.ts';
import type { Backend } from './backend.ts';

/**
 * Trusts the pod information of each caller of the socket: without an API server there is no CSIDriver object to
 * validate.
 */
const trustingValidator: CsiDriverValidator = {
  ensureTrustworthy: () => Promise.resolve(),
  isKnownTrustworthy: () => true,
};

const isUnchecked = ({ flags }: AuthorizationRequest): boolean => !flags.connectorProxyPermissions;

/**
 * Without an API server every volume on this machine can use every connector of the directory. A flag that requires a
 * check is an error.
 */
const uncheckedAccess: AccessControl = {
  authorize: (request) =>
    isUnchecked(request)
      ? Promise.resolve({ kind: 'allowed' })
      : Promise.reject(
          new CodedError(
            'FAILED_PRECONDITION',
            'enable-connector-proxy-permissions needs the Kubernetes API: set it to "false" in ConfigMap connectors-config, or run with --connector-source kubernetes',
          ),
        ),
  isAnsweredSoon: () => Promise.resolve(true),
  isKnownDenied: () => false,
  isKnownAllowed: isUnchecked,
  approvalStates: () => [],
  onChange: () => undefined,
  retain: () => undefined,
  release: () => undefined,
};

/**
 * Returns the backend of `--connector-source directory`: connectors from manifests, no authorization, only tokens that
 * the kubelet passes.
 */
export function directoryBackend(config: DriverConfig, directory: string, log: Log, clock: Clock): Backend {
  const source = new DirectorySource({
    directory,
    namespace: config.namespace,
    notFoundWaitMs: config['not-found-wait'],
    log,
  });
  return {
    source,
    access: uncheckedAccess,
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
