import type { Clock } from '../shared/clock.js';
import { CodedError, orCodedError } from '../shared/errors.js';
import { jsonMember } from '../shared/json.js';
import type { JsonObject } from '../shared/json.js';
import type { Log } from '../shared/log.js';
import type { ProxyBackend } from './backend.js';
import { JwksTokenVerifier } from './auth/jwks-token-verifier.js';
import type { CaSource } from './certificates/certificate-authority.js';
import { DirectoryCa, memoryCa } from './certificates/directory-ca.js';
import { parseSecret } from './secrets/secret-source.js';
import { caIn, caSecretName } from './ca-secret.js';
import { manifestSources } from './manifest-sources.js';
import type { Endpoint } from './tool/address-rules.js';

export interface DirectoryBackendOptions {
  readonly directory: string;
  readonly jwksFile: string;
  readonly caDirectory: string | undefined;
  readonly namespace: string;
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Returns the backend for `--connector-source directory`: everything from manifests, for demonstrations and for
 * machines without a cluster.
 */
export function directoryBackend(options: DirectoryBackendOptions): ProxyBackend {
  const { directory, namespace, audience, clock, log } = options;
  const { sources, directory: source, objects } = manifestSources(directory, namespace, log);
  const tokens = new JwksTokenVerifier({ file: options.jwksFile, audience, clock });
  const ca = caOf(options, objects);
  return {
    ...sources,
    tokens,
    ca,
    identity: () => certificateOf(ca),
    apiServerEndpoints: () => noEndpoints,
    onCaChange: undefined,
    status: undefined,
    load: () => ({ bytes: 0, rejected: 0, unconfirmedMs: 0 }),
    notice: `tokens, permissions and credentials are those of --jwks-file ${options.jwksFile} and --manifests ${directory}, not of a cluster`,
    start: () => source.start(),
    stop: () => undefined,
    problem: () => source.problem() ?? tokens.problem(),
  };
}

const noEndpoints: readonly Endpoint[] = [];

/** Returns the source of the CA: the named directory, else the Secret in the manifests, else a CA in memory. */
function caOf(
  { caDirectory, namespace, clock }: DirectoryBackendOptions,
  objects: () => readonly JsonObject[],
): CaSource {
  if (caDirectory !== undefined) return new DirectoryCa(caDirectory, clock);
  let secretObject: JsonObject | undefined;
  let ca: CaSource | undefined;
  return {
    current: () => {
      const found = objects().find(
        (object) =>
          object['kind'] === 'Secret' &&
          jsonMember(object['metadata'], 'name') === caSecretName &&
          jsonMember(object['metadata'], 'namespace') === namespace,
      );
      if (ca === undefined || found !== secretObject) {
        secretObject = found;
        const parsed = found && parseSecret(found);
        const parsedCa = parsed && caIn(parsed);
        ca = parsedCa === undefined ? memoryCa(clock) : { current: () => parsedCa };
      }
      return ca.current();
    },
  };
}

/** Returns the CA's certificate; undefined while there is no CA. */
function certificateOf(ca: CaSource): string | undefined {
  const found = orCodedError(() => ca.current());
  return found instanceof CodedError ? undefined : found.certificate;
}
