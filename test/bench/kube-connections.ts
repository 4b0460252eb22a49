/**
 * What a node pays for its connection to the API server, over HTTP/2 and over HTTP/1.1: `node --import tsx
 * test/bench/kube-connections.ts`. The client runs alone in a process of its own, bundled as the driver is.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { KubeApi } from '../support/kube-api/kube-api.js';

/** Flags of node for the measured process, such as --max-semi-space-size=1. */
const extraFlags = process.argv.slice(2);
const folder = mkdtempSync(path.join(tmpdir(), 'kube-bench-'));
const program = path.join(folder, 'client.mjs');
await build({
  entryPoints: [path.join(import.meta.dirname, 'kube-client-process.ts')],
  outfile: program,
  bundle: true,
  platform: 'node',
  format: 'esm',
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});

const connector = (name: string, bytes: number): Parameters<KubeApi['put']>[0] => ({
  apiVersion: 'connectors.alauda.io/v1alpha1',
  kind: 'Connector',
  metadata: { name, namespace: 'bench' },
  spec: { address: 'https://example', params: [{ name: 'filler', value: 'x'.repeat(bytes) }] },
});

for (const http2 of [true, false]) {
  for (const watches of [0, 10, 80, 200]) {
    const api = await KubeApi.start({ http2 });
    api.bind({ user: 'bench', rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] });
    api.put(connector('small', 2000));
    for (let index = 0; index < watches; index += 1) api.put(connector(`c-${index}`, 20_000));
    const caFile = path.join(folder, 'ca.crt');
    writeFileSync(caFile, api.authority.certificate);
    let connections = 0;
    const sampling = setInterval(() => (connections = Math.max(connections, api.openConnections)), 50);
    const args = [
      '--expose-gc',
      ...extraFlags,
      program,
      String(api.port),
      api.tokenFor('bench'),
      caFile,
      String(watches),
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await new Promise((resolve) => child.on('close', resolve));
    clearInterval(sampling);
    console.log(http2 ? 'HTTP/2  ' : 'HTTP/1.1', `connections ${connections}`, output.trim());
    await api.stop();
  }
}
rmSync(folder, { recursive: true });
