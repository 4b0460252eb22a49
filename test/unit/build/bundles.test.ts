import assert from 'node:assert/strict';
import { build } from 'esbuild';
import { bundles } from '../../../.ci/bundles.mjs';

async function inputsOf(name: keyof typeof bundles): Promise<readonly string[]> {
  const { metafile } = await build({ ...bundles[name], outfile: `/dev/null/${name}.js`, write: false });
  return Object.keys(metafile.inputs);
}

describe('the bundles', () => {
  it('hold nothing of the proxy in what the driver loads', async () => {
    const inputs = [...(await inputsOf('main')), ...(await inputsOf('program'))];
    assert.ok(inputs.includes('src/driver/driver.ts'));
    const foreign = inputs.filter((input) => /^src\/proxy\/|node_modules\/(jose|@peculiar)\//.test(input));
    assert.deepEqual(foreign, []);
  });

  it('hold nothing of the demo there but its flags', async () => {
    const inputs = await inputsOf('program');
    const ofDemo = inputs.filter((input) => input.startsWith('src/cli/demo/'));
    assert.deepEqual(ofDemo, ['src/cli/demo/demo.ts']);
  });

  it('start with what a driver needs to start itself anew, and no library', async () => {
    const inputs = await inputsOf('main');
    assert.ok(inputs.includes('src/driver/host/confinement.ts'));
    assert.deepEqual(
      inputs.filter((input) => input.includes('node_modules') || input === 'src/program.ts'),
      [],
    );
  });

  it('hold nothing of the driver in what the proxy loads', async () => {
    const inputs = await inputsOf('proxy');
    assert.ok(inputs.includes('src/proxy/proxy.ts'));
    const foreign = inputs.filter((input) => /^src\/driver\/|node_modules\/(@grpc|protobufjs|koffi)\//.test(input));
    assert.deepEqual(foreign, []);
  });
});
