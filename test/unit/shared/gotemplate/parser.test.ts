import assert from 'node:assert/strict';
import { toGoString } from '../../../../src/shared/gotemplate/byte-string.ts';
import { goFunction } from '../../../../src/shared/gotemplate/function.ts';
import { LimitReached } from '../../../../src/shared/gotemplate/limits.ts';
import { parseTemplates } from '../../../../src/shared/gotemplate/parser.ts';
import { ParseFailure } from '../../../../src/shared/gotemplate/token-reader.ts';
import { describe as describeNode, type Statement } from '../../../../src/shared/gotemplate/tree.ts';

const known = goFunction({ name: 'f', params: [], variadic: 'interface {}' }, () => null);

function parse(text: string): ReadonlyMap<string, readonly Statement[]> {
  return parseTemplates('t', toGoString(text), (name) => (name === 'f' ? known : undefined)).templates;
}

function failure(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ParseFailure) return `${error.line.toString()}: ${error.reason}`;
    throw error;
  }
  return 'no failure';
}

function statements(text: string): string[] {
  return (parse(text).get('t') ?? []).map(describeNode);
}

describe('the template parser', () => {
  for (const text of [
    '{{.}}',
    '{{.a.b}}',
    '{{$x := f 1 "a" `b` nil true .c | f}}',
    '{{f (f 1).a.b (f)}}',
    "{{f 1e3 0x1f 'x' 1+2i -3}}",
    '{{template "x" .a}}',
    '{{template "x"}}',
  ]) {
    it(`reads ${text} and writes it the same`, () => assert.deepEqual(statements(text), [text]));
  }

  it('collects definitions under their names', () => {
    const templates = parse('{{ define "a" }}x{{ end }}{{ block "b" . }}y{{ end }}');
    assert.deepEqual([...templates.keys()], ['a', 'b', 't']);
  });

  it('puts the rest of an else-if chain into the else before it', () => {
    const [branch] = parse('{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}').get('t') ?? [];
    assert.ok(branch?.kind === 'if');
    const [inner] = branch.elseList ?? [];
    assert.ok(inner?.kind === 'if');
    assert.equal(describeNode(inner), '{{if .b}}');
    assert.equal(inner.elseList?.length, 1);
  });

  it('reads a long else-if chain without nesting', () => {
    const chain = '{{ else if .a }}x'.repeat(2_000);
    assert.equal(statements(`{{ if .a }}x${chain}{{ end }}`).length, 1);
  });

  for (const [text, complaint] of [
    ['{{ g }}', '1: function "g" not defined'],
    ['a\n{{ $x }}', '2: undefined variable "$x"'],
    ['{{ if .a }}{{ $x := 1 }}{{ end }}{{ $x }}', '1: undefined variable "$x"'],
    ['{{ define "x" }}{{ $y }}{{ end }}', '1: undefined variable "$y"'],
    ['{{ }}', '1: missing value for command'],
    ['{{ if }}{{ end }}', '1: missing value for if'],
    ['{{ 1 | 2 }}', '1: non executable command in pipeline stage 2'],
    ['{{ f | | f }}', '1: unexpected "|" in command'],
    ['{{ "a".b }}', '1: unexpected . after term "\\"a\\""'],
    ['{{ break }}', '1: {{break}} outside {{range}}'],
    ['{{ range .l }}{{ else }}{{ continue }}{{ end }}', '1: {{continue}} outside {{range}}'],
    ['{{ range .l }}{{ break 1 }}{{ end }}', '1: unexpected "1" in {{break}}'],
    ['{{ if 1 }}', '1: unexpected EOF'],
    ['{{ end }}', '1: unexpected {{end}}'],
    ['{{ if 1 }}{{ else }}{{ else }}{{ end }}', '1: expected end; found {{else}}'],
    ['{{ if 1 }}{{ else with 1 }}{{ end }}', '1: unexpected <with> in input'],
    ['{{ if 1 }}{{ define "x" }}{{ end }}{{ end }}', '1: unexpected <define> in command'],
    ['{{ define x }}{{ end }}', '1: unexpected "x" in define clause'],
    ['{{ template .a }}', '1: unexpected ".a" in template clause'],
    ['{{ template "averyverylongname }}', '1: unterminated quoted string'],
    ['{{ range $a, $b, $c := .l }}{{ end }}', '1: too many declarations in range'],
    ['{{ range $a, 1 := .l }}{{ end }}', '1: range can only initialize variables'],
    ['{{ $a, $b := .l }}', '1: too many declarations in command'],
    ['{{ define "x" }}a{{ end }}{{ define "x" }}b{{ end }}', '1: template: multiple definition of template "x"'],
    ['{{ 08 }}', '1: integer overflow: "08"'],
    ['{{ 1e999 }}', '1: illegal number syntax: "1e999"'],
    ["{{ 'ab' }}", "1: malformed character constant: 'ab'"],
    ['{{ "\\q" }}', '1: invalid syntax'],
    ['{{ f\n(\n', '3: unclosed action started at t:1'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(failure(text), complaint));
  }

  it('lets a blank definition be replaced', () => {
    assert.equal(parse('{{ define "x" }} {{ end }}{{ define "x" }}b{{ end }}').get('x')?.length, 1);
  });

  for (const [what, text] of [
    ['parentheses', `{{ ${'('.repeat(5_000)}1${')'.repeat(5_000)} }}`],
    ['unclosed parentheses', `{{ ${'('.repeat(500_000)}`],
    ['blocks', `${'{{ if 1 }}'.repeat(5_000)}${'{{ end }}'.repeat(5_000)}`],
    ['operands', `{{ f${' 1'.repeat(100_000)} }}`],
    ['text', 'x'.repeat(2_000_000)],
  ] as const) {
    it(`stops at too many or too deep ${what}`, () => assert.throws(() => parse(text), LimitReached));
  }
});
