import assert from 'node:assert/strict';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { connector } from '../support/driver/manifests.ts';
import { NodeSandbox } from '../support/driver/node-sandbox.ts';
import type { TestVolume } from '../support/driver/test-volume.ts';
import { missingPrograms, run } from '../support/e2e/programs.ts';

const names = ['http_proxy', 'https_proxy', 'no_proxy'] as const;
const print = names.map((name) => `printf '%s\\n' "$${name}"`).join('; ');
const printenv = names.map((name) => `printenv ${name}`).join('; ');

/** How programs read an env file; each prints the three values, one a line. */
const readers: Readonly<Record<string, { readonly program: string; readonly args: readonly string[] }>> = {
  'sh, which sources it': { program: 'sh', args: ['-euc', `. ./.env; ${print}`] },
  'sh, which exports it': { program: 'sh', args: ['-euc', `set -a; . ./.env; set +a; ${printenv}`] },
  'bash, which sources it': { program: 'bash', args: ['-euc', `. ./.env; ${print}`] },
  'bash without a match for its patterns': { program: 'bash', args: ['-euc', `shopt -s failglob; . ./.env; ${print}`] },
  'env, by words': { program: 'sh', args: ['-c', `env $(cat .env) sh -c '${printenv}'`] },
  'env -S': { program: 'sh', args: ['-c', `env -S "$(tr '\\n' ' ' <.env) sh -c '${printenv}'"`] },
  xargs: { program: 'sh', args: ['-c', `xargs -a .env sh -c 'env "$@" sh -c "${printenv}"' _`] },
  "node's dotenv reader": {
    program: process.execPath,
    args: ['--env-file=.env', '-e', `for (const name of ${JSON.stringify(names)}) console.log(process.env[name])`],
  },
  'kubectl --from-env-file': {
    program: 'sh',
    args: [
      '-c',
      `kubectl create configmap x --from-env-file=.env --dry-run=client -o jsonpath='${names
        .map((name) => `{.data.${name}}{"\\n"}`)
        .join('')}'`,
    ],
  },
};

describe('the .env file', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  const volumes: Record<string, TestVolume> = {};
  before(async () => {
    node = new NodeSandbox();
    node.writeManifest('v6.json', connector('v6', { proxyUrl: 'https://[2001:db8::1]:3128/path' }));
    node.writeManifest('github.json', connector('github.com'));
    driver = await DriverProcess.start(node);
    const mounts = { 'one connector': 'harbor', 'several connectors': 'harbor,github.com', 'an IPv6 proxy': 'v6' };
    for (const [what, connectors] of Object.entries(mounts)) {
      const volume = (volumes[what] = node.volume());
      await driver.kubelet.publishVolume(volume, { attributes: { connectors } });
    }
  });
  after(async () => {
    await driver.stop();
    node.remove();
  });

  for (const [reader, { program, args }] of Object.entries(readers)) {
    it(`is taken as it is by ${reader}`, async function () {
      const missing = missingPrograms(program, ...(reader.startsWith('kubectl') ? ['kubectl'] : []));
      if (missing.length > 0) {
        console.log(`      skipped: not installed: ${missing.join(', ')}`);
        this.skip();
      }
      for (const [what, volume] of Object.entries(volumes)) {
        const { status, stdout, output } = await run(program, args, volume.target);
        assert.equal(status, 0, `${what}: ${output}`);
        const proxy = volume.read()['http.proxy'];
        assert.ok(proxy?.includes(volume.token));
        assert.deepEqual(stdout.trimEnd().split('\n'), [proxy, proxy, 'localhost,127.0.0.1,::1'], what);
      }
    });
  }
});
