import assert from 'node:assert/strict';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { connected, startTool, withTls } from '../../support/e2e/activated.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { exampleSpec } from '../../support/e2e/tekton-step.ts';

const host = 'tools.test';

describe('the Tekton StepAction with-connectors', function () {
  this.timeout(120_000);
  let volume: TestVolume;
  let page: string;
  const use = useFlowFixture({ hosts: [host], ...withTls }, ['curl'], async (fixture) => {
    const tool = await startTool(host, { 'GET /page': 'welcome' }, 'text/html');
    fixture.onStop(() => tool.stop());
    page = `${tool.url(host)}/page`;
    volume = (await connected(fixture, tool.url(host))).http;
  });

  it('runs a program with the variables of `activate`', async () => {
    const step = exampleSpec('StepAction', 'with-connectors') as Readonly<
      Record<'command' | 'args', readonly string[]>
    >;
    const words = [...step.command, ...step.args].flatMap((word) =>
      word === '$(params.COMMAND[*])' ? ['curl', '-sSf', page] : [word.replace('$(params.DIRECTORY)', volume.target)],
    );
    const { fixture } = use;
    assert.equal((await fixture.run(words, fixture.work)).stdout, 'welcome');
  });
});
