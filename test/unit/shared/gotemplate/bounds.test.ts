import assert from 'node:assert/strict';
import { TemplateError, TemplateLimitError } from '../../../../src/shared/gotemplate/errors.ts';
import type { RenderLimits } from '../../../../src/shared/gotemplate/limits.ts';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';
import { parseJson, isJsonObject } from '../../../../src/shared/json.ts';

/** Lists whose lists are the same two: 60 levels, two to the 60th leaves. */
const dag = '{{ $l := list 1 }}{{ $k := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ $k = list $k $k }}{{ end }}';
/** Dicts that contain themselves. */
const cycle = '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $e := dict }}{{ $_ := set $e "d" $e }}';
const deep = '{{ $l := list 1 }}{{ range 5000 }}{{ $l = list $l }}{{ end }}';

/** The text again and again, with the number of the time for each `%`. */
function numbered(times: number, text: string): string {
  return Array.from({ length: times }, (_, index) => text.replaceAll('%', index.toString())).join('');
}

const bombs: Readonly<Record<string, string>> = {
  'nested ranges': '{{ range 100000 }}{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}{{ end }}',
  'an endless output': '{{ range 9000000000000000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}',
  'branching recursion':
    '{{ define "r" }}{{ template "r" 1 }}{{ template "r" 2 }}{{ end }}{{ range 3 }}{{ template "r" . }}{{ end }}',
  'recursion that collects': '{{ define "r" }}{{ template "r" (list . . .) }}{{ end }}{{ template "r" . }}',
  'a string that doubles': '{{ $s := "x" }}{{ range 100 }}{{ $s = print $s $s }}{{ end }}',
  'a string that grows by quoting': '{{ $s := "\\"" }}{{ range 100 }}{{ $s = printf "%q" $s }}{{ end }}',
  'a list shared by many lists, printed': `${dag}{{ $l }}`,
  'a list shared by many lists, as JSON': `${dag}{{ toJson $l }}`,
  'a list shared by many lists, copied': `${dag}{{ $x := deepCopy $l }}`,
  'a deep list, printed': `${deep}{{ $l }}`,
  'a dict in itself, printed': `${cycle}{{ $d }}`,
  'dicts in themselves, merged': `${cycle}{{ $x := merge $d $e }}`,
  'a large regular expression': '{{ mustRegexMatch "(((a{100}){10}){10}){10}" "a" }}',
  'many patterns': '{{ range until 10000 }}{{ regexMatch "(?i)\\\\pL+" "x" }}{{ end }}',
  'many variables': `${numbered(2000, '{{ $v% := 1 }}')}{{ range 10000000 }}{{ $v0 }}{{ end }}`,
  'many variables, each used': `${numbered(3000, '{{ $variable% := 1 }}')}${numbered(3000, '{{ $variable% }}')}{{ range 10000000 }}{{ end }}`,
  'many escapes in a text': `{{ $s := "${'\\u00e9'.repeat(150_000)}" }}{{ range 10000000 }}{{ end }}`,
  conditions: '{{ range 10000000 }}{{ if . }}{{ else }}{{ end }}{{ with . }}{{ end }}{{ end }}',
  assignments: '{{ $x := 1 }}{{ range 10000000 }}{{ $x = . }}{{ end }}',
  templates: '{{ range 10000000 }}{{ template "x" . }}{{ end }}{{ define "x" }}{{ . }}{{ end }}',
  'an endless range': '{{ range 9000000000000000000 }}{{ end }}',
  'a string that grows by escaping': '{{ $s := "%" }}{{ range 100 }}{{ $s = urlquery $s $s }}{{ end }}',
  'wide padding': '{{ range 100 }}{{ $x := printf "%1000000d" 1 }}{{ end }}',
  'exact digits': '{{ range 1000000 }}{{ $x := printf "%.400f" 1e-300 }}{{ end }}',
  'a deep list, as JSON': `${deep}{{ toJson $l }}`,
  'long strings, compared':
    '{{ $s := repeat 500000 "a" }}{{ $t := repeat 500000 "a" }}{{ range 1000000 }}{{ $x := eq $s $t }}{{ end }}',
  'long strings, looked through': '{{ $s := repeat 500000 "a" }}{{ range 1000000 }}{{ $x := atoi $s }}{{ end }}',
  repeat: '{{ repeat 1000000000 "x" }}',
  until: '{{ until 1000000000 }}',
  seq: '{{ seq 0 1000000000 }}',
  indent: '{{ indent 1000000000 "x" }}',
  randAlphaNum: '{{ randAlphaNum 1000000000 }}',
  hashing: '{{ $s := repeat 500000 "x" }}{{ range 1000000 }}{{ $x := sha256sum $s }}{{ end }}',
};

function render(template: string, limits?: Partial<RenderLimits>): string {
  const options = { clock: () => 0, ...(limits === undefined ? {} : { limits }) };
  return compileTemplate('t', template).render({}, options).toString('utf8');
}

describe('the bounds of a render', () => {
  for (const [what, template] of Object.entries(bombs)) {
    it(`stop ${what}`, () => {
      assert.throws(
        () => render(template),
        (error) => {
          assert.ok(error instanceof TemplateError, String(error));
          const isGosOwnBound = /invalid repeat count|expression too large/.test(error.message);
          return error instanceof TemplateLimitError || isGosOwnBound;
        },
      );
    });
  }

  it('leave alone what only looks endless', () => {
    assert.equal(render(`${dag}{{ deepEqual $l $k }}`), 'true');
    assert.equal(render(`${cycle}{{ deepEqual $d $e }}{{ toJson $d }}`), 'true');
  });

  it('name the place', () => {
    assert.throws(() => render('a\n{{ range 1000000 }}{{ end }}', { steps: 100 }), {
      name: 'TemplateLimitError',
      stage: 'exec',
      line: 2,
      message: 'template: t:2:9: executing "t" at <1000000>: template takes more than 100 steps',
    });
  });

  it('are those of the options', () => {
    assert.equal(render('{{ range 10 }}xx{{ end }}', { outputBytes: 20 }), 'x'.repeat(20));
    assert.throws(() => render('{{ range 10 }}xx{{ end }}', { outputBytes: 19 }), TemplateLimitError);
    assert.throws(() => render('{{ until 100 }}', { memoryBytes: 100 }), TemplateLimitError);
    assert.throws(
      () => render('{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', { templateDepth: 5 }),
      /depth \(5\)/,
    );
  });

  it('let templates call each other 10,000 deep, and where it is asked for 100,000, as Go does', () => {
    const template = '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}';
    assert.throws(() => render(template), {
      name: 'TemplateLimitError',
      reason: 'exceeded maximum template depth (10000)',
    });
    assert.throws(() => render(template, { templateDepth: 100_000 }), /exceeded maximum template depth \(100000\)$/);
  });

  it('stop data that nests too deep', () => {
    const data = parseJson(`{"a":${'['.repeat(900)}${']'.repeat(900)}}`);
    assert.ok(isJsonObject(data));
    assert.throws(() => compileTemplate('t', '{{ .a }}').render(data, { clock: () => 0 }), TemplateLimitError);
  });

  it('do not carry over from one render to the next', () => {
    const compiled = compileTemplate('t', '{{ range 1000 }}x{{ end }}');
    for (let round = 0; round < 500; round++) assert.equal(compiled.render({}, { clock: () => 0 }).length, 1000);
  });
});
