import type { AccessQuestion, AccessRules } from './access-rules.ts';
import type { Identities, User } from './identities.ts';
import { field, textField } from './json-fields.ts';
import { resourceByPlural } from './object-store.ts';
import type { ObjectStore } from './object-store.ts';
import type { RequestAttributes } from './request-attributes.ts';
import { notFound } from './status.ts';

/** SubjectAccessReview and, with the caller's own identity, SelfSubjectAccessReview. */
export function reviewAccess(rules: AccessRules, caller: User, body: unknown, isSelf: boolean): unknown {
  const spec = field(body, 'spec');
  const groups = field(spec, 'groups');
  const user = isSelf
    ? caller
    : { name: textField(spec, 'user'), groups: Array.isArray(groups) ? groups.map(String) : [] };
  const question = questionOf(spec);
  const allowed = rules.isAllowed(user, question);
  const reason = allowed ? 'RBAC: allowed by a rule of the test server' : '';
  return { ...Object(body), metadata: { creationTimestamp: null }, status: { allowed, ...(reason ? { reason } : {}) } };
}

function questionOf(spec: unknown): AccessQuestion {
  const resource = field(spec, 'resourceAttributes');
  const text = (key: string): string => textField(resource, key);
  return {
    verb: text('verb'),
    group: text('group'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

/** TokenRequest: POST serviceaccounts/NAME/token. */
export function requestToken(
  store: ObjectStore,
  identities: Identities,
  { namespace, name }: RequestAttributes,
  body: unknown,
): unknown {
  const accounts = resourceByPlural('serviceaccounts');
  const account = store.get(accounts, { namespace, name });
  if (!account) throw notFound(accounts, name);
  const spec = field(body, 'spec');
  const audiences = field(spec, 'audiences');
  const expirationSeconds = Number(field(spec, 'expirationSeconds') ?? 3600);
  const pod = field(spec, 'boundObjectRef');
  const issued = identities.issueServiceAccount({
    namespace,
    name,
    uid: account.metadata.uid,
    expirationSeconds,
    ...(pod === undefined ? {} : { pod: { name: textField(pod, 'name'), uid: textField(pod, 'uid') } }),
    ...(Array.isArray(audiences) && audiences.length > 0 ? { audiences: audiences.map(String) } : {}),
  });
  return { ...Object(body), metadata: { name, namespace, creationTimestamp: null }, status: issued };
}

/** TokenReview: authenticated when the token was signed here for one of the audiences asked about. */
export function reviewToken(identities: Identities, body: unknown): unknown {
  const spec = field(body, 'spec');
  const audiences = field(spec, 'audiences');
  const asked = Array.isArray(audiences) ? audiences.map(String) : [];
  const token = textField(spec, 'token');
  const found = identities.review(token, asked);
  // As the API server has it, the token is not in the answer.
  const status = found ?? { authenticated: false, error: 'token is not valid for the audiences' };
  return { ...Object(body), spec: {}, metadata: { creationTimestamp: null }, status };
}
