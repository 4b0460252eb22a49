import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { JsonObject } from '../../../src/shared/json.ts';
import { parseConnectorClass } from '../../../src/shared/connectors/parse-connector-class.ts';
import { decide } from '../../../src/proxy/rules/decision.ts';
import { rulesOf } from '../../../src/proxy/rules/request-rules.ts';
import { chartFile } from '../../support/deploy/manifests.ts';
import { requestForRules } from '../../support/rules/rule-sets.ts';

interface Requests {
  readonly denied: readonly string[];
  readonly allowed: readonly string[];
}

/** Requests for new credentials, and requests of the programs that the class is for. */
const requests: Readonly<Record<string, Requests>> = {
  git: {
    denied: [
      'POST /api/v1/users/robot/tokens',
      'POST /gitea/api/v1/user/keys',
      'POST /api/v1/repos/a/b/keys',
      'POST /api/v1/user/applications/oauth2',
      'GET /api/v1/repos/a/b/actions/runners/registration-token',
      'GET /api/v1/admin/actions/runners/registration-token',
      'PUT /rest/access-tokens/1.0/users/robot',
      'GET /v2/token?service=container_registry',
      'POST /rest/ssh/latest/keys',
    ],
    allowed: [
      'GET /a/b.git/info/refs?service=git-receive-pack',
      'POST /a/b.git/git-receive-pack',
      'POST /a/b.git/info/lfs/objects/batch',
      'POST /api/v1/repos/a/b/pulls',
      'GET /api/v1/users/robot/tokens',
    ],
  },
  github: {
    denied: [
      'POST /user/keys',
      'POST /api/v3/user/keys',
      'POST /repos/a/b/keys',
      'POST /app/installations/1/access_tokens',
      'PATCH /applications/x/token',
      'POST /applications/x/token/scoped',
      'POST /orgs/a/actions/runners/registration-token',
      'POST /repos/a/b/actions/runners/generate-jitconfig',
    ],
    allowed: [
      'POST /user/keys/git-upload-pack',
      'POST /a/b.git/git-receive-pack',
      'POST /repos/a/b/pulls',
      'POST /graphql',
      'GET /user/keys',
    ],
  },
  gitlab: {
    denied: [
      'POST /api/v4/personal_access_tokens/self/rotate',
      'POST /api/v4/user/personal_access_tokens',
      'POST /api/v4/users/7/personal_access_tokens.json',
      'POST /gitlab/api/v4/users/7/impersonation_tokens',
      'POST /api/v4/projects/7/access_tokens',
      'POST /api/v4/projects/team%2Fapp/access_tokens/1/rotate',
      'POST /api/v4/groups/team/access_tokens',
      'POST /api/v4/groups/1/service_accounts/2/personal_access_tokens',
      'POST /api/v4/projects/1/deploy_tokens',
      'POST /api/v4/projects/1/deploy_keys',
      'POST /api/v4/user/keys',
      'POST /api/v4/user/runners',
      'POST /api/v4/runners',
      'POST /api/v4/runners/1/reset_authentication_token',
      'POST /api/v4/projects/1/runners/reset_registration_token',
      'POST /api/v4/projects/1/triggers',
      'POST /api/v4/applications',
      'POST /api/graphql',
      'GET /jwt/auth?service=container_registry',
    ],
    allowed: [
      'GET /api/v4/user',
      'GET /api/v4/personal_access_tokens/self',
      'POST /api/v4/projects/team%2Fapp/merge_requests',
      'POST /a/b.git/git-receive-pack',
      'PUT /api/v4/projects/1/packages/generic/app/1.0/file',
      'POST /api/v4/projects/1/releases',
      'GET /api/graphql?query={currentUser{id}}',
      'GET /api/v4/projects/team%2Fapp/repository/files/lib%2Fkey%2Erb/raw',
    ],
  },
  harbor: {
    denied: [
      'POST /api/v2.0/robots',
      'PATCH /api/v2.0/robots/1',
      'POST /api/v2.0/projects/library/robots',
      'PUT /api/v2.0/users/3/cli_secret',
      'PUT /api/v2.0/users/3/password',
      'GET /service/token?service=harbor-registry&scope=repository:library/app:pull',
      'POST /api/v2.0/users',
    ],
    allowed: [
      'PUT /v2/library/app/manifests/1.0',
      'POST /v2/library/app/blobs/uploads/',
      'POST /api/v2.0/projects',
      'GET /api/v2.0/robots',
      'GET /api/v2.0/projects/library/repositories/a%252Fb/artifacts',
    ],
  },
  jfrog: {
    denied: [
      'POST /artifactory/api/security/token',
      'GET /artifactory/api/security/apiKey',
      'GET /artifactory/api/security/encryptedPassword',
      'POST /access/api/v1/tokens',
      'GET /artifactory/api/npm/auth',
      'GET /artifactory/api/docker/local/v2/token',
      'GET /artifactory/api/npm/npm-local/auth/scope',
      'PUT /artifactory/api/npm/npm-local/-/user/org.couchdb.user:robot',
    ],
    allowed: [
      'GET /artifactory/api/npm/npm-local/left-pad',
      'GET /artifactory/api/npm/npm-local/auth',
      'GET /artifactory/api/npm/npm-local/auth/-/auth-1.0.0.tgz',
      'PUT /artifactory/api/npm/npm-local/left-pad',
      'PUT /artifactory/libs-release/a/b/1.0/b-1.0.jar',
    ],
  },
  k8s: {
    denied: [
      'POST /api/v1/namespaces/a/serviceaccounts/b/token',
      'POST /k8s/clusters/c/api/v1/namespaces/a/serviceaccounts/b/token?dryRun=All',
      'POST /apis/certificates.k8s.io/v1/certificatesigningrequests',
    ],
    allowed: [
      'POST /api/v1/namespaces/a/pods',
      'GET /api/v1/namespaces/a/serviceaccounts/b',
      'PATCH /apis/apps/v1/namespaces/a/deployments/b',
    ],
  },
  nexus: {
    denied: [
      'POST /service/rest/v1/security/users',
      'PUT /service/rest/v1/security/users/admin/change-password',
      'GET /repository/docker/v2/token',
      'GET /service/rest/internal/current-user/user-token',
      'PUT /repository/npm-hosted/-/user/org.couchdb.user:robot',
    ],
    allowed: [
      'PUT /repository/npm-hosted/left-pad',
      'POST /service/rest/v1/components?repository=pypi',
      'GET /service/rest/v1/status',
    ],
  },
  npm: {
    denied: [
      'POST /-/npm/v1/tokens',
      'PUT /-/user/org.couchdb.user:robot',
      'PUT /-/user/org.couchdb.user:robot/-rev/1',
      'POST /registry/-/v1/login',
    ],
    allowed: [
      'PUT /@scope%2fname',
      'GET /left-pad',
      'PUT /-/package/left-pad/dist-tags/latest',
      'POST /-/npm/v1/security/audits/quick',
    ],
  },
  anthropic: {
    denied: ['GET /v1/organizations/api_keys', 'POST /v1/organizations/invites', 'GET /v1/organizations/me'],
    allowed: ['POST /v1/messages', 'POST /v1/messages/batches', 'GET /v1/models', 'POST /v1/files'],
  },
  openai: {
    denied: [
      'POST /v1/realtime/client_secrets',
      'POST /v1/realtime/sessions',
      'POST /v1/realtime/transcription_sessions',
      'POST /v1/chatkit/sessions',
      'POST /v1/organization/admin_api_keys',
      'GET /v1/organization/projects',
    ],
    allowed: ['POST /v1/chat/completions', 'POST /v1/responses', 'GET /v1/realtime?model=m', 'GET /v1/models'],
  },
  sonarqube: {
    denied: ['POST /api/user_tokens/generate', 'POST /sonar/api/user_tokens/generate'],
    allowed: ['POST /api/ce/submit', 'GET /api/qualitygates/project_status'],
  },
};

