import assert from 'node:assert/strict';
import { toGoString } from '../../../../src/shared/gotemplate/byte-string.ts';
import { Lexer } from '../../../../src/shared/gotemplate/lexer.ts';
import type { Token } from '../../../../src/shared/gotemplate/token.ts';

function tokens(text: string): Token[] {
  const lexer = new Lexer(toGoString(text));
  const found: Token[] = [];
  for (let token = lexer.next(); ; token = lexer.next()) {
    found.push(token);
    if (token.type === 'eof' || token.type === 'error') return found;
  }
}

function summary(text: string): string {
  return tokens(text)
    .map(({ type, value }) => (type === 'eof' ? 'eof' : `${type}:${value}`))
    .join(' ');
}

describe('the template lexer', () => {
  it('keeps spaces inside actions as tokens and joins none outside', () => {
    assert.equal(
      summary('a {{ .x  | f }} b'),
      'text:a  left-delimiter:{{ space:  field:.x space:   pipe:| space:  identifier:f space:  right-delimiter:}} text: b eof',
    );
  });

  it('trims the text on both sides of a marked action', () => {
    assert.equal(summary('a \n{{- .x -}}\n b'), 'text:a left-delimiter:{{ field:.x right-delimiter:}} text:b eof');
  });

  it('leaves non-breaking space to the text', () => {
    assert.match(summary('a\u00a0{{- 1 }}'), /^text:a\u00c2\u00a0 /);
  });

  it('takes a minus without space as part of a number', () => {
    assert.equal(summary('{{-3}}'), 'left-delimiter:{{ number:-3 right-delimiter:}} eof');
  });

  it('skips comments with their trim markers', () => {
    assert.equal(summary('a {{- /* c */ -}} b'), 'text:a text:b eof');
  });

  it('knows where tokens are, in bytes and lines', () => {
    const [, , space, string] = tokens('ö\n{{ "x" }}');
    assert.deepEqual([space?.position, space?.line], [5, 2]);
    assert.deepEqual([string?.value, string?.position, string?.line], ['"x"', 6, 2]);
  });

  it('gives the same end again and again', () => {
    const lexer = new Lexer('');
    assert.equal(lexer.next(), lexer.next());
  });

  for (const [text, complaint] of [
    ['{{', 'unclosed action'],
    ['{{ (', 'unclosed action'],
    ['{{ ( }}', 'unclosed left paren'],
    ['{{ ) }}', 'unexpected right paren'],
    ['{{ "a', 'unterminated quoted string'],
    ['{{ "a\\', 'unterminated quoted string'],
    ['{{ "a\n" }}', 'unterminated quoted string'],
    ["{{ 'a", 'unterminated character constant'],
    ['{{ `a', 'unterminated raw quoted string'],
    ['{{ 1a }}', 'bad number syntax: "1a"'],
    ['{{ 1+2 }}', 'bad number syntax: "1+2"'],
    ['{{ : }}', 'expected :='],
    ['{{ $x+2 }}', "bad character U+002B '+'"],
    ['{{ .a/b }}', "bad character U+002F '/'"],
    ['{{ ☃ }}', "unrecognized character in action: U+2603 '☃'"],
    ['{{ \u200b }}', 'unrecognized character in action: U+200B'],
    ['{{/* c', 'unclosed comment'],
    ['{{/* c */ }}', 'comment ends before closing delimiter'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const last = tokens(text).at(-1);
      assert.deepEqual([last?.type, last?.value], ['error', toGoString(complaint)]);
    });
  }

  it('takes time in proportion to the text, whatever the text', () => {
    const spaces = ' '.repeat(200_000);
    assert.match(summary(`${spaces}x{{- 1 -}}${spaces}`), /^text: +x left-delimiter/);
  });
});
