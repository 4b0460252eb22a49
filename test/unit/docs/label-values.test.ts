import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { repository } from '../../support/deploy/manifests.ts';

function sourceOf(file: string): ts.SourceFile {
  const name = path.join(repository, 'src', file);
  return ts.createSourceFile(name, readFileSync(name, 'utf8'), ts.ScriptTarget.Latest, true);
}

/** The strings in a declaration of a file, such as the members of a union. @param names of the declaration, outermost first. */
function stringsIn(file: string, ...names: readonly string[]): readonly string[] {
  let declaration: ts.Node = sourceOf(file);
  for (const wanted of names) {
    const found = find(declaration, (node) => ts.isIdentifier(node) && node.text === wanted && isName(node));
    assert.ok(found !== undefined, `${file}: ${names.join('.')}`);
    declaration = found.parent;
  }
  const strings: string[] = [];
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteral(node)) strings.push(node.text);
    node.forEachChild(collect);
  };
  collect(declaration);
  return strings;
}

function isName(node: ts.Identifier): boolean {
  return (node.parent as ts.NamedDeclaration).name === node;
}

function find(node: ts.Node, matches: (node: ts.Node) => boolean): ts.Node | undefined {
  return matches(node) ? node : node.forEachChild((child) => find(child, matches));
}

/** Property names of the object literal that a variable or property of a file has as its value. */
function keysIn(file: string, name: string): readonly string[] {
  const isWanted = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === name && isName(node);
  const owner = find(
    sourceOf(file),
    (node) =>
      (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) &&
      isWanted(node.name) &&
      node.initializer !== undefined &&
      ts.isObjectLiteralExpression(node.initializer),
  );
  const keys: string[] = [];
  (owner as ts.VariableDeclaration | undefined)?.initializer?.forEachChild((property) => {
    const { name: key } = property as ts.PropertyAssignment;
    keys.push(key.getText());
  });
  return keys;
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
