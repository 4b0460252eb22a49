import { generateKeyPairSync } from 'node:crypto';
import { distinguishedName, signCa } from '../../../../src/proxy/certificates/x509.ts';
import { connector, secret } from '../manifests.ts';
import type { HostileNamespace } from './attacked-proxy.ts';

/** 7 KB that take 324 KiB once they are parsed, and tens of milliseconds. */
export const longRules = Array.from({ length: 48 }, (_each, at) => {
  const paths = Array.from({ length: 20 }, (_path, index) => `/${((at * 20 + index) % 1296).toString(36)}`);
  return `- allow: { paths: [${paths.join()}] }\n`;
}).join('');

/** Connectors with long rules. */
export function ruledConnectors(namespace: string, count: number): readonly object[] {
  return Array.from({ length: count }, (_each, at) =>
    connector(`ruled-${at}`, 'http://127.0.0.1:9', { namespace, rules: { rules: longRules } }),
  );
}

/** A Connector of nearly 64 KiB that takes as long to parse as one can, in one of many versions. */
export function largeConnector(namespace: string, version: number): object {
  const extra = Array.from({ length: 5_500 }, (_each, at) => ({ [(at + version).toString(36)]: 1 }));
  const made = connector('large', 'http://127.0.0.1:9', { namespace }) as { readonly spec: object };
  return { ...made, spec: { ...made.spec, extra } };
}

/** Names of Connectors whose CAs are different trust stores. */
export const storeNames = Array.from({ length: 6 }, (_each, at) => `store-${at}`);

/** Returns what makes these Connectors, with the certificates that take the longest to parse. */
export function trustStores(): (namespace: HostileNamespace) => readonly object[] {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const validity = { notBefore: new Date(0), notAfter: new Date(Date.now() + 86_400_000) };
  const all = Array.from({ length: 300 }, (_each, at) =>
    signCa({ name: distinguishedName(`c${at}`), key: keys.privateKey, publicKey: keys.publicKey }, validity),
  );
  return ({ name: namespace, toolPort }) =>
    storeNames.flatMap((name, at) => {
      // Another order is another trust store.
      const pem = [...all.slice(at), ...all.slice(0, at)].join('');
      return [
        connector(name, `https://hostile.example:${toolPort}/${at}`, { namespace, caSecret: name }),
        { ...secret(name, 'Opaque', { 'ca.crt': pem }), metadata: { namespace, name } },
      ];
    });
}

/** What a pod asks these Connectors for. */
export function storeUrls({ toolPort }: HostileNamespace): readonly string[] {
  return storeNames.map((_name, at) => `http://hostile.example:${toolPort}/${at}/`);
}
