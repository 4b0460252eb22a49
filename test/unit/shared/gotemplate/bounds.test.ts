import assert from 'node:assert/strict';
import { TemplateError, TemplateLimitError } from '../../../../src/shared/gotemplate/errors.js';
import type { RenderLimits } from '../../../../src/shared/gotemplate/limits.js';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.js';
import { parseJson, isJsonObject } from '../../../../src/shared/json.js';
import { bombs, cycle, dag, deep } from '../../../support/hostile-templates.js';

function render(template: string, limits?: Partial<RenderLimits>): string {
  const options = { clock: () => 0, ...(limits === undefined ? {} : { limits }) };
  return compileTemplate('t', template).render({}, options).toString('utf8');
}

const ownBombs: Readonly<Record<string, string>> = {
  'an endless range': '{{ range 9000000000000000000 }}{{ end }}',
  'branching recursion':
    '{{ define "r" }}{{ template "r" 1 }}{{ template "r" 2 }}{{ end }}{{ range 3 }}{{ template "r" . }}{{ end }}',
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

describe('the bounds of a render', () => {
  for (const [what, template] of Object.entries({ ...bombs, ...ownBombs })) {
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
