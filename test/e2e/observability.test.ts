import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { parse } from 'yaml';
import { chartFolder, repository } from '../support/deploy/manifests.ts';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { connector } from '../support/driver/manifests.ts';
import { NodeSandbox } from '../support/driver/node-sandbox.ts';
import { missingPrograms } from '../support/e2e/programs.ts';
import { ProxyFixture } from '../support/proxy/proxy-fixture.ts';
import { started } from '../support/started.ts';

interface Rule {
  readonly alert: string;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Groups {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}
/** The files that `promtool test rules` takes. */
interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

const scenarios = path.join(repository, 'test', 'fixtures', 'alerts');
const files = readdirSync(scenarios);
const groups = ['connectors-csi', 'connectors-proxy'].flatMap((name) => {
  const file = path.join(chartFolder, 'files', 'alerts', `${name}.yaml`);
  return (parse(readFileSync(file, 'utf8')) as Groups).groups;
});

describe('metrics and alerts, as Prometheus takes them', function () {
  let folder: string;
  before(function () {
    if (missingPrograms('promtool').length > 0) {
      console.log('      skipped: not installed: promtool');
      this.skip();
    }
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-alerts-'));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  function promtool(args: readonly string[], input = ''): void {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input, cwd: folder });
    assert.equal(status, 0, `${stdout}${stderr}`);
  }

  it('has no fault to find with the metrics of a driver that has worked', async () => {
    const node = started(new NodeSandbox());
    node.writeManifest('harbor.json', connector('harbor'));
    const driver = started(await DriverProcess.start(node, ['--http-address', '127.0.0.1:0']));
    await driver.kubelet.publishVolume(node.volume());
    const { body } = await driver.http('/metrics');
    assert.match(body, /^connectors_csi_publishes_total\{/m);
    promtool(['check', 'metrics'], body);
  });

  it('has none to find with those of a proxy', async () => {
    const proxy = started(await ProxyFixture.start([]));
    const body = await proxy.metrics();
    assert.match(body, /^connectors_proxy_ready 1$/m);
    promtool(['check', 'metrics'], body);
  });

  it('reads the rules', () => {
    writeFileSync(path.join(folder, 'whole.yaml'), JSON.stringify({ groups }));
    promtool(['check', 'rules', 'whole.yaml']);
  });

  it('has a scenario in which each alert fires, and one in which it does not', () => {
    const checks = files
      .map((name) => parse(readFileSync(path.join(scenarios, name), 'utf8')) as RuleTests)
      .flatMap(({ tests }) => tests.flatMap((test) => test.alert_rule_test));
    for (const { alert } of groups.flatMap(({ rules }) => rules)) {
      const expected = checks.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length);
      assert.ok(expected.includes(0), `${alert} is always on`);
      assert.ok(
        expected.some((count) => count > 0),
        `${alert} never fires`,
      );
    }
  });

  for (const name of files) {
    it(`raises what it should: ${name}`, () => {
      // Of the annotations only what tells of the values; the rest is prose.
      const brief = groups.map((group) => ({
        ...group,
        rules: group.rules.map((rule) => ({ ...rule, annotations: { summary: rule.annotations['summary'] } })),
      }));
      writeFileSync(path.join(folder, 'rules.yaml'), JSON.stringify({ groups: brief }));
      copyFileSync(path.join(scenarios, name), path.join(folder, name));
      promtool(['test', 'rules', name]);
    });
  }
});
