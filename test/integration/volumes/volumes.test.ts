import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { volumes } from '../../../src/cli/volumes.ts';
import { UsageError } from '../../../src/shared/process/flags.ts';
import { assertNoToken } from '../../support/driver/canary.ts';
import { repository } from '../../support/deploy/manifests.ts';
import { Cluster } from '../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../support/driver/in-process-driver.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

describe('connectors-csi volumes', () => {
  let cluster: Cluster;
  let driver: InProcessDriver;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    driver = await cluster.readyDriver();
  });

  async function printed(...args: string[]): Promise<string> {
    let text = '';
    await volumes.run({
      args: ['--endpoint', cluster.node.socketPath, ...args],
      env: {},
      stdout: (part) => void (text += part),
      stderr: () => assert.fail('nothing to complain about'),
      logOutput: { write: () => assert.fail('nothing to log'), droppedLines: 0, onResumed: () => undefined },
      stopped: new AbortController().signal,
    });
    assertNoToken(text, 'what it prints');
    return text;
  }

  it('has no more than a head when there are none', async () => {
    assert.match(await printed(), /^POD +ACCOUNT +CONNECTORS +LAST +AGE +TOKEN +FAILING +FAILURE\n$/);
    assert.equal(await printed('--output', 'json'), '[]\n');
  });

  it('shows pod, connectors, outcome, age and expiry of each, and why one fails', async () => {
    const volume = cluster.node.volume({ name: 'build-pod' });
    await driver.kubelet.publishVolume(volume);
    const page = readFileSync(path.join(repository, 'docs/operations.md'), 'utf8');
    const [shown = ''] = /^POD .*\n.*\n/m.exec(page) ?? [];
    const withoutTimes = (text: string): string => text.replaceAll(/\b(?:\d+[hms])+/g, 'T').replaceAll(/ +/g, ' ');
    assert.equal(withoutTimes(await printed()), withoutTimes(shown));
    cluster.api.delete('connectors', { namespace: 'ci', name: 'harbor' });
    await eventually('it tells why', async () =>
      /^ci\/build-pod .* \d+s +NOT_FOUND: connector ci\/harbor does not exist/m.test(await printed()),
    );
    const [entry] = JSON.parse(await printed('--output', 'json')) as [Record<string, unknown>];
    assert.deepEqual(
      [entry['volumeId'], entry['serviceAccount'], entry['connectors'], entry['outcome']],
      [volume.volumeId, 'builder', ['ci/harbor'], 'fresh'],
    );
    assert.match(String(entry['failure']), /^NOT_FOUND: /);
    await driver.kubelet.unpublishVolume(volume);
    assert.equal(await printed('--output', 'json'), '[]\n');
  });

  it('replaces characters of a message that could control a terminal, in both formats', async () => {
    const volume = cluster.node.volume({ name: 'build-pod' });
    await driver.kubelet.publishVolume(volume);
    const attributes = { connectors: 'harbor', 'configuration.names': '\u009b31m\u202e\u007f' };
    await driver.kubelet.publishVolume(volume, { attributes }).catch(() => undefined);
    for (const text of [await printed(), await printed('--output', 'json')]) {
      assert.match(text, /\?31m\?\?/);
      assert.doesNotMatch(text, /[^\n -~]/);
    }
    await driver.kubelet.unpublishVolume(volume);
  });

  it('says where to run it when no driver answers', async () => {
    await cluster.stopDriver(driver);
    await assert.rejects(
      printed(),
      /the driver does not answer on \S+ \((?:ENOENT|ECONNREFUSED)\): run this in its container/,
    );
  });

  it('takes only the formats that there are', async () => {
    await assert.rejects(printed('--output', 'yaml'), UsageError);
  });
});
