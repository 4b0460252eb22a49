import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import type { Metafile } from 'esbuild';
import { bundles, nodeCheck } from '../../../.ci/bundles.mjs';
import { sbomOf } from '../../../.ci/sbom.mjs';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { repository } from '../../support/deploy/manifests.ts';

const built = new Map<string, Promise<Metafile>>();

/** What esbuild tells of a bundle, which is built once for all tests. */
function metafileOf(name: keyof typeof bundles): Promise<Metafile> {
  const found =
    built.get(name) ?? build({ ...bundles[name], outdir: '/dev/null', write: false }).then(({ metafile }) => metafile);
  built.set(name, found);
  return found;
}

async function inputsOf(name: keyof typeof bundles): Promise<readonly string[]> {
  return Object.keys((await metafileOf(name)).inputs);
}

/** The sources and external modules that a command's process has, given its source. What it loads later is not among them. */
async function loadedWith(source: string): Promise<readonly string[]> {
  const { outputs } = await metafileOf('program');
  const ofProgram = (entry: string): string[] =>
    Object.keys(outputs).filter((name) => outputs[name]?.entryPoint === entry);
  const names = new Set([...ofProgram('src/program.ts'), ...ofProgram(source)]);
  assert.equal(names.size, source === 'src/program.ts' ? 1 : 2, source);
  const loaded: string[] = [];
  for (const name of names) {
    const { imports = [], inputs = {} } = outputs[name] ?? {};
    loaded.push(...Object.keys(inputs));
    for (const { path: imported, kind } of imports.filter(({ kind }) => kind === 'import-statement')) {
      if (imported in outputs) names.add(imported);
      else loaded.push(`${kind} ${imported}`);
    }
  }
  return loaded;
}

describe('the bundles', () => {
  it('are built so that npx can run the program, also after another build', () => {
    assert.equal(statSync(path.join(repository, 'dist/main.js')).mode & 0o777, 0o755);
  });

  /** Sources of commands, and what their processes must not have. */
  const foreign = {
    'src/program.ts': /^src\/(?:cli|driver|image-pulls|proxy)\/|node_modules\/(?!atomic-sleep|sonic-boom)/,
    'src/cli/serve.ts': /^src\/(?:proxy|image-pulls)\/|node_modules\/(?:jose|@peculiar|undici|@bufbuild)\//,
    'src/proxy/command.ts':
      /^src\/(?:cli|driver|image-pulls)\/|^src\/proxy\/check\/|node_modules\/(?:@grpc|protobufjs|koffi)\//,
    'src/proxy/check/run-check.ts': /^src\/(?:cli|image-pulls)\/|node_modules\/(?:@grpc|protobufjs|koffi)\//,
    'src/image-pulls/run-image-pulls.ts':
      /^src\/(?:cli|driver|proxy)\/|node_modules\/(?:@grpc|protobufjs|koffi|undici|yaml)\//,
    'src/proxy/doctor/proxy-doctor.ts': /^src\/(?:cli|driver)\/|node_modules\/(?:@grpc|protobufjs|koffi|@bufbuild)\//,
    'src/image-pulls/doctor/node-doctor.ts': /^src\/(?:cli|driver|proxy)\/|node_modules\/(?:@grpc|protobufjs|koffi)\//,
  };

  for (const [source, others] of Object.entries(foreign)) {
    it(`load nothing of others with ${source}`, async () => {
      const loaded = await loadedWith(source);
      assert.ok(loaded.includes(source));
      assert.deepEqual(
        loaded.filter((each) => others.test(each)),
        [],
      );
    });

    // It would load the undici of Node: 6 MB.
    it(`do not import node:http with ${source}`, async () => {
      const loaded = await loadedWith(source);
      assert.ok(loaded.some((each) => each.startsWith('import-statement node:')));
      assert.deepEqual(
        loaded.filter((each) => /^import-statement (?:node:)?http$/.test(each)),
        [],
      );
    });
  }

  it('start with a few modules and no library', async () => {
    const inputs = await inputsOf('main');
    assert.deepEqual(
      inputs.filter((input) => input.includes('node_modules') || input === 'src/program.ts'),
      [],
    );
  });

  it('start the proxy with the threads that its lookups are counted for', () => {
    const { js = '' } = bundles.main.banner ?? {};
    assert.ok(js.includes(`process.env.UV_THREADPOOL_SIZE ??= '${proxyLimits.lookups.threads}';`));
  });

  it('say which Node they need, where an older one can read it', () => {
    const { engines } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
      readonly engines: { readonly node: string };
    };
    const { banner, target } = bundles.main;
    assert.ok(
      banner?.['js']?.startsWith(`#!/usr/bin/env node\nimport __v8 from 'node:v8';\n${nodeCheck(engines.node)}\n`),
    );
    assert.equal(target, 'node18');
    const started = (needed: string) => {
      const { status, stderr } = spawnSync(process.execPath, ['-e', nodeCheck(needed)], { encoding: 'utf8' });
      return { status, stderr };
    };
    const fine = { status: 0, stderr: '' };
    for (const needed of ['>=9.99', engines.node, `>=${process.versions.node}`])
      assert.deepEqual(started(needed), fine);
    const stderr = `connectors-csi: this is Node ${process.versions.node}, but the program needs Node 100.2 or later: install it, or use the image\n`;
    assert.deepEqual(started('>=100.2'), { status: 2, stderr });
  });

  it('are what the bill of materials lists, with what is shipped otherwise, and nothing else', async () => {
    const names = Object.keys(bundles) as (keyof typeof bundles)[];
    const inputs = (await Promise.all(names.map(inputsOf))).flat();
    const asMetafile = { inputs: Object.fromEntries(inputs.map((input) => [input, { bytes: 0, imports: [] }])) };
    const { components } = JSON.parse(sbomOf(repository, [asMetafile])) as {
      components: { group?: string; name: string; version: string; purl: string; licenses: unknown[] }[];
    };
    // Beside the bundles, and in them as data made from it.
    const others = ['koffi', 'moment-timezone'];
    const listed = components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`)).sort();
    const bundled = inputs.flatMap(
      (input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(input)?.[1] ?? [],
    );
    assert.deepEqual(listed, [...new Set([...bundled, ...others])].sort());
    for (const { name, version, purl, licenses } of components) {
      const { version: installed } = JSON.parse(
        readFileSync(
          path.join(
            repository,
            'node_modules',
            decodeURIComponent(purl.slice(8)).replace(/@[^@]+$/, ''),
            'package.json',
          ),
          'utf8',
        ),
      ) as { version: string };
      assert.equal(version, installed, name);
      assert.ok(licenses.length > 0, name);
    }
  });
});
