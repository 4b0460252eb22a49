import type { ConnectorRef } from '../../shared/connectors/model.js';
import { parseConnectors } from '../../driver/publish/connector-attributes.js';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../shared/names.js';
import { UsageError } from '../../shared/process/flags.js';
import { serviceAccountGroups, serviceAccountOf } from '../auth/client-identity.js';
import type { ClientIdentity, ClientPod } from '../auth/client-identity.js';

/** The value of `--as` that leaves permissions unchecked. */
const unchecked = '-';

/**
 * Parses the service account that a request is checked for.
 * @param pod the pod that its token is bound to.
 * @returns undefined for `-`: permissions are not checked.
 * @throws {UsageError}
 */
export function parseAskedClient(user: string, pod?: ClientPod): ClientIdentity | undefined {
  if (user === unchecked) return undefined;
  const account = serviceAccountOf(user);
  const isValid =
    account !== undefined &&
    dns1123LabelProblem(account.namespace) === undefined &&
    dns1123SubdomainProblem(account.name) === undefined;
  if (!isValid) {
    throw new UsageError('must be system:serviceaccount:NAMESPACE:NAME, or - to leave permissions unchecked');
  }
  const { namespace } = account;
  if (pod !== undefined && pod.namespace !== namespace) {
    throw new UsageError(
      `has namespace ${namespace}, but --pod is in ${pod.namespace}: a pod uses accounts of its own`,
    );
  }
  return {
    user,
    identity: {
      uid: '',
      groups: serviceAccountGroups(namespace),
      extra:
        pod === undefined
          ? {}
          : {
              'authentication.kubernetes.io/pod-name': [pod.name],
              'authentication.kubernetes.io/pod-uid': [pod.uid],
            },
    },
    pod,
    expiresAtMs: Infinity,
  };
}

/** Parses `NAMESPACE/NAME` of a pod. @throws {UsageError} */
export function parsePod(written: string, uid: string): ClientPod {
  const [namespace = '', name = '', ...rest] = written.split('/');
  if (rest.length > 0 || dns1123LabelProblem(namespace) !== undefined || dns1123SubdomainProblem(name) !== undefined) {
    throw new UsageError('must be NAMESPACE/NAME');
  }
  return { namespace, name, uid };
}

/**
 * Parses connectors as in the attribute of a volume.
 * @param client whose namespace is that of connectors without one.
 * @throws {UsageError}
 */
export function parseAskedConnectors(list: string, client: ClientIdentity | undefined): readonly ConnectorRef[] {
  const problems: string[] = [];
  const namespace = client === undefined ? '' : (serviceAccountOf(client.user)?.namespace ?? '');
  const refs = parseConnectors((name) => (name === 'connectors' ? list : undefined), namespace, problems);
  if (problems.length > 0) throw new UsageError(problems.join('; '));
  if (refs.some((ref) => ref.namespace === '')) throw new UsageError('must be NAMESPACE/NAME, as there is no account');
  return refs;
}
