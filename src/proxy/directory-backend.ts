import type { Clock } from '../clock.js';
import { DirectoryConnectors } from '../connectors/directory-connectors.js';
import { ManifestDirectory } from '../connectors/manifest-directory.js';
import { parseObjects } from '../connectors/manifest-file.js';
import type { ResolvedConnector } from '../connectors/model.js';
import { CodedError } from '../errors.js';
import { jsonMember } from '../json.js';
import type { JsonObject } from '../json.js';
import type { Log } from '../log.js';
import { silentLog } from '../log.js';
import type { ProxyBackend } from './backend.js';
import { JwksTokenVerifier } from './auth/jwks-token-verifier.js';
import { ManifestApprovals } from './auth/manifest-approvals.js';
import { ManifestRbacAuthorizer } from './auth/manifest-rbac-authorizer.js';
import type { CaSource } from './certificates/certificate-authority.js';
import { DirectoryCa, memoryCa } from './certificates/directory-ca.js';
import type { ConnectorLookup } from './credential/connector-lookup.js';
import { ManifestSecrets } from './credential/manifest-secrets.js';
import { parseSecret } from './credential/secret-source.js';
import { caIn, caSecretName } from './ca-secret.js';
import type { Endpoint } from './upstream/endpoint-set.js';

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
  const source = new DirectoryConnectors({
    directory,
    namespace,
    notFoundWaitMs: 0,
    consequence: 'no request can be served',
    log,
  });
  const manifests = new ManifestDirectory({
    directory,
    parse: parseObjects,
    errorsIn: () => [],
    consequence: 'no request can be served',
    // The source of connectors logs problems of the same files.
    log: silentLog,
  });
  const objects = flattened(() => manifests.read());
  const tokens = new JwksTokenVerifier({ file: options.jwksFile, audience, clock });
  const ca = caOf(options, objects);
  return {
    tokens,
    authorizer: new ManifestRbacAuthorizer(objects),
    approvals: new ManifestApprovals(objects),
    flags: () => source.flags(),
    connectors: lookupIn(source),
    secrets: new ManifestSecrets(objects, namespace),
    ca,
    identity: () => certificateOf(ca),
    apiServerEndpoints: () => noEndpoints,
    onCaChange: undefined,
    status: undefined,
    load: () => ({ bytes: 0, rejected: 0 }),
    notice: `tokens, permissions and credentials are those of --jwks-file ${options.jwksFile} and --manifests ${directory}, not of a cluster`,
    start: () => source.start(),
    stop: () => undefined,
    problem: () => source.problem() ?? tokens.problem(),
  };
}

/** Returns a function for the objects of all files: the same array until they change. */
function flattened(read: () => readonly (readonly JsonObject[])[]): () => readonly JsonObject[] {
  let contents: readonly (readonly JsonObject[])[] = [];
  let objects: readonly JsonObject[] = [];
  return () => {
    const now = read();
    if (now !== contents) {
      contents = now;
      objects = now.flat();
    }
    return objects;
  };
}

const noEndpoints: readonly Endpoint[] = [];

/** The owner of lookups, without effect: the directory has no limit that namespaces share. */
const noOwner = { namespace: '', podUid: '' };

function lookupIn(source: DirectoryConnectors): ConnectorLookup {
  return {
    find: async (ref, signal): Promise<ResolvedConnector | undefined> => {
      try {
        const [found] = await source.resolve([ref], { owner: noOwner, signal, releaseSlotWhile: (wait) => wait() });
        return found;
      } catch (error) {
        if (error instanceof CodedError && error.code === 'NOT_FOUND') return undefined;
        throw error;
      }
    },
  };
}

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
  try {
    return ca.current().certificate;
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
