import assert from 'node:assert/strict';
import { parse } from 'yaml';
import type { ConnectorRef, FeatureFlags } from '../../../src/shared/connectors/model.ts';
import type { PodIdentity } from '../../../src/shared/access/permission.ts';
import {
  AccessFixture,
  callFor,
  github,
  harbor,
  pod,
  podNamed,
  proxyFlags,
  readOnlyFlags,
} from '../../support/access/access-fixture.ts';
import { failureOf } from '../../support/failure.ts';
import type { PolicyRule } from '../../support/kube-api/access-rules.ts';
import { started } from '../../support/started.ts';

const second = 1000;

describe('access by reviews', () => {
  let fixture: AccessFixture;

  beforeEach(async () => {
    fixture = started(await AccessFixture.start());
  });

  interface Asking {
    readonly connectors?: readonly ConnectorRef[];
    readonly flags?: FeatureFlags;
    readonly pod?: PodIdentity;
    readonly signal?: AbortSignal;
  }
  const authorize = (asking: Asking = {}): Promise<unknown> =>
    fixture.access.authorize(requestOf(asking), callFor(asking.signal));
  const isKnownAllowed = (asking: Asking = {}): boolean => fixture.access.isKnownAllowed(requestOf(asking));
  const requestOf = (asking: Asking): Parameters<AccessFixture['access']['isKnownAllowed']>[0] => ({
    pod: asking.pod ?? pod,
    connectors: asking.connectors ?? [harbor],
    flags: asking.flags ?? readOnlyFlags,
  });
  /** The rules that a message tells to add. */
  const rulesIn = (message: string): readonly PolicyRule[] =>
    [...message.matchAll(/bound to the service account: (- \{.*?\})/g)].flatMap(
      ([, text]) => parse(text ?? '') as PolicyRule[],
    );

  it('allows what is granted to the groups of every service account', async () => {
    const rules = [{ verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] }];
    for (const group of ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated']) {
      const unbind = fixture.api.bind({ group, rules });
      const access = fixture.newAccess();
      assert.deepEqual(await access.authorize(requestOf({}), callFor()), { kind: 'allowed' }, group);
      unbind();
    }
  });

  it('lists every denied connector at once, with rules that allow them all; the proxy only of what may be read', async () => {
    const other = { namespace: 'team-a', name: '1e3' };
    const connectors = [harbor, github, other];
    for (const resource of ['connectors', 'connectors/proxy']) {
      const denied = await failureOf(authorize({ connectors, flags: proxyFlags }));
      const rules = rulesIn(denied.message);
      assert.deepEqual(
        rules.map(({ resources, resourceNames, verbs }) => [resources, resourceNames, verbs]),
        [
          [[resource], ['harbor', '1e3'], ['get']],
          [[resource], ['github'], ['get']],
        ],
      );
      fixture.api.bind({ serviceAccount: 'ci/builder', rules });
      fixture.clock.ms += 5 * second;
    }
    assert.deepEqual(await authorize({ connectors, flags: proxyFlags }), { kind: 'allowed' });
  });

  it('says that the account is denied one connector even when another could not be asked for', async () => {
    fixture.api.faults.add({ resource: 'subjectaccessreviews', count: 1, effect: { kind: 'status', code: 403 } });
    const denied = await failureOf(authorize({ connectors: [harbor, github] }));
    assert.equal(denied.code, 'PERMISSION_DENIED');
  });

  it('tells of what was allowed and is denied, once, and not of what never was allowed', async () => {
    let denials = 0;
    fixture.access.onChange(() => {
      denials += 1;
    });
    const revoke = fixture.allow(harbor, 'connectors', 'get');
    await authorize();
    const isKnownDenied = (asking: Asking = {}): boolean => fixture.access.isKnownDenied(requestOf(asking));
    assert.deepEqual([denials, isKnownDenied()], [0, false]);
    revoke();
    for (let round = 0; round < 2; round += 1) {
      fixture.clock.ms += 60 * second;
      await failureOf(authorize());
      assert.deepEqual([denials, isKnownDenied()], [1, true]);
    }
    const asking = { connectors: [github] };
    assert.equal(isKnownDenied(asking), false);
    await failureOf(authorize(asking));
    assert.deepEqual([denials, isKnownDenied(asking)], [1, true]);
    fixture.allow(harbor, 'connectors', 'get');
    fixture.clock.ms += 5 * second;
    await authorize();
    assert.deepEqual([denials, isKnownDenied()], [1, false]);
  });

  it('asks again for an allowed permission after 60 s, and for a denied one after 5 s', async () => {
    const revoke = fixture.allow(harbor, 'connectors', 'get');
    await authorize();
    revoke();
    fixture.clock.ms += 60 * second - 1;
    await authorize();
    assert.deepEqual([fixture.reviews, isKnownAllowed()], [1, true]);
    fixture.clock.ms += 1;
    assert.equal(isKnownAllowed(), false);
    await assert.rejects(authorize());
    fixture.clock.ms += 5 * second - 1;
    await assert.rejects(authorize());
    assert.equal(fixture.reviews, 2);
    fixture.clock.ms += 1;
    fixture.allowRead(harbor);
    await authorize();
    assert.deepEqual([fixture.reviews, isKnownAllowed()], [3, true]);
  });

  it('answers what is known without a request', async () => {
    assert.equal(isKnownAllowed(), false);
    fixture.allowRead(harbor);
    await authorize();
    const asked = fixture.api.requests.length;
    assert.deepEqual(
      [isKnownAllowed(), isKnownAllowed({ connectors: [harbor, github] }), isKnownAllowed({ flags: proxyFlags })],
      [true, false, false],
    );
    assert.equal(isKnownAllowed({ pod: { ...pod, serviceAccountName: 'deployer' } }), false);
    assert.equal(isKnownAllowed({ connectors: [{ ...harbor, namespace: 'team-b' }] }), false);
    assert.equal(fixture.api.requests.length, asked);
  });

  describe('to the proxy', () => {
    const flags = proxyFlags;
    const ofPod = `connectors/proxy/v1/pod/${pod.namespace}/${pod.name}`;

    beforeEach(() => fixture.allowRead(harbor));

    it('is allowed to an account that can only read through it', async () => {
      fixture.allow(harbor, 'connectors/proxy', 'get');
      assert.deepEqual(await authorize({ flags }), { kind: 'allowed' });
    });

    it('is denied to an account that cannot read through it', async () => {
      fixture.allow(harbor, 'connectors/proxy', 'create');
      const denied = await failureOf(authorize({ flags }));
      assert.equal(denied.code, 'PERMISSION_DENIED');
      assert.match(
        denied.message,
        /^cannot use the proxy of connector team-a\/harbor: .* cannot get connectors\.connectors\.alauda\.io\/proxy "harbor" in namespace/,
      );
      assert.equal(rulesIn(denied.message).length, 1);
    });

    it('is allowed by a rule for all pods of the account', async () => {
      fixture.allow(harbor, 'connectors/proxy', '*');
      assert.deepEqual(await authorize({ flags, pod: podNamed('other') }), { kind: 'allowed' });
      assert.equal(isKnownAllowed({ flags }), true);
    });

    it('is allowed by a rule for one pod, to that pod alone', async () => {
      fixture.allow(harbor, ofPod, '*');
      assert.deepEqual(await authorize({ flags }), { kind: 'allowed' });
      assert.deepEqual([isKnownAllowed({ flags }), isKnownAllowed({ flags, pod: podNamed('other') })], [true, false]);
      assert.equal((await failureOf(authorize({ flags, pod: podNamed('other') }))).code, 'PERMISSION_DENIED');
    });

    it('is asked for anew when a later pod has the name, however soon', async () => {
      const revoke = fixture.allow(harbor, ofPod, '*');
      await authorize({ flags });
      revoke();
      const later = { ...pod, uid: 'uid-of-a-later-pod' };
      assert.deepEqual([isKnownAllowed({ flags }), isKnownAllowed({ flags, pod: later })], [true, false]);
      assert.equal((await failureOf(authorize({ flags, pod: later }))).code, 'PERMISSION_DENIED');
    });

    it('is asked for first in the way that it was allowed last', async () => {
      fixture.allow(harbor, ofPod, '*');
      await authorize({ flags });
      assert.equal(fixture.reviews, 3);
      fixture.clock.ms += 60 * second;
      await authorize({ flags });
      assert.equal(fixture.reviews, 5);
    });

    it('does not replace the right to get the connector', async () => {
      fixture.allow(github, 'connectors/proxy', '*');
      assert.match((await failureOf(authorize({ flags, connectors: [github] }))).message, /cannot get/);
    });
  });

  describe('without an answer', () => {
    it('is UNAVAILABLE, says what could not be asked, and is asked again at once', async () => {
      fixture.allowRead(harbor);
      const status = { kind: 'status', code: 400, reason: 'BadRequest', message: 'no such thing' } as const;
      const fault = fixture.api.faults.add({ resource: 'subjectaccessreviews', effect: status });
      const failure = await failureOf(authorize());
      assert.equal(failure.code, 'UNAVAILABLE');
      assert.match(failure.message, /whether system:serviceaccount:ci:builder can get .*"harbor".*no such thing/);
      fault.remove();
      assert.deepEqual(await authorize(), { kind: 'allowed' });
    });

    it('names the first connector in mount order', async () => {
      fixture.api.faults.add({ resource: 'subjectaccessreviews', effect: { kind: 'status', code: 400 } });
      assert.match((await failureOf(authorize({ connectors: [github, harbor] }))).message, /"github"/);
    });

    it('names the rule that the driver itself lacks', async () => {
      fixture.revokeFromDriver.driver();
      const failure = await failureOf(authorize());
      assert.equal(failure.code, 'FAILED_PRECONDITION');
      const [rule] = parse(/ClusterRole needs the rule (- .*)$/.exec(failure.message)?.[1] ?? '') as PolicyRule[];
      fixture.allowRead(harbor);
      fixture.api.bind({ user: 'driver', rules: [rule!] });
      assert.deepEqual(await authorize(), { kind: 'allowed' });
    });

    for (const [name, status] of [
      ['whose authorizer failed', { allowed: false, evaluationError: 'webhook timed out' }],
      ['without a status', undefined],
      ['with words for a truth value', { allowed: 'true' }],
    ] as const) {
      it(`takes an answer ${name} for none`, async () => {
        const body = JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', status });
        const effect = { kind: 'garbage', code: 201, contentType: 'application/json', body } as const;
        fixture.api.faults.add({ resource: 'subjectaccessreviews', effect });
        const { code, message } = await failureOf(authorize());
        assert.equal(code, 'UNAVAILABLE');
        assert.match(message, /^asking the API server whether system:serviceaccount:ci:builder can get .* failed: /);
        assert.equal(isKnownAllowed(), false);
      });
    }
  });
});
