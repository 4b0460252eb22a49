import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { chartFolder, repository } from './manifests.ts';
import { anchorsOf } from '../../../.ci/check-links.mjs';

const files = path.join(chartFolder, 'files');

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
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}
interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
  /** Of a collapsed row. */
  readonly panels?: readonly Panel[];
}

/** A program's metrics, alerts and dashboard. */
interface Observed {
  /** Of its metrics' names, such as `connectors_csi_`. */
  readonly prefix: string;
  readonly metrics: readonly Metric[];
  /** Of the files in deploy/chart/files, such as `connectors-csi`. */
  readonly name: string;
}

/** Of shared/process/program-metrics.ts, and the one that scraping makes. */
const defaults = [
  'up',
  'process_resident_memory_bytes',
  'process_anonymous_memory_bytes',
  'process_cpu_seconds_total',
  'process_open_fds',
  'process_start_time_seconds',
];

/** Every metric of a text in the Prometheus format. @param prefix of the names that count. */
export function exportedIn(text: string, prefix: string): readonly Metric[] {
  const found = [...text.matchAll(/^# TYPE (\w+) (\w+)\n(.*)$/gm)].filter(([, name = '']) => name.startsWith(prefix));
  return found.map(([, name = '', type = '', sample = '']) => ({
    name,
    type,
    labels: [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label).filter((label) => label !== 'le'),
  }));
}

/** Whether expressions name only what there is. */
class Expressions {
  readonly #prefix: string;
  /** How a query may name each metric: a histogram only by its series. */
  readonly series: ReadonlyMap<string, Metric>;

  constructor({ prefix, metrics }: Observed) {
    this.#prefix = prefix;
    this.series = new Map(
      metrics.flatMap((metric): [string, Metric][] =>
        metric.type === 'histogram'
          ? ['_bucket', '_sum', '_count'].map((suffix) => [`${metric.name}${suffix}`, metric])
          : [[metric.name, metric]],
      ),
    );
  }

  namesIn(expression: string): readonly string[] {
    return expression.match(new RegExp(`\\b(?:(?:${this.#prefix}|process_|nodejs_)\\w+|up\\b)`, 'g')) ?? [];
  }

  assertKnown(expression: string): void {
    const names = this.namesIn(expression);
    assert.ok(names.length > 0, expression);
    for (const name of names) assert.ok(this.series.has(name) || defaults.includes(name), `${name} in ${expression}`);
    this.#assertLabelsKnown(expression, names);
    this.#assertOwnProcess(expression, names);
  }

  /** Every Go or Node program has `process_…`, and exporters of a node may share its name as their instance. */
  #assertOwnProcess(expression: string, names: readonly string[]): void {
    if (!names.some((name) => /^(process|nodejs)_/.test(name))) return;
    assert.match(expression, new RegExp(`\\band on \\(job, instance\\) ${this.#prefix}build_info\\b`));
  }

  /** Every label that a query selects, groups by or joins on must be one of its metrics', or one that scraping adds. */
  #assertLabelsKnown(expression: string, names: readonly string[]): void {
    const known = new Set(['instance', 'job', 'le', ...names.flatMap((name) => this.series.get(name)?.labels ?? [])]);
    const used = [
      ...[...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',')),
      ...[...expression.matchAll(/[{,]\s*(\w+)\s*[=!]/g)].map(([, label = '']) => label),
    ];
    for (const label of used) assert.ok(known.has(label.trim()), `label ${label.trim()} in ${expression}`);
  }
}

/** Tests of the alert rules of a program, within a `describe`. */
export function itHasRightAlerts(observed: Observed): void {
  const expressions = new Expressions(observed);
  const spec = parse(readFileSync(path.join(files, 'alerts', `${observed.name}.yaml`), 'utf8')) as {
    groups: readonly { rules: readonly AlertRule[] }[];
  };
  const rules = spec.groups.flatMap((group) => group.rules);

  for (const rule of rules) {
    it(`${rule.alert} uses existing metrics and labels`, () => {
      expressions.assertKnown(rule.expr);
    });

    it(`${rule.alert} has a severity, and a section of the documentation`, () => {
      assert.match(rule.labels.severity, /^(?:critical|warning|info)$/);
      const [, page = '', anchor = ''] = /^(docs\/[-\w]+\.md)#([-\w]+)$/.exec(rule.annotations.runbook_url) ?? [];
      assert.ok(anchorsOf(page).includes(anchor), rule.annotations.runbook_url);
    });

    it(`${rule.alert} waits, says where it is and what to look at`, () => {
      assert.match(rule.for, /^\d+[mh]$/);
      assert.ok(rule.annotations.description.length > 30);
      const isOfOneInstance = !/^(absent|count|sum|min|max)\b/.test(rule.expr) || /\bby \(instance\b/.test(rule.expr);
      assert.equal(rule.annotations.summary.startsWith('{{ $labels.instance }}: '), isOfOneInstance);
    });
  }
}

const monitoringPage = readFileSync(path.join(repository, 'docs', 'monitoring.md'), 'utf8');

/** Tests of the metrics of a program, within a `describe`. @param program `text` in the Prometheus format, complete. */
export function itHasExplainedMetrics({ prefix, text }: { readonly prefix: string; readonly text: string }): void {
  const names = exportedIn(text, prefix).map(({ name }) => name);

  it('have an explanation of their own each', () => {
    const helps = names.map((name) => new RegExp(`^# HELP ${name} (.+)$`, 'm').exec(text)?.[1]);
    assert.ok(helps.every((help) => help !== undefined && help.length > 10));
    assert.equal(new Set(helps).size, names.length);
  });

  it('exist if docs/monitoring.md names them', () => {
    const named = new Set(monitoringPage.match(new RegExp(`\\b${prefix}\\w+`, 'g')));
    assert.ok(named.size >= 4);
    assert.deepEqual(
      [...named].filter((name) => !names.includes(name)),
      [],
    );
  });
}

/** Tests of the dashboard of a program, within a `describe`. @param minPanels that it must have. */
export function itHasARightDashboard(observed: Observed, minPanels: number): void {
  const known = new Expressions(observed);
  const dashboard = JSON.parse(readFileSync(path.join(files, 'dashboards', `${observed.name}.json`), 'utf8')) as {
    panels: readonly Panel[];
    templating: { list: readonly { name: string }[] };
  };
  const panels = dashboard.panels.flatMap((panel) => panel.panels ?? []);
  panels.unshift(...dashboard.panels.filter(({ type }) => type !== 'row'));
  const expressions = panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));

  it('uses existing metrics and labels', () => {
    for (const expression of expressions) known.assertKnown(expression);
  });

  it('shows every metric', () => {
    const shown = new Set(
      expressions.flatMap((text) => known.namesIn(text)).map((name) => known.series.get(name)?.name),
    );
    for (const { name } of observed.metrics) assert.ok(shown.has(name), name);
  });

  it('explains every panel and uses only variables that it defines', () => {
    assert.ok(panels.length >= minPanels);
    const variables = new Set(['__rate_interval', ...dashboard.templating.list.map(({ name }) => name)]);
    for (const [, variable] of JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)/g))
      assert.ok(variables.has(variable!));
    for (const panel of panels) assert.ok(panel.description, panel.title);
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
}
