import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundles, nodeCheck } from '../../../.ci/bundles.mjs';
import { sbomOf } from '../../../.ci/sbom.mjs';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { repository } from '../../support/deploy/manifests.ts';

const built = new Map<string, Promise<readonly string[]>>();

/** The files of a bundle, which is built once for all tests. */
function inputsOf(name: keyof typeof bundles): Promise<readonly string[]> {
  const found =
    built.get(name) ??
    build({ ...bundles[name], outfile: `/dev/null/${name}.js`, write: false }).then(({ metafile }) =>
      Object.keys(metafile.inputs),
    );
  built.set(name, found);
  return found;
}

describe('the bundles', () => {
  it('are built so that npx can run the program, also after another build', () => {
    assert.equal(statSync(path.join(repository, 'dist/main.js')).mode & 0o777, 0o755);
  });

  it('hold nothing of the proxy in what the driver loads', async () => {
    const inputs = [...(await inputsOf('main')), ...(await inputsOf('program'))];
    assert.ok(inputs.includes('src/driver/driver.ts'));
    const foreign = inputs.filter((input) => /^src\/proxy\/|node_modules\/(jose|@peculiar)\//.test(input));
    assert.deepEqual(foreign, []);
  });

  it('hold nothing of check there', async () => {
    const inputs = await inputsOf('program');
    assert.ok(inputs.includes('src/program.ts'));
    const ofCheck = inputs.filter((input) => input.startsWith('src/proxy/check/'));
    assert.deepEqual(ofCheck, []);
  });

  it('start with a few modules and no library', async () => {
    const inputs = await inputsOf('main');
    assert.deepEqual(
      inputs.filter((input) => input.includes('node_modules') || input === 'src/program.ts'),
      [],
    );
  });

  it('hold nothing of the driver in what the proxy loads', async () => {
    const inputs = await inputsOf('proxy');
    assert.ok(inputs.includes('src/proxy/proxy.ts'));
    const foreign = inputs.filter((input) =>
      /^src\/(driver|gotemplate)\/|node_modules\/(@grpc|protobufjs|koffi)\//.test(input),
    );
    assert.deepEqual(foreign, []);
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

  it('hold nothing of the driver in what checks the proxy', async () => {
    const inputs = await inputsOf('proxy-doctor');
    assert.ok(inputs.includes('src/proxy/doctor/proxy-doctor.ts'));
    assert.deepEqual(
      inputs.filter((input) => /^src\/driver\/|node_modules\/(@grpc|protobufjs|koffi|@bufbuild)\//.test(input)),
      [],
    );
  });

  it('hold nothing of the driver in what checks image pulls', async () => {
    const inputs = await inputsOf('image-pulls-doctor');
    assert.ok(inputs.includes('src/image-pulls/doctor/node-doctor.ts'));
    assert.deepEqual(
      inputs.filter((input) => /^src\/(?:driver|proxy)\/|node_modules\/(@grpc|protobufjs|koffi)\//.test(input)),
      [],
    );
    assert.ok(!(await inputsOf('program')).some((input) => input.startsWith('src/image-pulls/')));
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
