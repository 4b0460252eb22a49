import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { activateFile } from '../../../src/driver/content/built-in-files.ts';
import { deployFolder, only, readManifests } from '../../support/deploy/manifests.ts';

interface Step {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly script?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

const folderOf = path.join(deployFolder, 'examples', 'tekton');
const tasks = readManifests(path.join(folderOf, 'tasks.yaml'));
const runs = readManifests(path.join(folderOf, 'runs.yaml'));

function stepOf(task: string): Step {
  const { steps } = only(tasks, 'Task', task)['spec'] as { steps: readonly [Step] };
  return steps[0];
}

/** Writes one line per call: its arguments and the variables that it sees. */
const buildahStandIn = `#!/bin/sh
echo "$* | $https_proxy | $REGISTRY_AUTH_FILE | $CONTAINERS_REGISTRIES_CONF | $SSL_CERT_FILE" >>"$CALLS"
`;

const dotEnv = 'http_proxy=http://u:t@p\nhttps_proxy=http://u:t@p\nno_proxy=localhost\n';

/** The variables that a step declares, but for those whose value Tekton fills in. */
function declaredBy(task: string): Record<string, string> {
  const constant = stepOf(task).env.filter(({ value }) => !value.includes('$('));
  return Object.fromEntries(constant.map(({ name, value }) => [name, value]));
}

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

  interface Outcome {
    /** What buildah was called with. */
    readonly calls: readonly string[];
    readonly log: string;
  }

  /** Runs a command as a step's container would. */
  function run(command: readonly string[], variables: Readonly<Record<string, string>>): Outcome {
    const calls = path.join(folder, 'calls');
    const env = { PATH: `${path.join(folder, 'bin')}:/usr/bin:/bin`, CALLS: calls, TMPDIR: folder, ...variables };
    // Without stdin: bash takes a socket there for a remote login and reads ~/.bashrc.
    const result = spawnSync(command[0]!, command.slice(1), {
      cwd: folder,
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.equal(result.status, 0, result.stderr);
    const lines = existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : [];
    return { calls: lines.map((line) => line.trimEnd()), log: `${result.stdout}${result.stderr}` };
  }

  function fill(...files: readonly string[]): void {
    for (const file of files) writeFileSync(path.join(workspace, file), file === '.env' ? dotEnv : '');
  }

  describe('buildah', () => {
    const start = (
      files: readonly string[],
      bound: boolean,
      options: readonly string[] = [],
      inRun = 'false',
    ): Outcome => {
      fill(...files);
      const variables = {
        ...declaredBy('buildah'),
        IMAGE: 'r/i:1',
        DOCKERFILE: 'D',
        CONTEXT: '.',
        CONNECTORS_IN_RUN: inRun,
        WS: bound ? workspace : '',
        DIGEST_FILE: 'digest',
      };
      const [shebang, ...lines] = stepOf('buildah').script!.split('\n');
      assert.equal(shebang, '#!/usr/bin/env bash');
      return run(['bash', ...options, '-c', lines.join('\n')], variables);
    };
    const build = (files: readonly string[], bound = true): readonly string[] => {
      const { calls, log } = start(files, bound);
      assert.equal(log, '');
      return calls;
    };
    const bud = '--storage-driver=vfs bud --http-proxy=false --file D --tag r/i:1';
    const push = '--storage-driver=vfs push --digestfile digest';

    it('mounts the volume in RUN steps if that is asked for, with a /tmp of their own', () => {
      const { calls } = start(['.env'], true, [], 'true');
      assert.match(
        calls[0] ?? '',
        new RegExp(`bud --http-proxy=false --volume ${workspace}:${workspace}:ro --volume \\S+:/tmp --file`),
      );
      assert.doesNotMatch(calls[1] ?? '', /--volume/);
    });

    it('works without the workspace', () => {
      assert.deepEqual(build([], false), [`${bud} . |  |  |  |`, `${push} r/i:1 |  |  |  |`]);
    });

    it('shows no token in a log that shows every command', () => {
      const { calls, log } = start(['.env'], true, ['-x']);
      assert.equal(calls.length, 2);
      assert.match(log, /^\+ with_connectors push$/m);
      assert.doesNotMatch(log, /u:t@p/);
    });
  });

  describe('buildah-cli', () => {
    /** @param shell what the step's own shell is given before its command */
    const start = (command: string, ...shell: readonly string[]): Outcome => {
      const step = stepOf('buildah-cli');
      const [program = '', ...options] = step.command!;
      const variables = { ...declaredBy('buildah-cli'), COMMAND: command, WS: workspace, SOURCE: folder };
      return run([program, ...shell, ...options, ...step.args!], variables);
    };
    const example = (): string => {
      const { params } = runs.find(({ metadata }) => metadata.generateName === 'build-app-cli-')!['spec'] as {
        params: readonly [{ name: string; value: string }];
      };
      return params[0].value;
    };

    const fillVolume = (): void => {
      writeFileSync(path.join(workspace, 'activate'), activateFile({ volumeId: 'v', noProxy: 'localhost' }));
      for (const file of ['http.proxy', 'https.proxy']) writeFileSync(path.join(workspace, file), 'http://u:t@p:80');
    };

    it('runs a command that only sources .env, as those for the original do', () => {
      fill('.env');
      assert.deepEqual(start('source "$WS/.env"\nbuildah push i').calls, ['push i | http://u:t@p |  |  |']);
    });

    it('shows no token in a log that shows every command', () => {
      fillVolume();
      const { calls, log } = start(`set -x\n${example()}`, '-x');
      assert.equal(calls.length, 2);
      assert.match(log, /activate' buildah/);
      assert.doesNotMatch(log, /u:t@p/);
    });
  });

  it('declare the variables of .env in every step, so that plain reading exports them', () => {
    for (const task of ['buildah', 'buildah-cli', 'fetch']) {
      const { http_proxy, https_proxy, no_proxy } = declaredBy(task);
      assert.deepEqual([http_proxy, https_proxy, no_proxy], ['', '', ''], task);
    }
  });
});
