import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deployFolder, only, readManifests } from '../../support/deploy/manifests.js';

interface Step {
  readonly script?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

const tekton = (name: string): string => path.join(deployFolder, 'examples', 'tekton', name);

function stepOf(file: string): Step {
  const { steps } = only(readManifests(tekton(file)), 'Task')['spec'] as { steps: readonly [Step] };
  return steps[0];
}

/** Writes one line per call: its arguments and the variables that it sees. */
const buildahStandIn = `#!/bin/sh
echo "$* | $https_proxy | $REGISTRY_AUTH_FILE | $CONTAINERS_REGISTRIES_CONF" >>"$CALLS"
`;

describe('the Tekton tasks', () => {
  let folder: string;
  let workspace: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-tekton-'));
    workspace = path.join(folder, 'registry config');
    mkdirSync(workspace);
    mkdirSync(path.join(folder, 'bin'));
    writeFileSync(path.join(folder, 'bin', 'buildah'), buildahStandIn);
    chmodSync(path.join(folder, 'bin', 'buildah'), 0o755);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Runs a command as a step's container would, and returns what buildah was called with. */
  function run(command: readonly string[], variables: Readonly<Record<string, string>>): string[] {
    const calls = path.join(folder, 'calls');
    const env = { PATH: `${path.join(folder, 'bin')}:/usr/bin:/bin`, CALLS: calls, TMPDIR: folder, ...variables };
    // Without stdin: bash takes a socket there for a remote login and reads ~/.bashrc.
    const result = spawnSync(command[0]!, command.slice(1), {
      cwd: folder,
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.equal(result.stderr, '');
    assert.equal(result.status, 0);
    return existsSync(calls)
      ? readFileSync(calls, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => line.trimEnd())
      : [];
  }

  function fill(...files: readonly string[]): void {
    for (const file of files)
      writeFileSync(path.join(workspace, file), file === '.env' ? 'https_proxy=http://u:t@p\n' : '');
  }

  describe('buildah', () => {
    const build = (files: readonly string[], bound = true): string[] => {
      fill(...files);
      const variables = {
        IMAGE: 'r/i:1',
        DOCKERFILE: 'D',
        CONTEXT: '.',
        WS: bound ? workspace : '',
        DIGEST_FILE: 'digest',
      };
      const [shebang, ...lines] = stepOf('buildah-task.yaml').script!.split('\n');
      assert.equal(shebang, '#!/usr/bin/env bash');
      return run(['bash', '-c', lines.join('\n')], variables);
    };
    const bud = '--storage-driver=vfs bud --http-proxy=false --file D --tag r/i:1';
    const push = '--storage-driver=vfs push --digestfile digest';

    it('hands proxy, login, registries and certificates to both commands', () => {
      const seen = `| http://u:t@p | ${workspace}/config.json | ${workspace}/registries.conf`;
      const calls = build(['.env', 'config.json', 'registries.conf', 'ca.crt', 'ca.cert']);
      const [certs] = calls.flatMap((call) => / --cert-dir (\S+)/.exec(call)?.[1] ?? []);
      assert.deepEqual(readdirSync(certs!), ['ca.crt']);
      const anyCalls = calls.map((call) => call.replace(/--cert-dir \S+/, '--cert-dir CERTS'));
      assert.deepEqual(anyCalls, [`${bud} --cert-dir CERTS . ${seen}`, `${push} --cert-dir CERTS r/i:1 ${seen}`]);
    });

    it('takes what there is', () => {
      assert.deepEqual(build(['.env']), [`${bud} . | http://u:t@p |  |`, `${push} r/i:1 | http://u:t@p |  |`]);
    });

    it('works without the workspace', () => {
      assert.deepEqual(build([], false), [`${bud} . |  |  |`, `${push} r/i:1 |  |  |`]);
    });
  });

  it('buildah-cli runs a command that sources .env, and its children see the variables', () => {
    fill('.env');
    const { params } = only(readManifests(tekton('buildah-cli-taskrun.yaml')), 'TaskRun')['spec'] as {
      params: readonly [{ name: string; value: string }];
    };
    const { command, args } = stepOf('buildah-cli-task.yaml');
    const calls = run([...command!, ...args!], { COMMAND: params[0].value, WS: workspace, SOURCE: folder });
    assert.equal(calls.length, 2);
    for (const call of calls) assert.match(call, / \| http:\/\/u:t@p \| /);
  });
});
