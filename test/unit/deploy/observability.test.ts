import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Metrics } from '../../../src/driver/metrics.js';
import { deployFolder, only, readManifests, repository } from '../../support/deploy/manifests.js';
import { objectProblems } from '../../support/deploy/object-problems.js';

interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}
interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

const operations = readFileSync(path.join(repository, 'docs', 'operations.md'), 'utf8');

/** The table of docs/operations.md, the one list of them outside the code. */
const metrics: Metric[] = [...operations.matchAll(/^\| `(connectors_csi_\w+)`\s*\|\s*(\w+)\s*\|([^|]*)\|/gm)].map(
  ([, name, type, labels]) => ({
    name: name!,
    type: type!,
    labels: labels!
      .split(',')
      .map((label) => label.trim())
      .filter(Boolean),
  }),
);

/** Of process/process-metrics.ts, and the one that scraping makes. */
const defaults = [
  'up',
  'process_resident_memory_bytes',
  'process_cpu_seconds_total',
  'process_open_fds',
  'process_start_time_seconds',
];

/** How a query may name each metric: a histogram only by its series. */
const series = new Map(
  metrics.flatMap((metric): [string, Metric][] =>
    metric.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => [`${metric.name}${suffix}`, metric])
      : [[metric.name, metric]],
  ),
);

function namesIn(expression: string): string[] {
  return expression.match(/\b(?:(?:connectors_csi|process|nodejs)_\w+|up\b)/g) ?? [];
}

function assertKnown(expression: string): void {
  const names = namesIn(expression);
  assert.ok(names.length > 0, expression);
  for (const name of names) assert.ok(series.has(name) || defaults.includes(name), `${name} in ${expression}`);
  assertLabelsKnown(expression, names);
  assertOwnProcess(expression, names);
}

/** Every Go or Node program has `process_…`, and exporters of a node may share its name as their instance. */
function assertOwnProcess(expression: string, names: readonly string[]): void {
  if (!names.some((name) => /^(process|nodejs)_/.test(name))) return;
  assert.match(expression, /\band on \(job, instance\) connectors_csi_build_info\b/);
}

