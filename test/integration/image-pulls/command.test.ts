import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseImagePullsConfig } from '../../../src/image-pulls/flags.ts';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { InstallerProcess } from '../../support/image-pulls/installer-process.ts';
import { NodeDirectories } from '../../support/image-pulls/node-directories.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const script = 'connectors-credential-provider';
const ca = createCa({ now: Date.now });

describe('connectors-csi image-pulls', function () {
  this.timeout(120_000);
  let node: NodeDirectories;
  let installer: InstallerProcess | undefined;
  beforeEach(() => {
    node = started(new NodeDirectories());
    mkdirSync(node.at('config'));
  });
  afterEach(() => installer?.stop());

  const start = (task = 'install', flags: readonly string[] = []): InstallerProcess =>
    (installer = new InstallerProcess(task, [
      ...[...node.flags, '--ca-file', node.at('config', 'ca.crt'), '--proxy-host', '10.96.0.10', ...flags],
    ]));
  /** As the kubelet replaces the file of a ConfigMap. */
  const publish = (text: string): void => {
    writeFileSync(node.at('config', 'next'), text);
    renameSync(node.at('config', 'next'), node.at('config', 'ca.crt'));
  };

  it('installs what it can, is ready when the CA has come, follows it, and puts back what is removed', async () => {
    const { log } = start();
    assert.equal(log, '');
    await eventually('the script is there', () => node.list().some((line) => line.endsWith(script)));
    const readiness = await installer!.readiness();
    assert.match(readiness, /^503 cannot read --ca-file .*ca\.crt: ENOENT: set --publish-ca-config-map at the proxy/);
    assert.match(node.read('containerd', 'connectors.local', 'hosts.toml'), /^ca = "ca\.crt"$/m);
    publish(ca.certificate);
    await installer!.untilReady();
    const both = `${ca.certificate}${createCa({ now: Date.now }).certificate}`;
    publish(both);
    await eventually('both files have followed', () => node.hasCa(both));
    rmSync(node.at('providers', script));
    chmodSync(node.at('crio', 'connectors.local', 'ca.crt'), 0o600);
    await eventually('it is mended', () => node.list().includes(`755 providers/${script}`));
    await eventually('so is the mode', () => node.list().includes('644 crio/connectors.local/ca.crt'));
    assert.equal(await installer!.stop(), 0);
    assert.match(installer!.log, /"msg":"Files of the node are current"/);
    assert.equal(node.list().length, 6);
  });

  it('never writes a key that is in the file with the CA, and takes no certificate of something else', async () => {
    publish(`${ca.key.expose()}${ca.certificate}`);
    start();
    await installer!.untilReady();
    assert.ok(!node.read('crio', 'connectors.local', 'ca.crt').includes('PRIVATE KEY'));
    publish('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    await eventually('it is not ready', async () => /^503 .*not a bundle of CA/.test(await installer!.readiness()));
    assert.ok(node.read('crio', 'connectors.local', 'ca.crt').includes(ca.certificate.trim()));
  });

  it('reports a file of an administrator once, and is ready when that is gone', async () => {
    publish(ca.certificate);
    writeFileSync(node.at('providers', script), '#!/bin/sh\n');
    start();
    await eventually('it reports the file', () => installer!.log.includes('by an administrator'));
    assert.match(await installer!.readiness(), /^503 .*is not replaced/);
    rmSync(node.at('providers', script));
    await installer!.untilReady();
    assert.equal(installer!.log.split('by an administrator').length, 2);
  });

  it('uninstalls, is ready when nothing is left, and keeps it so', async () => {
    publish(ca.certificate);
    start();
    await installer!.untilReady();
    await installer!.stop();
    start('uninstall');
    await installer!.untilReady();
    assert.deepEqual(node.list(), []);
    assert.match(installer!.log, /"path":"[^"]*hosts\.toml","msg":"Removed file of the node"/);
  });

  it('ends with the usage for what it does not understand', async () => {
    const { exited } = start('remove');
    assert.equal(await exited, 2);
    assert.match(installer!.log, /^connectors-csi image-pulls: the first argument must be install or uninstall/);
    for (const [flags, message] of [
      [['--registry', 'a/b'], /--registry "a\/b": must be a DNS name/],
      [['--crio-dir', 'here'], /--crio-dir "here": must be an absolute path/],
      [['--crio-dir', '/a/../b'], /--crio-dir "\/a\/\.\.\/b": must be a path without/],
      [['--proxy-port', '0'], /--proxy-port "0": must be a port/],
      [['--provider-dir', '', '--containerd-dir', '', '--crio-dir', ''], /must not be empty/],
    ] as const) {
      const words = [...node.flags, '--ca-file', node.at('config', 'ca.crt'), '--proxy-host', '10.96.0.10', ...flags];
      assert.throws(() => parseImagePullsConfig(words, {}), { name: 'UsageError', message });
    }
  });
});
