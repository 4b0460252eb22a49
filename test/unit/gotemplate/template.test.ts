import assert from 'node:assert/strict';
import { TemplateError } from '../../../src/gotemplate/errors.js';
import { compileTemplate } from '../../../src/gotemplate/template.js';
import { type JsonObject, parseJson } from '../../../src/json.js';
import { Secret } from '../../../src/secret.js';

const options = { clock: () => 0 };

function render(template: string, data: JsonObject = {}): string {
  return compileTemplate('t', template).render(data, options).toString('utf8');
}

function failure(template: string, data: JsonObject, secrets: readonly string[] = []): string {
  const hidden = secrets.map((secret) => new Secret(secret));
  try {
    compileTemplate('t', template).render(data, { ...options, secrets: hidden });
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

  for (const [what, template] of [
    ['as it is', '{{ fail .token }}'],
    ['in a longer text', '{{ fail (printf "bad token %s for %s" .token .user) }}'],
    ['cut', '{{ fail (substr 3 20 .token) }}'],
    ['in capitals', '{{ fail (upper .token) }}'],
    ['quoted', '{{ fail (printf "%q" .token) }}'],
    ['in base64', '{{ fail (b64enc .token) }}'],
    ['in base64 after other text', '{{ fail (printf "u:%s" .token | b64enc) }}'],
    ['escaped for a URL', '{{ fail (urlquery .token) }}'],
    ['in hexadecimal', '{{ fail (printf "%x" .token) }}'],
    ['through a range', '{{ range .token }}{{ end }}'],
    ['through a function', '{{ mustToDate "2006" .token }}'],
    ['through a number', '{{ mustRegexFind (printf "(%s" .token) "x" }}'],
  ] as const) {
    it(`does not tell one ${what}`, () => {
      const message = failure(template, data, [token]);
      const told = message.slice(message.indexOf('>: '));
      assert.match(told, /\[REDACTED\]/);
      assert.doesNotMatch(told.toLowerCase(), /s3cr|hbgc|czni|3nju|733363|value/);
    });
  }

  it('tell everything else', () => {
    assert.match(
      failure('{{ fail (printf "no user %s for %s" .user .token) }}', data, [token]),
      /no user bob for \[REDACTED\]$/,
    );
    assert.match(failure('{{ fail .user }}', data), /bob$/);
    assert.match(failure('{{ fail .user }}', data, ['']), /bob$/);
  });

  it('show no more of a value than fits a message, and search no more of it', () => {
    const long = `${'x'.repeat(200_000)}${token}`;
    const message = failure('{{ fail .long }}', { long, token }, [token]);
    assert.ok(message.length < 1_200);
    assert.match(message, /x\.\.\.$/);
  });

  it('hide a short secret as a whole', () => {
    assert.match(failure('{{ fail "pin: 042" }}', {}, ['042']), /pin: \[REDACTED\]$/);
  });
});
