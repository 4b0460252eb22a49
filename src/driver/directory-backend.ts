import { sleep } from '../shared/abortable.ts';
import type { Clock } from '../shared/clock.ts';
import { DirectoryConnectors } from '../shared/connectors/directory-connectors.ts';
import type { DirectoryConnectorsOptions } from '../shared/connectors/directory-connectors.ts';
import { CodedError, orCodedError, orThrow } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import type { Log } from '../shared/log.ts';
import type { Backend } from './backend.ts';
import type { DriverConfig } from './config.ts';
import type { AuthorizationRequest, ConnectorSource } from './publish/ports.ts';
import { KubeletTokens } from './token/kubelet-tokens.ts';

const isUnchecked = ({ flags }: AuthorizationRequest): boolean => !flags.connectorProxyPermissions;

/**
 * Returns the backend of `--connector-source directory`: connectors from manifests, and only tokens that the kubelet passes.
 *
 * Without an API server every volume on this machine can use every connector of the directory, so a flag that requires a
 * check is an error. There is no CSIDriver object either, so the pod information of each caller of the socket is trusted.
 */
export function directoryBackend(config: DriverConfig, directory: string, log: Log, clock: Clock): Backend {
  const { namespace, 'not-found-wait': notFoundWaitMs, 'strict-token-expiration': isStrict } = config;
  const source = directorySource({ directory, namespace, log }, notFoundWaitMs);
  return {
    source,
    access: {
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
    },
    tokens: new KubeletTokens({
      origin: () => 'either',
      minter: undefined,
      canMint: () => false,
      isStrict,
      clock,
    }),
    csiDriver: { ensureTrustworthy: () => Promise.resolve(), isKnownTrustworthy: () => true },
    start: () => source.start(),
    stop: () => source.stop(),
    problem: () => source.problem(),
    load: () => ({}),
    confirmationAgeMs: () => undefined,
  };
}

const pollMs = 50;
/** Interval of the checks for changes in milliseconds. */
const checkIntervalMs = 1000;

interface DirectorySource extends ConnectorSource, Pick<Backend, 'start' | 'stop' | 'problem'> {}

/**
 * Returns a directory of manifests as the source of the driver. It is in memory, so nothing is acquired or retained.
 * @param notFoundWaitMs milliseconds to wait for an object that does not exist yet.
 */
export function directorySource(options: DirectoryConnectorsOptions, notFoundWaitMs: number): DirectorySource {
  const connectors = new DirectoryConnectors(options);
  let onChange: () => void = () => undefined;
  let seen: readonly JsonObject[] | undefined;
  let timer: NodeJS.Timeout | undefined;
  const unlessFailed = <T>(read: () => T | CodedError): T | undefined => {
    const found = orCodedError(read);
    return found instanceof CodedError ? undefined : found;
  };
  const check = (): void => {
    const objects = unlessFailed(() => connectors.objects());
    // Calls that need the directory report that it is unreadable.
    if (objects === undefined || objects === seen) return;
    seen = objects;
    onChange();
  };
  return {
    start: () => (timer = setInterval(check, checkIntervalMs).unref()),
    stop: () => clearInterval(timer),
    problem: () => connectors.problem(),
    onChange: (listener) => (onChange = listener),
    acquire: () => () => undefined,
    resolve: async (refs, slot) => {
      const endMs = slot.isBackground === true ? 0 : performance.now() + notFoundWaitMs;
      for (;;) {
        const found = connectors.find(refs);
        const isMissing = found instanceof CodedError && found.code === 'NOT_FOUND';
        if (!isMissing || performance.now() >= endMs) return orThrow(found);
        await slot
          .releaseWhile(() => sleep(pollMs, slot.signal))
          .catch((reason: unknown) => {
            // The caller's deadline passed before the wait did: the missing object is the better error.
            throw reason instanceof CodedError && reason.code === 'DEADLINE_EXCEEDED' ? found : reason;
          });
      }
    },
    peek: (refs) => unlessFailed(() => connectors.find(refs)),
    retain: () => undefined,
    release: () => undefined,
    flags: async () => Promise.resolve(connectors.flags()),
    peekFlags: () => unlessFailed(() => connectors.flags()),
  };
}
