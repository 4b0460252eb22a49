import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { connector, secret } from '../../../support/proxy/manifests.ts';
import { distinguishedName, signCa } from '../../../../src/proxy/certificates/x509.ts';
import { started } from '../../../support/started.ts';

/** Different certificates that take the longest to parse. */
function certificates(count: number): readonly string[] {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const validity = { notBefore: new Date(0), notAfter: new Date(Date.now() + 86_400_000) };
  return Array.from({ length: count }, (_each, at) =>
    signCa({ name: distinguishedName(`c${at}`), key: keys.privateKey, publicKey: keys.publicKey }, validity),
  );
}

describe('trust stores, attacked from another process', function () {
  this.timeout(300_000);

  it('of ten namespaces leave the thread to others', async () => {
    const all = certificates(300);
    const connectors = Array.from({ length: 6 }, (_each, at) => `c${at}`);
    const attacked = started(
      await AttackedProxy.start(10, {
        objects: ({ name: namespace, toolPort }) =>
          connectors.flatMap((name, at) => {
            // Another order is another trust store.
            const pem = [...all.slice(at), ...all.slice(0, at)].join('');
            return [
              connector(name, `https://hostile.example:${toolPort}/${at}`, { namespace, caSecret: name }),
              { ...secret(name, 'Opaque', { 'ca.crt': pem }), metadata: { namespace, name } },
            ];
          }),
      }),
    );
    for (const namespace of attacked.hostile) {
      await attacked.attack('requests', {
        pods: await attacked.pods(namespace, 2, connectors),
        lanes: 8,
        urls: connectors.map((_name, at) => `http://hostile.example:${namespace.toolPort}/${at}/`),
      });
    }
    const { failed, served, probes } = await attacked.bystand(300, 50);
    assert.deepEqual({ failed, served, missed: probes.missed }, { failed: {}, served: 300, missed: 0 });
  });
});