/** Every label that a query selects, groups by or joins on must be one of its metrics', or one that scraping adds. */
function assertLabelsKnown(expression: string, names: readonly string[]): void {
  const known = new Set(['instance', 'job', 'le', ...names.flatMap((name) => series.get(name)?.labels ?? [])]);
  const used = [
    ...[...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(',')),
    ...[...expression.matchAll(/[{,]\s*(\w+)\s*[=!]/g)].map(([, label]) => label!),
  ];
  for (const label of used) assert.ok(known.has(label.trim()), `label ${label.trim()} in ${expression}`);
}

/** Every metric once, with all labels that the driver ever gives it. */
async function exported(): Promise<Metric[]> {
  const registry = new Metrics('0.0.0', {
    renderThreads: () => ({ threads: 0, waiting: 0 }),
    publishQueueLength: () => 0,
    volumes: () => ({
      volumes: 1,
      byRefresh: { UNAVAILABLE: { volumes: 1, earliestTokenExpiryMs: 1, oldestFailureMs: 1 } },
    }),
    load: () => ({ calls: { used: 0, limit: 1024 } }),
    cachedObjects: () => ({ connectors: 0 }),
    confirmationAgeMs: () => 0,
    droppedLogLines: () => 0,
    volumeMemory: () => ({ heldBytes: 0, budgetBytes: 0, lastingBytes: 0, refusals: { node: 0 } }),
    isRegistered: () => true,
  });
  registry.started('Probe');
  registry.finished('Probe', 'OK', 1);
  registry.published('ok', 'fresh');
  registry.request('get', 'connectors', 200, 1);
  registry.watchRestart('connectors', 'ended');
  registry.rendered('ok', 1, 1);
  registry.refreshedOnChange('refreshed', 1);
  registry.podEvent('written');
  registry.refused('calls', 'pod');
  registry.approvalStarted();
  registry.approvalFinished('granted', 1);
  registry.eventLoopDelayed(0);
  const text = await registry.text();
  return [...text.matchAll(/^# TYPE (connectors_csi_\w+) (\w+)\n(.*)$/gm)].map(([, name, type, sample]) => ({
    name: name!,
    type: type!,
    labels: [...sample!.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter((label) => label !== 'le'),
  }));
}

describe('the metrics', () => {
  it('are the ones that the driver exports, with type and labels', async () => {
    const inOrder = (list: readonly Metric[]): Metric[] =>
      list
        .map((metric) => ({ ...metric, labels: [...metric.labels].sort() }))
        .sort((one, other) => one.name.localeCompare(other.name));
    assert.deepEqual(inOrder(metrics), inOrder(await exported()));
  });

  it('are described once each, without labels for volumes, pods or connectors', () => {
    assert.ok(metrics.length >= 18);
    assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
    const labels = new Set(metrics.flatMap((metric) => metric.labels));
    assert.deepEqual([...labels].sort(), [
      'bound',
      'code',
      'method',
      'outcome',
      'path',
      'reason',
      'resource',
      'share',
      'verb',
      'version',
    ]);
  });
});

describe('the alert rules', () => {
  const manifests = readManifests(path.join(deployFolder, 'observability', 'alerts.yaml'));
  const { groups } = only(manifests, 'PrometheusRule')['spec'] as {
    groups: readonly { rules: readonly AlertRule[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  it('are a right PrometheusRule', () => assert.deepEqual(manifests.flatMap(objectProblems), []));

  for (const rule of rules) {
    it(`${rule.alert} uses existing metrics and labels`, () => {
      assertKnown(rule.expr);
    });

    it(`${rule.alert} waits, says where it is and what to look at`, () => {
      assert.match(rule.for, /^\d+[mh]$/);
      assert.ok(rule.annotations.description.length > 30);
      const isOfOneNode = !/^(absent|count)\(/.test(rule.expr);
      assert.equal(rule.annotations.summary.startsWith('{{ $labels.instance }}: '), isOfOneNode);
    });
  }

  it('are the ones that docs/operations.md lists, with their severities', () => {
    const listed = [...operations.matchAll(/^\| `(ConnectorsCSI\w+)`\s*\|\s*(\w+)/gm)].map(
      ([, alert, severity]) => `${alert!} ${severity!}`,
    );
    assert.deepEqual(listed.sort(), rules.map(({ alert, labels }) => `${alert} ${labels.severity}`).sort());
  });
});

describe('the dashboard', () => {
  const dashboard = JSON.parse(readFileSync(path.join(deployFolder, 'observability', 'dashboard.json'), 'utf8')) as {
    panels: readonly Panel[];
    templating: { list: readonly { name: string }[] };
  };
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const expressions = panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));

  it('uses existing metrics and labels', () => {
    for (const expression of expressions) assertKnown(expression);
  });

  it('shows every metric of the driver', () => {
    const shown = new Set(expressions.flatMap(namesIn).map((name) => series.get(name)?.name));
    for (const { name } of metrics) assert.ok(shown.has(name), name);
  });

  it('explains every panel and uses only variables that it defines', () => {
    assert.ok(panels.length > 20);
    const variables = new Set(['__rate_interval', ...dashboard.templating.list.map(({ name }) => name)]);
    for (const [, variable] of JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)/g))
      assert.ok(variables.has(variable!));
    for (const panel of panels) assert.ok(panel.description, panel.title);
  });

  it('places no panel over another', () => {
    const taken = new Map<string, string>();
    for (const { gridPos, title } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.equal(taken.get(`${x} ${y}`), undefined, title);
          taken.set(`${x} ${y}`, title);
        }
      }
      assert.ok(gridPos.x + gridPos.w <= 24, title);
    }
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  });

  it('groups by the labels that its legends name', () => {
    for (const { targets } of panels) {
      for (const { expr, legendFormat } of targets ?? []) {
        for (const [, label] of (legendFormat ?? '').matchAll(/\{\{(\w+)\}\}/g)) {
          const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].some(([, list]) =>
            list!.split(/, ?/).includes(label!),
          );
          assert.ok(grouped || label === 'instance', `${label!} in ${expr}`);
        }
      }
    }
  });
});
