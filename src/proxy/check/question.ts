import { METHODS } from 'node:http';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { parseConnectors } from '../../driver/publish/connector-attributes.ts';
import { serviceAccountGroups, serviceAccountOf } from '../../shared/access/permission.ts';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../shared/names.ts';
import { UsageError } from '../../shared/process/flags.ts';
import type { ClientIdentity, ClientPod } from '../auth/ports.ts';

/** The parts of a request that decide. */
interface AskedRequest {
  readonly method: string;
  /** An http or https URL, or a path on the host of the Connector's address. With its query. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** A request to check, with its client. */
export interface Question {
  /** In the order of the volume. */
  readonly connectors: readonly ConnectorRef[];
  /** Undefined: permissions are not checked. */
  readonly client: ClientIdentity | undefined;
  readonly request: AskedRequest;
  /** Whether the credential and the CA must be usable. */
  readonly needsCredential: boolean;
}

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
    const message = `has namespace ${namespace}, but --pod is in ${pod.namespace}: a pod uses service accounts of its own`;
    throw new UsageError(message);
  }
  return {
    user,
    account,
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
  const namespace = client?.account?.namespace ?? '';
  const refs = parseConnectors((name) => (name === 'connectors' ? list : undefined), namespace, problems);
  if (problems.length > 0) throw new UsageError(problems.join('; '));
  if (refs.some((ref) => ref.namespace === '')) throw new UsageError('must be NAMESPACE/NAME: - has no namespace');
  return refs;
}

const header = /^([!#$%&'*+\-.^_`|~\w]+):(\S+)$/;

/**
 * Parses `METHOD PATH` or `METHOD URL`, with headers as `NAME:VALUE` after it.
 * @throws {UsageError}
 */
export function parseAskedRequest(words: readonly string[]): AskedRequest {
  const [method = '', target = '', ...rest] = words;
  if (!METHODS.includes(method) || method === 'CONNECT') {
    throw new UsageError(`must begin with a method of HTTP in upper case such as GET, not "${method}"`);
  }
  if (!/^(?:\/|https?:\/\/[^/])/i.test(target)) {
    throw new UsageError(`must have a path that begins with /, or an http or https URL, not "${target}"`);
  }
  const [character] = /[^!-~]/u.exec(target) ?? [];
  // Node's parser rejects it.
  if (character !== undefined) throw new UsageError(`has "${character}" in its path: write ${encodeURI(character)}`);
  const headers = rest.flatMap((word) => {
    const [, name = '', value = ''] = header.exec(word) ?? [];
    if (name === '') throw new UsageError(`has "${word}" after its path: write a header as NAME:VALUE`);
    return [name, value];
  });
  return { method, target, headers };
}

/** Splits text at white space. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** Names the value in a mistake of it. @throws {UsageError} */
export function named<T>(what: string, value: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${what} ${JSON.stringify(value)} ${error.message}`);
  }
}
