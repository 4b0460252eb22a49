import { accessRequests, isAbout } from '../shared/access/access-request.ts';
import { approvalStateOf } from '../shared/access/approval-state.ts';
import { DirectoryConnectors } from '../shared/connectors/directory-connectors.ts';
import { CodedError, orThrow } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import { jsonMember, jsonText } from '../shared/json.ts';
import { parsedOnce } from '../shared/per-object.ts';
import type { Log } from '../shared/log.ts';
import type { DecisionSources } from './backend.ts';
import { manifestRbacAuthorizer } from './auth/manifest-rbac-authorizer.ts';
import type { PodApprovals } from './auth/ports.ts';
import type { ConnectorLookup } from './connectors/connector-informer.ts';
import { caLabel, parseSecret } from './secrets/secret-source.ts';
import type { SecretObject, SecretSource } from './secrets/secret-source.ts';
import { objectKey } from '../shared/names.ts';

interface ManifestSources {
  readonly sources: DecisionSources;
  readonly directory: DirectoryConnectors;
}

/** Returns the current objects of all kinds. */
type Objects = () => readonly JsonObject[];

/**
 * Creates what decides about requests with a directory of manifests.
 * @param namespace the proxy's.
 */
export function manifestSources(directory: string, namespace: string, log: Log): ManifestSources {
  const source = new DirectoryConnectors({ directory, namespace, log });
  const objects = (): readonly JsonObject[] => source.objects();
  return {
    sources: {
      authorizer: manifestRbacAuthorizer(objects),
      approvals: approvalsIn(objects),
      flags: () => source.flags(),
      connectors: lookupIn(source),
      secrets: secretsIn(objects, namespace),
      subjectTokens: undefined,
    },
    directory: source,
  };
}

function approvalsIn(objects: Objects): PodApprovals {
  return {
    isGranted: (subject) =>
      Promise.resolve(
        objects().some(
          (object) =>
            object['apiVersion'] === accessRequests.apiVersion &&
            object['kind'] === accessRequests.kind &&
            isAbout(subject, object) &&
            approvalStateOf(object).kind === 'granted',
        ),
      ),
  };
}

function secretsIn(objects: Objects, namespace: string): SecretSource {
  /** Credentials and trust stores are cached with the parsed Secret as key. */
  const parsed = parsedOnce(parseSecret);
  const secrets = (isWanted: (object: JsonObject) => boolean): readonly SecretObject[] =>
    objects()
      .filter((object) => object['kind'] === 'Secret' && object['apiVersion'] === 'v1' && isWanted(object))
      .map((object) => orThrow(parsed(object)));
  const isIn = ({ metadata = null }: JsonObject, wanted: string): boolean => jsonText(metadata, 'namespace') === wanted;
  return {
    get: (ref) =>
      secrets((object) => isIn(object, ref.namespace) && jsonText(object['metadata'], 'name') === ref.name).at(0),
    // Nothing is cached.
    expire: () => undefined,
    labelledCas: () =>
      secrets(
        (object) => isIn(object, namespace) && jsonText(jsonMember(object['metadata'], 'labels'), caLabel) === 'true',
      ),
  };
}

function lookupIn(source: DirectoryConnectors): ConnectorLookup {
  return {
    find: (ref) => {
      const found = source.find([ref]);
      if (!(found instanceof CodedError)) return found[0];
      if (found.code !== 'NOT_FOUND') throw found;
      if (!source.connectorNames().includes(objectKey(ref))) return undefined;
      // Its class is missing.
      throw new CodedError('FAILED_PRECONDITION', found.message, { cause: found });
    },
  };
}