describe('rules of the classes', () => {
  for (const [name, { denied, allowed }] of Object.entries(requests)) {
    const [object] = chartFile(`classes/${name}`);
    const connectorClass = parseConnectorClass(object as unknown as JsonObject);
    const connector = { ref: { namespace: 'ci', name: 'tool' }, className: name, object: { metadata: {} } };
    const decisionOn = (request: string): string => {
      const [method = '', target = ''] = request.split(' ');
      const { outcome, reason = '' } = decide(rulesOf(connector, connectorClass), requestForRules(method, target));
      return reason.includes('broken') ? reason : outcome;
    };
    it(`deny what hands out further credentials of ${name}`, () => {
      for (const request of denied) assert.equal(decisionOn(request), 'denied', request);
    });
    it(`allow what programs need of ${name}`, () => {
      for (const request of allowed) assert.equal(decisionOn(request), 'allowed', request);
    });
  }

  it('let Secrets of k8s be created, which the rule of the page denies', () => {
    const [, rule = ''] = /add `(- deny: .*secrets.*)`/.exec(readFileSync('docs/rules.md', 'utf8')) ?? [];
    const [k8s] = chartFile('classes/k8s');
    for (const [rules, outcome] of [
      [undefined, 'allowed'],
      [rule, 'denied'],
    ]) {
      const annotations = rules === undefined ? {} : { 'connectors.alauda.io/rules': rules };
      const connector = {
        ref: { namespace: 'ci', name: 'k8s' },
        className: 'k8s',
        object: { metadata: { annotations } },
      };
      const sets = rulesOf(connector, parseConnectorClass(k8s as unknown as JsonObject));
      for (const request of ['POST /api/v1/namespaces/a/secrets', 'PATCH /c/api/v1/namespaces/a/secrets/b']) {
        const [method = '', target = ''] = request.split(' ');
        assert.equal(decide(sets, requestForRules(method, target)).outcome, outcome, request);
      }
      assert.equal(decide(sets, requestForRules('GET', '/api/v1/namespaces/a/secrets')).outcome, 'allowed');
    }
  });
});
