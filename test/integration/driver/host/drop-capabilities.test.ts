import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { neededMask } from '../../../../src/driver/host/capabilities.js';
import { DriverProcess } from '../../../support/driver/driver-process.js';
import { connectorClass } from '../../../support/driver/manifests.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { eventually } from '../../../support/poll.js';
import { threadFields } from '../../../support/process-state.js';
import { hasManyIds } from '../../../support/user-ids.js';

const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'] as const;
const nothing = mask(0n);
const needed = mask(neededMask);

function mask(bits: bigint): string {
  return bits.toString(16).padStart(16, '0');
}

/** setpriv(1) that leaves all capabilities but one, in a program that it becomes. */
const withoutSetPcap = ['setpriv', '--bounding-set', '-setpcap', '--inh-caps', '-setpcap'];

describe("the driver's capabilities", () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  beforeEach(() => {
    node = new NodeSandbox();
    // Takes so long that it is rendered in a thread.
    const slow = { name: 'slow', data: { 'slow.txt': '{{ bcrypt "x" | len }}' } };
    node.writeManifest('class-oci.json', connectorClass('oci', { configurations: [slow] }));
  });
  afterEach(async () => {
    await driver.killed();
    node.remove();
  });

  /** Those of a set in each thread, without repetition. */
  const ofThreads = (name: string): string[] => [
    ...new Set(threadFields(driver.pid, [name]).map((fields) => fields[name] ?? '')),
  ];

  /** A first publish with a group, a refresh and an unpublish, by way of every thread that the driver has. */
  const serveOneVolume = async (): Promise<void> => {
    const group = hasManyIds() ? 4711 : 0;
    const volume = node.volume();
    const request = () =>
      volume.publishRequest({
        attributes: { connectors: 'harbor', 'configuration.names': 'slow' },
        fields: { volume_capability: { mount: { volume_mount_group: String(group) } } },
      });
    await driver.kubelet.publish(request());
    assert.equal(volume.read()['slow.txt'], '60');
    assert.equal(fs.statSync(path.join(volume.target, 'context.token')).gid, group);
    const token = volume.renewToken();
    await driver.kubelet.publish(request());
    assert.equal(volume.read()['context.token'], token);
    await driver.kubelet.unpublishVolume(volume);
    assert.ok(!fs.existsSync(volume.target));
  };

  it('are those that it needs in every thread, with no way to others, and everything works', async () => {
    driver = await DriverProcess.start(node);
    await serveOneVolume();
    assert.ok(threadFields(driver.pid, []).length > 5);
    assert.deepEqual(Object.fromEntries(sets.map((set) => [set, ofThreads(set)])), {
      CapInh: [nothing],
      CapPrm: [needed],
      CapEff: [needed],
      CapBnd: [needed],
      CapAmb: [nothing],
    });
    assert.deepEqual(ofThreads('NoNewPrivs'), ['1']);
    await driver.untilLogIs(
      ({ msg, capabilities }) => (msg === 'Running with capabilities' ? capabilities : undefined),
      ['CAP_CHOWN, CAP_SYS_ADMIN'],
    );
    assert.deepEqual(await driver.stop(), { status: 0, signal: null });
  });

  it('are all that it was given with --drop-capabilities=false', async () => {
    driver = await DriverProcess.start(node, ['--drop-capabilities=false']);
    const [own] = threadFields(process.pid, sets);
    assert.deepEqual(Object.fromEntries(sets.map((set) => [set, ofThreads(set)])), {
      ...Object.fromEntries(sets.map((set) => [set, [own?.[set]]])),
    });
    await serveOneVolume();
  });

  it('are those that it needs also where it may not shorten the list of what may be had', async function () {
    if (spawnSync('setpriv', ['--version']).status !== 0) this.skip();
    driver = new DriverProcess(node, [], {}, withoutSetPcap);
    await driver.kubelet.untilReady();
    await serveOneVolume();
    assert.deepEqual([ofThreads('CapPrm'), ofThreads('CapEff'), ofThreads('NoNewPrivs')], [[needed], [needed], ['1']]);
    assert.notDeepEqual(ofThreads('CapBnd'), [needed]);
  });

  it('are reported when it has more all the same', async () => {
    driver = new DriverProcess(node, [], { CONNECTORS_CSI_CONFINED: 'true' });
    await driver.untilLogged(/^Failed to drop capabilities/);
    await eventually('it serves', () => driver.logLines().some(({ msg }) => msg === 'Started'));
  });
});
