import assert from 'node:assert/strict';
import { ApprovalsController, granted } from '../../../support/access/approvals-controller.ts';
import { bindingsFor, type Purpose } from '../../../support/access/driver-rules.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { driverUser } from '../../../support/driver/driver-account.ts';
import { connector, flagsConfigMap } from '../../../support/driver/manifests.ts';
import type { LoggedRequest } from '../../../support/kube-api/kube-api.ts';
import { chartFile } from '../../../support/deploy/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const purposes = ['driver', 'token-minting', 'approval'] as const;

/** One verb on one resource, as rules give it. */
interface Right {
  readonly verb: string;
  readonly group: string;
  /** With its subresource. */
  readonly resource: string;
  /** Undefined: all. */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
}

function rightsFor(purpose: Purpose): readonly Right[] {
  return bindingsFor(purpose).flatMap(({ namespace, rules }) =>
    rules.flatMap(({ verbs, apiGroups = [], resources = [], resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) =>
            (resourceNames ?? [undefined]).map((name) => ({ verb, group, resource, name, namespace })),
          ),
        ),
      ),
    ),
  );
}

/** What the policies look up by CEL's `authorizer`, as `group resource verb`. */
const lookedUp = new Set(
  ['token-minting', 'approval']
    .map((name) => JSON.stringify(chartFile(`policies/${name}`)))
    .flatMap((text) => [...text.matchAll(/authorizer\.group\('([^']+)'\)\.resource\('([^']+)'\)\.check\('([^']+)'\)/g)])
    .map(([, group, resource, verb]) => `${group} ${resource} ${verb}`),
);

function uses(request: LoggedRequest, { verb, group, resource, name, namespace }: Right): boolean {
  const used = [request.resource, request.subresource].filter((part) => part !== '').join('/');
  return (
    request.verb === verb &&
    request.group === group &&
    used === resource &&
    (name === undefined || request.name === name) &&
    (namespace === undefined || request.namespace === namespace)
  );
}

describe("the driver's rights", () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
  });

  /** Everything that makes the driver ask the API server. */
  const useAllFeatures = async (): Promise<void> => {
    const { node, api } = cluster;
    const minting = await cluster.readyDriver({ flags: ['--allow-token-minting'] });
    const minted = node.volume({ name: 'minted' });
    cluster.putPod(minted);
    const attributes = { connectors: 'harbor', 'token.expiration': '1h' };
    await minting.kubelet.publishVolume(minted, { attributes });
    await minting.kubelet.unpublishVolume(minted);
    await cluster.stopDriver(minting);

    cluster.put(flagsConfigMap({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
    const driver = await cluster.readyDriver();
    const controller = new ApprovalsController(api);
    const approved = node.volume({ name: 'approved' });
    const publishing = driver.kubelet.publishVolume(approved);
    const request = await controller.requestOf({ namespace: 'ci', name: 'harbor' });
    await controller.watched();
    controller.permit(approved.pod, { namespace: 'ci', name: 'harbor' });
    controller.setConditions(request, granted);
    await publishing;
    cluster.put(connector('harbor', { proxyUrl: 'http://moved.example' }));
    api.closeConnections();
    await eventually('the change has come', async () => {
      await driver.kubelet.publishVolume(approved);
      return approved.read()['connector.status.proxyAddress'] === 'http://moved.example';
    });
    await driver.kubelet.unpublishVolume(approved);
  };

  it('are exactly those that its features use', async () => {
    for (const purpose of purposes.slice(1)) cluster.grantDriver(purpose);
    await useAllFeatures();
    const requests = cluster.api.requestsOf({ user: driverUser });
    assert.deepEqual(
      requests.filter(({ code }) => code === 403).map(({ verb, path }) => `${verb} ${path}`),
      [],
    );
    for (const purpose of purposes) {
      const rights = rightsFor(purpose);
      assert.notEqual(rights.length, 0);
      const unused = rights.filter(
        (right) =>
          !requests.some((request) => uses(request, right)) &&
          !lookedUp.has(`${right.group} ${right.resource} ${right.verb}`),
      );
      assert.deepEqual(unused, [], `rights for ${purpose} that nothing uses`);
    }
    const rights = purposes.flatMap(rightsFor);
    assert.deepEqual(
      requests
        .filter((request) => !rights.some((right) => uses(request, right)))
        .map(({ verb, path }) => `${verb} ${path}`),
      [],
    );
  });

  it('for connectors in use need no more than the base when no feature is on', async () => {
    const driver = await cluster.readyDriver();
    await driver.kubelet.publishVolume(cluster.node.volume());
    const requests = cluster.api.requestsOf({ user: driverUser });
    const rights = rightsFor('driver');
    assert.ok(requests.length > 0 && requests.every((request) => rights.some((right) => uses(request, right))));
  });

  it('never reach a Secret', () => {
    for (const purpose of purposes) {
      for (const { resource } of rightsFor(purpose)) assert.doesNotMatch(resource, /secrets|\*/);
    }
  });
});
