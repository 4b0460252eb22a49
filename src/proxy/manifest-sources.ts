import { DirectoryConnectors } from '../shared/connectors/directory-connectors.js';
import { ManifestDirectory } from '../shared/connectors/manifest-directory.js';
import { parseObjects } from '../shared/connectors/manifest-file.js';
import type { ResolvedConnector } from '../shared/connectors/model.js';
import { CodedError } from '../shared/errors.js';
import type { JsonObject } from '../shared/json.js';
import type { Log } from '../shared/log.js';
import { silentLog } from '../shared/log.js';
import type { DecisionSources } from './backend.js';
import { ManifestApprovals } from './auth/manifest-approvals.js';
import { ManifestRbacAuthorizer } from './auth/manifest-rbac-authorizer.js';
import type { ConnectorLookup } from './connectors/connector-lookup.js';
import { ManifestSecrets } from './secrets/manifest-secrets.js';

export interface ManifestSources {
  readonly sources: DecisionSources;
  readonly directory: DirectoryConnectors;
  /** Returns the current objects of all kinds: the same array until they change. */
  readonly objects: () => readonly JsonObject[];
}

/**
 * Creates what decides about requests with a directory of manifests.
 * @param namespace the proxy's.
 */
export function manifestSources(directory: string, namespace: string, log: Log): ManifestSources {
  const source = new DirectoryConnectors({ directory, namespace, notFoundWaitMs: 0, log });
  // The source of connectors logs problems of the same files.
  const manifests = new ManifestDirectory({ directory, parse: parseObjects, log: silentLog });
  const objects = flattened(() => manifests.read());
  return {
    sources: {
      authorizer: new ManifestRbacAuthorizer(objects),
      approvals: new ManifestApprovals(objects),
      flags: () => source.flags(),
      connectors: lookupIn(source),
      secrets: new ManifestSecrets(objects, namespace),
    },
    directory: source,
    objects,
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

/** The owner of lookups, without effect: the directory has no limit that namespaces share. */
const noOwner = { namespace: '', podUid: '' };

function lookupIn(source: DirectoryConnectors): ConnectorLookup {
  return {
    find: async (ref, signal): Promise<ResolvedConnector | undefined> => {
      try {
        const [found] = await source.resolve([ref], { owner: noOwner, signal, releaseSlotWhile: (wait) => wait() });
        return found;
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== 'NOT_FOUND') throw error;
        if (!source.connectorNames().includes(`${ref.namespace}/${ref.name}`)) return undefined;
        // Its class is missing.
        throw new CodedError('FAILED_PRECONDITION', error.message, { cause: error });
      }
    },
  };
}
