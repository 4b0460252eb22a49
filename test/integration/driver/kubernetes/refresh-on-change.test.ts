import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { VolumeCondition__Output } from '../../../../src/driver/csi/generated/csi/v1/VolumeCondition.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { connector, connectorClass, flagsConfigMap } from '../../../support/driver/manifests.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const getConnectors = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };

describe('a change that reaches a mounted volume without a call of the kubelet', () => {
  let cluster: Cluster;
  let driver: InProcessDriver;
  let volume: TestVolume;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    driver = await cluster.readyDriver();
    volume = cluster.node.volume();
    await driver.kubelet.publishVolume(volume);
  });

  const addressOf = (each: TestVolume): string | undefined => each.read()['connector.status.proxyAddress'];
  const shows = (url: string, each = volume): Promise<void> =>
    eventually(`the volume shows ${url}`, () => addressOf(each) === url);
  const conditionOf = async ({ volumeId, target }: TestVolume): Promise<VolumeCondition__Output | null> =>
    (await driver.kubelet.statistics({ volume_id: volumeId, volume_path: target })).volume_condition;
  const publishes = async (): Promise<number> => {
    const text = await driver.driver.metrics.text();
    return Number(/^connectors_csi_rpc_duration_seconds_count\{method="NodePublishVolume".*\} (\d+)$/m.exec(text)?.[1]);
  };

  it('is an edit of its connector', async () => {
    cluster.put(connector('harbor', { proxyUrl: 'http://other.example' }));
    await shows('http://other.example');
    assert.equal(volume.read()['context.token'], volume.token);
    assert.equal(await publishes(), 1);
  });

  it('is an edit during its first publish, which has read the connector before', async () => {
    const fault = cluster.api.faults.add({
      resource: 'subjectaccessreviews',
      effect: { kind: 'delay', ms: 1000 },
    });
    const late = cluster.node.volume({ serviceAccountName: 'late' });
    cluster.api.bind({ user: 'system:serviceaccount:ci:late', namespace: 'ci', rules: [getConnectors] });
    const publishing = driver.kubelet.publishVolume(late);
    await eventually('its access is asked for', () => fault.hits === 1);
    cluster.put(connector('harbor', { proxyUrl: 'http://other.example' }));
    await shows('http://other.example');
    await publishing;
    await shows('http://other.example', late);
  });

  it('is the deletion of its connector, which the condition tells, and its return', async () => {
    cluster.api.delete('connectors', { namespace: 'ci', name: 'harbor' });
    await eventually('the condition tells', async () => {
      const condition = await conditionOf(volume);
      return condition?.abnormal === true && condition.message.includes('NOT_FOUND: connector ci/harbor');
    });
    assert.equal(addressOf(volume), 'http://proxy.example:8080/namespaces/ci/connectors/harbor');
    cluster.put(connector('harbor', { proxyUrl: 'http://back.example' }));
    await shows('http://back.example');
    const condition = await conditionOf(volume);
    assert.equal(condition?.abnormal, false);
  });

  it('is the deletion of its connector, which is not waited for however long a publish would', async () => {
    await cluster.stopDriver(driver);
    driver = await cluster.readyDriver({ flags: ['--not-found-wait', '1h'] });
    await driver.kubelet.publishVolume(volume);
    cluster.api.delete('connectors', { namespace: 'ci', name: 'harbor' });
    await eventually('the condition tells', async () => (await conditionOf(volume))?.abnormal === true);
    assert.match((await conditionOf(volume))?.message ?? '', /: NOT_FOUND: connector ci\/harbor does not exist/);
    const { log } = driver;
    assert.match(log, /Failed to refresh volume after change/);
  });

  it('is an edit of a class', async () => {
    const configured = cluster.node.volume();
    const attributes = { connectors: 'harbor', 'configuration.names': 'c' };
    cluster.put(connectorClass('oci', { configurations: [{ name: 'c', data: { f: 'one' } }] }));
    await driver.kubelet.publishVolume(configured, { attributes });
    cluster.put(connectorClass('oci', { configurations: [{ name: 'c', data: { f: 'two' } }] }));
    await eventually('the file is the new one', () => configured.read()['f'] === 'two');
  });

  it('is a feature flag, whose refusal is told and keeps the files', async () => {
    cluster.put(connector('second'));
    cluster.allow('second');
    const several = cluster.node.volume();
    await driver.kubelet.publishVolume(several, { attributes: { connectors: 'harbor, second' } });
    const before = several.read();
    cluster.put(flagsConfigMap({ 'enable-multi-connector': 'false' }));
    await eventually('the condition tells', async () => {
      const condition = await conditionOf(several);
      return condition?.abnormal === true && condition.message.includes('enable-multi-connector');
    });
    assert.deepEqual(several.read(), before);
  });

  it('is tried once and then left to the kubelet, however often others are edited', async () => {
    cluster.api.delete('connectors', { namespace: 'ci', name: 'harbor' });
    await eventually('it was tried', () => driver.log.includes('Failed to refresh volume after change'));
    cluster.put(connector('second'));
    cluster.allow('second');
    const other = cluster.node.volume();
    await driver.kubelet.publishVolume(other, { attributes: { connectors: 'second' } });
    cluster.put(connector('second', { proxyUrl: 'http://edited.example' }));
    await shows('http://edited.example', other);
    assert.equal(driver.log.split('Failed to refresh volume after change').length, 2);
  });

  it('waits for the kubelet when the token is over', async () => {
    await cluster.stopDriver(driver);
    let nowMs = Date.now();
    driver = await cluster.readyDriver({ now: () => nowMs });
    await driver.kubelet.publishVolume(volume);
    nowMs += 3_600_000;
    cluster.put(connector('harbor', { proxyUrl: 'http://other.example' }));
    const other = cluster.node.volume();
    nowMs -= 3_600_000;
    await driver.kubelet.publishVolume(other);
    await shows('http://other.example', other);
    volume.renewToken();
    await driver.kubelet.publishVolume(volume);
    assert.equal(addressOf(volume), 'http://other.example');
  });

  it('ends at a state of one moment when an object is edited all the time, at most once a second', async () => {
    const revisions = new Set<string>();
    const edits = 60;
    const startMs = performance.now();
    for (let edit = 1; edit <= edits; edit += 1) {
      cluster.put(connector('harbor', { proxyUrl: `http://edit-${edit}.example` }));
      await new Promise((resolve) => setTimeout(resolve, 20));
      revisions.add(volume.revision());
    }
    const tookMs = performance.now() - startMs;
    await shows(`http://edit-${edits}.example`);
    // One from before, one at once, and one for each second begun.
    assert.ok(revisions.size <= 3 + Math.floor(tookMs / 1000), `${revisions.size} revisions in ${tookMs} ms`);
  });
});

describe('a change of the proxy CA file', () => {
  it('reaches the volumes', async () => {
    const cluster = started(await Cluster.start());
    const file = path.join(cluster.node.root, 'proxy-ca.pem');
    const pem = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    fs.writeFileSync(file, pem('one'));
    const driver = await cluster.readyDriver({ flags: ['--proxy-ca-file', file] });
    const volume = cluster.node.volume();
    await driver.kubelet.publishVolume(volume);
    fs.writeFileSync(file, pem('two'));
    await eventually('the bundle is the new one', () => volume.read()['ca.crt'] === pem('two'));
  });
});
