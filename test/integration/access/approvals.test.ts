import type { PodIdentity } from '../../../src/shared/access/permission.ts';
import assert from 'node:assert/strict';
import { CodedError } from '../../../src/shared/errors.ts';
import type { AccessDecision } from '../../../src/driver/publish/ports.ts';
import type { ConnectorRef, FeatureFlags } from '../../../src/shared/connectors/model.ts';
import {
  AccessFixture,
  approvalFlags,
  callFor,
  github,
  harbor,
  pod,
  podNamed,
  proxyFlags,
} from '../../support/access/access-fixture.ts';
import { ApprovalsController, granted, rejected, unmatched } from '../../support/access/approvals-controller.ts';
import type { Condition } from '../../support/access/approvals-controller.ts';
import { failureOf } from '../../support/failure.ts';
import type { StoredObject } from '../../support/kube-api/resources.ts';
import { eventually } from '../../support/poll.ts';

const second = 1000;
const allowed: AccessDecision = { kind: 'allowed' };

describe('access by approval', () => {
  let fixture: AccessFixture;
  let controller: ApprovalsController;
  let waiting: number;

  const observer = {
    approvalStarted: () => void (waiting += 1),
    approvalFinished: () => void (waiting -= 1),
  };

  beforeEach(async () => {
    waiting = 0;
    fixture = await AccessFixture.start({ observer });
    controller = new ApprovalsController(fixture.api);
    fixture.allowRead(harbor, github);
  });
  afterEach(async () => {
    await fixture.stop();
    assert.equal(waiting, 0);
  });

  interface Asking {
    readonly connectors?: readonly ConnectorRef[];
    readonly flags?: FeatureFlags;
    readonly pod?: PodIdentity;
    readonly signal?: AbortSignal;
    readonly access?: AccessFixture['access'];
  }
  const authorize = (asking: Asking = {}): Promise<AccessDecision> =>
    (asking.access ?? fixture.access).authorize(
      { pod: asking.pod ?? pod, connectors: asking.connectors ?? [harbor], flags: asking.flags ?? approvalFlags },
      callFor(asking.signal),
    );
  const impatient = (waitMs = 50): Asking => ({ access: fixture.newAccess({ waitMs, observer }) });
  /** The message of an answer that is neither yes nor no yet. */
  const pendingOf = async (decision: Promise<AccessDecision>): Promise<string> => {
    const result = await decision;
    assert.equal(result.kind, 'pending');
    return 'message' in result ? result.message : '';
  };
  const onlyRequest = async (): Promise<StoredObject> => {
    const [request] = await controller.requested();
    await controller.watched();
    return request!;
  };
  /** Has the watches resumed, so that all that was reported before has come through. */
  const everythingIsSeen = async (watches: number): Promise<void> => {
    const count = (): number => fixture.api.count({ verb: 'watch', resource: 'accessrequests' });
    const before = count();
    fixture.api.endWatches();
    await eventually('the watches are resumed', () => count() >= before + watches);
  };
  const noWatchIsLeft = (): Promise<void> =>
    eventually('no watch is left', () => fixture.api.openWatches('accessrequests') === 0);

  it('asks for nothing when the account may use the proxy', async () => {
    fixture.allow(harbor, 'connectors/proxy', '*');
    assert.deepEqual(await authorize(), allowed);
    assert.equal(controller.requests.length, 0);
  });

  it('asks for nothing when the account may not even get the connector', async () => {
    const other = { namespace: 'team-a', name: 'secret' };
    const denied = await failureOf(authorize({ connectors: [other, harbor] }));
    assert.equal(denied.code, 'PERMISSION_DENIED');
    assert.match(denied.message, /cannot get .* "secret"/);
    assert.doesNotMatch(denied.message, /connectors\/proxy/);
    assert.equal(controller.requests.length, 0);
  });

  for (const flags of [
    { ...approvalFlags, connectorsApproval: false },
    { ...approvalFlags, connectorProxyPermissions: false },
  ]) {
    it(`asks for nothing with flags ${JSON.stringify(flags)}`, async () => {
      const outcome = await authorize({ flags }).catch((error: unknown) => error);
      if (flags.connectorProxyPermissions) assert.equal((outcome as CodedError).code, 'PERMISSION_DENIED');
      else assert.deepEqual(outcome, allowed);
      assert.equal(controller.requests.length, 0);
    });
  }

  it('is refused beyond the share of what one pod may have watched, and gives back what it had', async () => {
    const access = fixture.newAccess({ maxWatchedRequests: 4, observer });
    const failure = await failureOf(authorize({ access, connectors: [harbor, github] }));
    assert.equal(failure.code, 'RESOURCE_EXHAUSTED');
    assert.match(
      failure.message,
      /^AccessRequest \S+ cannot be read: it is one of 2 that are needed at once, and this pod uses 0 others already/,
    );
    assert.equal(fixture.api.openWatches('accessrequests'), 0);

    const decision = authorize({ access });
    await controller.watched();
    controller.grant(await controller.requestOf(harbor), pod, harbor);
    assert.deepEqual(await decision, allowed);
  });

  it('makes one request in the connector’s namespace that says who, what and for which pod', async () => {
    const decision = authorize();
    const request = await onlyRequest();
    assert.equal(request.metadata.namespace, 'team-a');
    assert.deepEqual(request.metadata.labels, {
      'connectors.cpaas.io/contextObjectKind': 'Pod',
      'connectors.cpaas.io/contextObjectName': 'build-1',
      'connectors.cpaas.io/contextObjectNamespace': 'ci',
      'connectors.cpaas.io/connector': 'harbor',
    });
    assert.deepEqual(request.metadata.annotations, { 'connectors.alauda.io/requested-by-node': 'node-1' });
    assert.deepEqual(request['spec'], {
      subject: { kind: 'ServiceAccount', name: 'builder', namespace: 'ci' },
      connectorRef: { name: 'harbor' },
      context: {
        objectRef: { apiVersion: 'v1', kind: 'Pod', name: 'build-1', namespace: 'ci', uid: 'uid-of-build-1' },
      },
    });
    controller.grant(request, pod, harbor);
    assert.deepEqual(await decision, allowed);
    await noWatchIsLeft();
  });

  it('waits for the permission that a grant has promised', async () => {
    const decision = authorize();
    controller.setConditions(await onlyRequest(), granted);
    await eventually('the permission is looked for', () => fixture.reviews >= 5);
    controller.permit(pod, harbor);
    assert.deepEqual(await decision, allowed);
  });

  it('takes no grant without the permission, even from memory', async () => {
    await pendingOf(authorize(impatient()));
    controller.setConditions(controller.requests[0]!, granted);
    await pendingOf(authorize());
    assert.equal(fixture.access.isKnownAllowed({ pod, connectors: [harbor], flags: approvalFlags }), false);
  });

  it('does not outlast the right to get the connector, which may have gone meanwhile', async () => {
    const nexus = { namespace: 'team-a', name: 'nexus' };
    const revoke = fixture.allow(nexus, 'connectors', 'get');
    const decision = failureOf(authorize({ connectors: [nexus] }));
    const request = await onlyRequest();
    fixture.clock.ms += 60 * second;
    revoke();
    controller.grant(request, pod, nexus);
    const denied = await decision;
    assert.equal(denied.code, 'PERMISSION_DENIED');
    assert.match(denied.message, /cannot get .* "nexus"/);
  });

  it('answers a rejection with the request and the checks that said no', async () => {
    const decision = authorize();
    const request = await onlyRequest();
    const ready: Condition = { type: 'Ready', status: 'False', reason: 'Rejected', message: 'a check said no' };
    controller.setConditions(request, ready, rejected);
    const name = `team-a/${request.metadata.name}`;
    assert.deepEqual(await decision, {
      kind: 'rejected',
      message: `use of connector team-a/harbor was rejected: not on a Friday (AccessRequest ${name})`,
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ResourceInfo',
          resourceType: 'connectors.alauda.io/AccessRequest',
          resourceName: name,
          owner: 'system:serviceaccount:ci:builder',
          description: 'request of pod ci/build-1 to use connector team-a/harbor',
        },
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'ACCESS_REQUEST_REJECTED',
          domain: 'connectors.alauda.io',
          metadata: {
            connector: 'team-a/harbor',
            accessRequest: name,
            check: 'AccessCheckReady',
            reason: 'Rejected',
            message: 'not on a Friday',
          },
        },
      ],
    });
    assert.equal((await authorize()).kind, 'rejected');
  });

  it('is denied when no policy covers the connector', async () => {
    const decision = failureOf(authorize());
    controller.setConditions(await onlyRequest(), unmatched);
    const failure = await decision;
    assert.equal(failure.code, 'PERMISSION_DENIED');
    assert.match(failure.message, /^no approval policy covers connector team-a\/harbor .*: nothing selects it/);
  });

  it('waits a little the first time, so that its author is told soon, and then for long', async () => {
    const access = fixture.newAccess({ firstWaitMs: 20, waitMs: 60_000, observer });
    assert.match(await pendingOf(authorize({ access })), /^waiting for approval build-1-/);
    const decision = authorize({ access });
    await controller.watched();
    const other = podNamed('build-2');
    assert.match(await pendingOf(authorize({ access, pod: other })), /^waiting for approval build-2-/);
    controller.grant(await onlyRequest(), pod, harbor);
    assert.deepEqual(await decision, allowed);
  });

  it('says that it waits when there is no decision in time, and goes on with the same request', async () => {
    const message = await pendingOf(authorize(impatient()));
    const { name } = controller.requests[0]!.metadata;
    assert.equal(message, `waiting for approval ${name} (AccessRequest for connector team-a/harbor)`);
    await noWatchIsLeft();
    const decision = authorize();
    controller.grant(await onlyRequest(), pod, harbor);
    assert.deepEqual(await decision, allowed);
    assert.equal(fixture.api.count({ verb: 'create', resource: 'accessrequests' }), 1);
  });

  describe('with other requests about', () => {
    const earlier: PodIdentity = { ...pod, uid: 'uid-of-an-earlier-pod' };

    it('takes no permission that an earlier pod with the same name has left', async () => {
      const earlier = authorize();
      controller.grant(await onlyRequest(), pod, harbor);
      assert.deepEqual(await earlier, allowed);
      const later = { ...pod, uid: 'uid-of-a-later-pod' };
      for (const access of [fixture.access, fixture.newAccess({ waitMs: 50, observer })]) {
        assert.equal(access.isKnownAllowed({ pod: later, connectors: [harbor], flags: approvalFlags }), false);
      }
      const waits = authorize({ ...impatient(), pod: later });
      assert.match(await pendingOf(waits), /^waiting for approval build-1-/);
      const [, request] = await controller.requested(2);
      controller.setConditions(request!, granted);
      assert.deepEqual(await authorize({ pod: later }), allowed);
    });

    it('takes a permission that nobody has asked for to be for another pod', async () => {
      controller.permit(pod, harbor);
      assert.match(await pendingOf(authorize(impatient())), /^waiting for approval/);
      assert.deepEqual(await authorize({ flags: proxyFlags }), allowed);
    });

    it('takes no request of an earlier pod with the same name', async () => {
      await pendingOf(authorize({ ...impatient(), pod: earlier }));
      const [stale] = controller.requests;
      controller.setConditions(stale!, granted);
      const decision = authorize();
      const own = (await controller.requested(2)).find(({ metadata }) => metadata.name !== stale!.metadata.name);
      await controller.watched();
      controller.grant(own!, pod, harbor);
      assert.deepEqual(await decision, allowed);
    });

    it('uses a request for this very pod that somebody else has named', async () => {
      await pendingOf(authorize(impatient()));
      const [made] = controller.requests;
      const { labels, namespace, name } = made!.metadata;
      fixture.api.delete('accessrequests', { namespace: namespace!, name });
      const metadata = { name: 'by-hand', namespace: namespace!, labels: labels! };
      const byHand = fixture.api.put({ ...made!, metadata });
      const decision = authorize();
      await controller.watched();
      controller.grant(byHand, pod, harbor);
      assert.deepEqual(await decision, allowed);
      assert.deepEqual(
        controller.requests.map((request) => request.metadata.name),
        ['by-hand'],
      );
    });

    it('does not let its name be taken by a request about something else', async () => {
      await pendingOf(authorize(impatient()));
      const [made] = controller.requests;
      const { name, namespace } = made!.metadata;
      const spec = { ...(made!['spec'] as object), connectorRef: { name: 'other' } };
      fixture.api.put({ ...made!, metadata: { name, namespace: namespace! }, spec, status: { conditions: [granted] } });
      const failure = await failureOf(authorize());
      assert.equal(failure.code, 'FAILED_PRECONDITION');
      assert.match(failure.message, /is not about this pod and connector team-a\/harbor although its name says so/);
    });

    it('makes one request however many drivers and tries ask at once', async () => {
      const others = [fixture.newAccess(), fixture.newAccess()];
      const decisions = [{}, {}, ...others.map((access) => ({ access }))].map((asking) => authorize(asking));
      await controller.watched(4);
      assert.equal(controller.requests.length, 1);
      assert.ok(fixture.api.count({ verb: 'create', resource: 'accessrequests', code: 409 }) > 0);
      controller.grant(controller.requests[0]!, pod, harbor);
      assert.deepEqual(await Promise.all(decisions), [allowed, allowed, allowed, allowed]);
    });

    it('makes one request when the answer to its creation gets lost', async () => {
      const effect = { kind: 'cut', afterBytes: 20, how: 'connection' } as const;
      fixture.api.faults.add({ verb: 'create', resource: 'accessrequests', count: 1, effect });
      const decision = authorize();
      const request = await onlyRequest();
      assert.equal(fixture.api.count({ verb: 'create', resource: 'accessrequests' }), 2);
      controller.grant(request, pod, harbor);
      assert.deepEqual(await decision, allowed);
      assert.equal(controller.requests.length, 1);
    });
  });

  describe('while it waits', () => {
    it('gives up when the request is deleted, and the next try makes it again', async () => {
      const decision = pendingOf(authorize());
      const { namespace, name } = (await onlyRequest()).metadata;
      fixture.api.delete('accessrequests', { namespace: namespace!, name });
      assert.match(await decision, /is being deleted; it will be made again$/);
      const again = authorize();
      controller.grant(await onlyRequest(), pod, harbor);
      assert.deepEqual(await again, allowed);
    });

    it('leaves nothing behind when its caller leaves', async () => {
      const leaving = new AbortController();
      const reason = new CodedError('ABORTED', 'the volume is being unpublished');
      const decision = failureOf(authorize({ signal: leaving.signal }));
      await onlyRequest();
      leaving.abort(reason);
      assert.equal(await decision, reason);
      await noWatchIsLeft();
      assert.equal(controller.requests.length, 1);
    });
  });

  it('tells a caller whose own time is over first what is waited for', async () => {
    const leaving = new AbortController();
    const decision = failureOf(authorize({ signal: leaving.signal }));
    const { metadata } = await onlyRequest();
    await controller.watched();
    leaving.abort(new CodedError('DEADLINE_EXCEEDED', 'the call ran out of time'));
    const { code, message } = await decision;
    assert.deepEqual(
      [code, message],
      ['UNAVAILABLE', `waiting for approval ${metadata.name} (AccessRequest for connector team-a/harbor)`],
    );
  });

  describe('with two connectors', () => {
    const connectors = [harbor, github];

    it('waits for both', async () => {
      const decision = authorize({ connectors });
      const [ofHarbor, ofGithub] = [await controller.requestOf(harbor), await controller.requestOf(github)];
      await controller.watched(2);
      controller.grant(ofGithub, pod, github);
      await everythingIsSeen(2);
      assert.equal(waiting, 1);
      controller.grant(ofHarbor, pod, harbor);
      assert.deepEqual(await decision, allowed);
    });

    it('asks only for the one whose proxy the account may not use', async () => {
      fixture.allow(harbor, 'connectors/proxy', '*');
      const decision = authorize({ connectors });
      const request = await onlyRequest();
      assert.equal(request.metadata.namespace, 'team-b');
      controller.grant(request, pod, github);
      assert.deepEqual(await decision, allowed);
    });

    it('asks for the other one too when the account may use its proxy no more by then', async () => {
      const revoke = fixture.allow(harbor, 'connectors/proxy', '*');
      const decision = authorize({ connectors });
      const ofGithub = await controller.requestOf(github);
      await controller.watched();
      fixture.clock.ms += 60 * second;
      revoke();
      controller.grant(ofGithub, pod, github);
      const isDecided = decision.then(() => true);
      const ofHarbor = controller.requestOf(harbor);
      assert.equal(await Promise.race([isDecided, ofHarbor.then(() => false)]), false);
      controller.grant(await ofHarbor, pod, harbor);
      assert.deepEqual(await decision, allowed);
    });

    for (const order of ['first', 'last']) {
      it(`is rejected when the one that is granted comes ${order}`, async () => {
        const decision = authorize({ connectors });
        const [ofHarbor, ofGithub] = [await controller.requestOf(harbor), await controller.requestOf(github)];
        await controller.watched(2);
        if (order === 'first') controller.grant(ofHarbor, pod, harbor);
        controller.setConditions(ofGithub, rejected);
        const result = await decision;
        assert.equal(result.kind, 'rejected');
        assert.match('message' in result ? result.message : '', /connector team-b\/github was rejected/);
        if (order === 'last') controller.grant(ofHarbor, pod, harbor);
        assert.equal((await authorize({ connectors })).kind, 'rejected');
        await noWatchIsLeft();
      });
    }

    it('names every rejection, and no other trouble beside them', async () => {
      await pendingOf(authorize({ ...impatient(), connectors }));
      for (const request of controller.requests) controller.setConditions(request, rejected);
      const both = await authorize({ connectors });
      assert.match('message' in both ? both.message : '', /harbor was rejected.*; .*github was rejected/);
      controller.setConditions(await controller.requestOf(harbor), unmatched);
      const one = await authorize({ connectors });
      assert.equal('details' in one ? one.details.length : 0, 2);
    });

    it('says which approvals it still waits for', async () => {
      const names = /^waiting for approval build-1-\w+, build-1-\w+ \(AccessRequests for connectors team-a.*team-b/;
      assert.match(await pendingOf(authorize({ ...impatient(), connectors })), names);
      controller.grant(await controller.requestOf(harbor), pod, harbor);
      const message = await pendingOf(authorize({ ...impatient(), connectors }));
      assert.match(message, /^waiting for approval build-1-\w+ \(AccessRequest for connector team-b\/github\)$/);
    });
  });

  describe('after a grant', () => {
    let revoke: () => void;
    let request: StoredObject;

    beforeEach(async () => {
      const decision = authorize();
      request = await onlyRequest();
      revoke = controller.grant(request, pod, harbor);
      await decision;
    });

    it('is known without asking, and refreshed by two reviews a minute and nothing else', async () => {
      assert.equal(fixture.access.isKnownAllowed({ pod, connectors: [harbor], flags: approvalFlags }), true);
      fixture.api.clearRequests();
      fixture.clock.ms += 60 * second;
      assert.deepEqual(await authorize(), allowed);
      assert.deepEqual([fixture.api.requests.length, fixture.reviews], [2, 2]);
    });

    it('is pending while the request is being deleted', async () => {
      revoke();
      const leaving = { ...request.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
      fixture.api.put({ ...request, metadata: leaving, status: { conditions: [granted] } });
      fixture.clock.ms += 60 * second;
      assert.match(await pendingOf(authorize()), /is being deleted/);
    });
  });

  describe('without the API', () => {
    it('names what could not be done, and tries again at the next call', async () => {
      const status = { kind: 'status', code: 400, reason: 'BadRequest', message: 'not today' } as const;
      const list = fixture.api.faults.add({ verb: 'list', resource: 'accessrequests', effect: status });
      const unfound = await failureOf(authorize());
      assert.equal(unfound.code, 'UNAVAILABLE');
      assert.match(unfound.message, /looking for the AccessRequest of this pod .*team-a\/harbor failed: .*not today/);
      list.remove();
      const create = fixture.api.faults.add({ verb: 'create', resource: 'accessrequests', effect: status });
      assert.match((await failureOf(authorize())).message, /making the AccessRequest of this pod .*not today/);
      create.remove();
      assert.match(await pendingOf(authorize(impatient())), /^waiting for approval/);
    });

    it('says which rule the driver lacks, for each of its calls', async () => {
      fixture.revokeFromDriver.approval();
      for (const verb of ['list', 'create', 'watch']) {
        const failure = await failureOf(authorize());
        assert.equal(failure.code, 'FAILED_PRECONDITION');
        assert.match(failure.message, new RegExp(`resources: \\["accessrequests"\\], verbs: \\[.*"${verb}"`));
        const rule = { verbs: [verb], apiGroups: ['connectors.alauda.io'], resources: ['accessrequests'] };
        fixture.api.bind({ user: 'driver', rules: [rule] });
      }
      const decision = authorize();
      controller.grant(await onlyRequest(), pod, harbor);
      assert.deepEqual(await decision, allowed);
    });

    it('does not take what a quota or a policy refuses for a rule that the driver lacks', async () => {
      const message = 'accessrequests.connectors.alauda.io "x" is forbidden: exceeded quota: few';
      const effect = { kind: 'status', code: 403, reason: 'Forbidden', message } as const;
      fixture.api.faults.add({ verb: 'create', resource: 'accessrequests', effect });
      const failure = await failureOf(authorize());
      assert.equal(failure.code, 'FAILED_PRECONDITION');
      assert.match(failure.message, /^making the AccessRequest of this pod .*exceeded quota: few$/);
    });

    it('says how to go on where the kind does not exist', async () => {
      const status = { kind: 'status', code: 404, reason: 'NotFound' } as const;
      fixture.api.faults.add({ resource: 'accessrequests', effect: status });
      const failure = await failureOf(authorize());
      assert.equal(failure.code, 'FAILED_PRECONDITION');
      assert.match(failure.message, /install the CustomResourceDefinition accessrequests\.connectors\.alauda\.io/);
    });
  });

  it('asks little for 100 pods that wait at once, and lets each go on soon after its decision', async () => {
    const pods = Array.from({ length: 100 }, (_, index) => podNamed(`build-${index}`));
    const doneAt = new Map<string, number>();
    const decisions = pods.map(async (each) => {
      const decision = await authorize({ pod: each });
      doneAt.set(each.uid, performance.now());
      return decision;
    });
    await controller.watched(100);
    const count = (verb: string): number => fixture.api.count({ verb, resource: 'accessrequests' });
    // Per pod: one list to find, one to begin the watch from, one creation, one watch. The account is asked about
    // once, no pod before it is granted.
    assert.deepEqual([count('list'), count('create'), count('watch')], [200, 100, 100]);
    assert.equal(fixture.reviews, 2);
    assert.equal(waiting, 100);
    const decidedAt = new Map<string, number>();
    for (const each of pods) {
      const request = controller.requests.find(({ metadata }) => metadata.name.startsWith(`${each.name}-`))!;
      decidedAt.set(each.uid, performance.now());
      controller.grant(request, each, harbor);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.deepEqual(new Set((await Promise.all(decisions)).map(({ kind }) => kind)), new Set(['allowed']));
    const waits = pods.map(({ uid }) => doneAt.get(uid)! - decidedAt.get(uid)!).sort((a, b) => a - b);
    console.log(`      from decision to answer: median ${waits[50]!.toFixed(1)} ms, most ${waits[99]!.toFixed(1)} ms`);
    // The permission is looked for once by each pod, and nothing else.
    assert.equal(fixture.reviews, 2 + 100);
    assert.deepEqual([count('list'), count('create'), count('watch')], [200, 100, 100]);
    await noWatchIsLeft();
  });
});
