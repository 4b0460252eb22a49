import assert from 'node:assert/strict';
import { TemplateError } from '../../../../src/shared/gotemplate/errors.ts';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';
import { type JsonObject, parseJson } from '../../../../src/shared/json.ts';

const options = { clock: () => 0 };

function render(template: string, data: JsonObject = {}): string {
  return compileTemplate('t', template).render(data, options).toString('utf8');
}

function failure(template: string, data: JsonObject, shown: JsonObject = {}): string {
  try {
    compileTemplate('t', template).render(data, { ...options, shownData: () => ({ ...data, ...shown }) });
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
  return 'no failure';
}

describe('a compiled template', () => {
  it('renders again and again, each time from the data as it was', () => {
    const compiled = compileTemplate('t', '{{ $_ := set . "a" 2 }}{{ .a }}{{ sortAlpha .l }}{{ .l }}');
    const data = { a: 1n, l: ['b', 'a'] };
    const first = compiled.render(data, options).toString();
    assert.equal(first, '2[a b][b a]');
    assert.equal(compiled.render(data, options).toString(), first);
    assert.deepEqual(data, { a: 1n, l: ['b', 'a'] });
  });

  it('treats the names of JavaScript as keys like any other', () => {
    for (const name of ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'length']) {
      assert.equal(
        render(`{{ .${name} }}|{{ index . "${name}" }}|{{ hasKey . "${name}" }}`),
        '<no value>|<no value>|false',
      );
    }
    const data = parseJson('{"m":{"__proto__":{"x":1},"constructor":2}}') as JsonObject;
    assert.equal(render('{{ .m }} {{ .m.__proto__.x }}', data), 'map[__proto__:map[x:1] constructor:2] 1');
    assert.equal(
      render('{{ $d := dict "__proto__" 1 }}{{ $_ := set $d "constructor" 2 }}{{ $d }}'),
      'map[__proto__:1 constructor:2]',
    );
    assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
  });

  it('keeps text that is not ASCII', () => {
    assert.equal(render('größe {{ .k }} {{ len .k }}', { k: '日🎉' }), 'größe 日🎉 7');
  });

  it('gives bytes that are not UTF-8 as they are', () => {
    const output = compileTemplate('t', '{{ b64dec "/wA=" }}').render({}, options);
    assert.deepEqual([...output], [0xff, 0]);
  });

  it('says where it failed, in bytes from the start of the line', () => {
    assert.throws(() => render('x\nö {{ index .l 5 }}', { l: [] }), {
      name: 'TemplateError',
      stage: 'exec',
      line: 2,
      column: 6,
      reason: 'error calling index: index out of range: 5',
      message: 'template: t:2:6: executing "t" at <index .l 5>: error calling index: index out of range: 5',
    });
  });

  it('says where its text is wrong', () => {
    assert.throws(() => compileTemplate('class/file', 'x\n{{ nope }}'), {
      stage: 'parse',
      line: 2,
      message: 'template: class/file:2: function "nope" not defined',
    });
  });
});

describe('messages of a template that has secrets in its data', () => {
  const token = 'eyJhbGciOiJSUzI1NiJ9.s3cr3t/+value';
  const data = { token, user: 'bob' };

  const shown = { token: '[REDACTED]' };

  for (const [what, template] of [
    ['as it is', '{{ fail .token }}'],
    ['in a longer text', '{{ fail (printf "bad token %s for %s" .token .user) }}'],
    ['cut', '{{ fail (substr 3 20 .token) }}'],
    ['in capitals', '{{ fail (upper .token) }}'],
    ['quoted', '{{ fail (printf "%q" .token) }}'],
    ['in base64', '{{ fail (b64enc .token) }}'],
    ['in base64 after other text', '{{ fail (printf "u:%s" .token | b64enc) }}'],
    ['in base32', '{{ fail (b32enc .token) }}'],
    ['escaped for a URL', '{{ fail (urlquery .token) }}'],
    ['in hexadecimal', '{{ fail (printf "%x" .token) }}'],
    ['letter by letter', '{{ fail (splitList "" .token | join " ") }}'],
    ['backwards', '{{ fail (splitList "" .token | reverse | join "") }}'],
    [
      'as numbers',
      '{{ $n := list }}{{ range len .token }}{{ $n = append $n (index $.token .) }}{{ end }}{{ fail (toJson $n) }}',
    ],
    ['by its checksum', '{{ fail (sha256sum .token) }}'],
    ['through a range', '{{ range .token }}{{ end }}'],
    ['through a function', '{{ mustToDate "2006" .token }}'],
    ['through a pattern', '{{ mustRegexFind (printf "(%s" .token) "x" }}'],
    ['through what it decides', '{{ if hasPrefix "ey" .token }}{{ fail .token }}{{ end }}'],
    [
      'through what another one decides',
      '{{ if hasPrefix "ey" .token }}{{ fail "a" }}{{ else }}{{ fail .token }}{{ end }}',
    ],
  ] as const) {
    it(`do not tell one ${what}`, () => {
      const told = (secret: string): string => failure(template, { ...data, token: secret }, shown);
      assert.match(told(token), /executing "t" at <.*>: /);
      assert.equal(told(token), told(token.replace('s3cr3t', 'o7h3r5')));
    });
  }

  it('tell what the template makes of the values that are shown', () => {
    const template = '{{ fail (printf "no user %s for %s" .user .token) }}';
    assert.match(failure(template, data, shown), /: no user bob for \[REDACTED\]$/);
    assert.match(failure('{{ fail .user }}', data, shown), /: bob$/);
    assert.match(failure('{{ fail .user }}', data), /: bob$/);
  });

  it('tell nothing of values when the template fails otherwise without the secrets', () => {
    const place = 'template: t:1:33: executing "t" at <fail "bob">: error calling fail: ';
    for (const other of [
      '',
      '{{ else }}{{ fail "ann" }}',
      '{{ else }}{{ fail }}',
      '{{ else }}{{ template "nowhere" }}',
    ]) {
      const template = `{{ if hasPrefix "ey" .token }}{{ fail "bob" }}${other}{{ end }}`;
      assert.equal(failure(template, data, shown), `${place}[REDACTED]`);
    }
    const endless = '{{ if ne .token "[REDACTED]" }}{{ fail "bob" }}{{ end }}{{ range 1000000000 }}{{ end }}';
    assert.match(failure(endless, data, shown), /at <fail "bob">: error calling fail: \[REDACTED\]$/);
  });

  it('show no more of a value than fits a message', () => {
    const message = failure('{{ fail .long }}', { long: 'x'.repeat(200_000) }, shown);
    assert.ok(message.length < 1_200);
    assert.match(message, /x\.\.\.$/);
    assert.throws(() => compileTemplate('t', `{{ ${'x'.repeat(200_000)} }}`), { message: /^.{1000,1100}\.\.\.$/ });
  });
});
