import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';
import { repository } from '../../support/deploy/manifests.ts';

interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;

/** A node and all in it, in their order. */
function nodesIn(node: Node): readonly Node[] {
  return [node, ...Object.values(node).flat().filter(isNode).flatMap(nodesIn)];
}

function sourceOf(file: string): Node {
  return parseSync(file, readFileSync(path.join(repository, 'src', file), 'utf8')).program as unknown as Node;
}

/** Whether it declares a name: a type, variable, method, property or parameter. */
function declares(node: Node, wanted: string): boolean {
  const name = node['id'] ?? node['key'] ?? (isNode(node['typeAnnotation']) ? node : undefined);
  return isNode(name) && name['name'] === wanted;
}

/** The strings in a declaration of a file, such as the members of a union. @param names of the declaration, outermost first. */
function stringsIn(file: string, ...names: readonly string[]): readonly string[] {
  let declaration = sourceOf(file);
  for (const wanted of names) {
    const found = nodesIn(declaration).find((node) => node !== declaration && declares(node, wanted));
    assert.ok(found !== undefined, `${file}: ${names.join('.')}`);
    declaration = found;
  }
  const literals = nodesIn(declaration).filter(({ type }) => type === 'Literal');
  return literals.map((node) => node['value']).filter((value) => typeof value === 'string');
}

/** Property names of the object literal that a variable or property of a file has as its value. */
function keysIn(file: string, name: string): readonly string[] {
  const [object] = nodesIn(sourceOf(file))
    .filter((node) => declares(node, name))
    .map((node) => node['init'] ?? node['value'])
    .filter((value) => isNode(value) && value.type === 'ObjectExpression') as { properties: { key: Node }[] }[];
  return (object?.properties ?? []).map(({ key }) => String(key['name'] ?? key['value']));
}

/** The rows of the table under `## Label values`: metric, label and quoted values. */
function documented(page: string): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(path.join(repository, 'docs', page), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith('Label values\n')) ?? '';
  const rows = new Map<string, readonly string[]>();
  for (const [, metric, label, values = ''] of section.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) +\|$/gm)) {
    rows.set(`${metric} ${label}`, [...values.matchAll(/`(\w+)`/g)].map(([, value = '']) => value).sort());
  }
  return rows;
}

type Source = () => readonly string[];
const strings =
  (file: string, ...names: readonly string[]): Source =>
  () =>
    stringsIn(file, ...names);

const sources: Readonly<Record<string, Source>> = {
  'api_requests_total verb': strings('shared/kube/observer.ts', 'KubeVerb'),
  'watch_restarts_total reason': strings('shared/kube/observer.ts', 'WatchRestartReason'),
  'csi_limit_rejections_total limit': strings('shared/limits/limit-observer.ts', 'LimitName'),
  'csi_publishes_total path': strings('driver/publish/ports.ts', 'VolumeChange'),
  'csi_limit_rejections_total scope': strings('shared/limits/limit-observer.ts', 'RejectionScope'),
  'proxy_limit_rejections_total limit': () => keysIn('proxy/proxy.ts', 'limits'),
  'proxy_requests_total mode': strings('proxy/server/server-observer.ts', 'ProxyMode'),
  'proxy_requests_total outcome': strings('proxy/server/access-log-entry.ts', 'finish', 'outcome'),
  'proxy_upstream_failures_total reason': strings('proxy/proxy-metrics.ts', 'toolFailures'),
  'proxy_tunnels kind': strings('proxy/proxy-metrics.ts', 'tunnelOpened', 'kind'),
  'proxy_handshake_failures_total reason': strings('proxy/server/handshake-failure.ts', 'HandshakeFailure'),
  'proxy_status_writes_total resource': strings('proxy/status/status-writer.ts', 'wroteStatus', 'resource'),
  'proxy_status_writes_total outcome': strings('proxy/status/status-writer.ts', 'WriteOutcome'),
  'proxy_rule_decisions_total decision': strings('proxy/rules/decision.ts', 'Decision', 'outcome'),
  'proxy_connectors ready': () => keysIn('proxy/status/status-controller.ts', 'counts'),
};

describe('label values in docs/monitoring.md', () => {
  it('are those of the code', () => {
    const expected = Object.entries(sources).map(([key, values]) => [key, [...values()].sort()] as const);
    assert.deepEqual(new Map([...documented('monitoring.md')].sort()), new Map(expected.sort()));
  });
});

describe('the failures of requests in docs/audit.md', () => {
  it('are those of the code', () => {
    const [, table = ''] = readFileSync(path.join(repository, 'docs', 'audit.md'), 'utf8').split('\n## Failures\n');
    const [rows = ''] = table.split('\n## ');
    const reasons = [...rows.matchAll(/^\| (`[a-z_`, ]+?) +\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, reason = '']) => reason),
    );
    assert.deepEqual(reasons.sort(), [...stringsIn('proxy/proxy-error.ts', 'ProxyErrorKind')].sort());
  });
});
