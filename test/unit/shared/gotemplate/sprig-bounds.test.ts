import assert from 'node:assert/strict';
import { TemplateLimitError } from '../../../../src/shared/gotemplate/errors.ts';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';

const data = { long: 'a'.repeat(500_000), words: 'hello foo-bar '.repeat(30_000), ab: 'ab'.repeat(30_000) };

function render(template: string): string {
  return compileTemplate('t', template)
    .render(data, { clock: () => 0 })
    .toString('utf8');
}

/** Each asks for far more than a render may have; none may be worked out before that is noticed. */
const bombs: Readonly<Record<string, string>> = {
  'repeats text': '{{ repeat 9000000000000000000 "x" }}',
  'counts to a number without end': '{{ untilStep 0 9000000000000000000 1 }}',
  'writes a sequence': '{{ seq 1 9000000000000000000 }}',
  'indents by any number': '{{ indent 9000000000000000000 "x" }}',
  'draws random characters': '{{ randAscii 9000000000000000000 }}',
  'draws random bytes': '{{ randBytes 9000000000000000000 }}',
  'puts text between all characters': '{{ replace "" .long .long }}',
  'wraps with long line breaks': '{{ wrapWith 1 (repeat 100 "x") .long }}',
  'doubles a list': '{{ $x := list 1 }}{{ range until 40 }}{{ $x = concat $x $x }}{{ end }}',
  'writes shared dicts as JSON':
    '{{ $d := dict }}{{ range until 40 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ toJson $d }}',
  'copies shared dicts': '{{ $d := dict }}{{ range until 40 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ deepCopy $d }}',
  'merges dicts that contain themselves':
    '{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $e := dict }}{{ $_ := set $e "a" $e }}{{ merge $d $e }}',
  'copies a dict that contains itself': '{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ deepCopy $d }}',
  'nests JSON too deep': '{{ fromJson (repeat 5000 "[") }}',
  'matches a pattern with many states': '{{ regexMatch "([ab]*)a([ab]{500})[cd]" .ab }}',
  'searches to the end again and again': '{{ regexFindAll ".*b|a" .long -1 }}',
  'compiles a large pattern': '{{ regexMatch (repeat 500 "a{1000}") "x" }}',
  'compiles many patterns': '{{ range until 10000 }}{{ regexMatch "(?i)\\\\pL+" "x" }}{{ end }}',
  'hashes passwords': '{{ range until 10 }}{{ bcrypt "x" }}{{ end }}',
  'derives keys': '{{ range $i := until 10 }}{{ derivePassword 1 "pin" "p" (toString $i) "s" }}{{ end }}',
  'reads an ambiguous constraint': '{{ semverCompare (print "1" .long "!") "1.0.0" }}',
};

describe('a template that asks too much of sprig', () => {
  for (const [what, template] of Object.entries(bombs)) {
    it(`is stopped when it ${what}`, () => {
      // Slow work is counted before it is done.
      const slowWork = (): string => '00'.repeat(64);
      assert.throws(
        () => compileTemplate('t', template).render(data, { clock: () => 0, slowWork }),
        TemplateLimitError,
      );
    });
  }

  it('may derive several passwords of one user', () => {
    const template = '{{ range list "a" "b" "c" }}{{ derivePassword 1 "pin" "p" "u" . }} {{ end }}';
    assert.match(render(template), /^(?:\d{4} ){3}$/);
  });

  it('is told at once that a long text is no number', () => {
    // With backtracking each takes many minutes.
    for (const number of [
      'print (repeat 500000 "1") "!"',
      'print "0x" (repeat 500000 "1") "!"',
      'print "0x1." (repeat 500000 "1")',
    ]) {
      assert.equal(render(`{{ $n := ${number} }}{{ float64 $n }} {{ addf $n 1 }} {{ floor $n }}`), '0 1 0');
    }
  });

  it('is told of a dict that contains itself where it would be JSON, and prints nothing with toJson', () => {
    const cyclic = '{{ $d := dict }}{{ $_ := set $d "a" $d }}';
    assert.equal(render(`${cyclic}[{{ toJson $d }}]`), '[]');
    assert.throws(() => render(`${cyclic}{{ mustToJson $d }}`), /encountered a cycle via map\[string\]interface \{\}/);
  });

  it('does its ordinary work within the limits', () => {
    assert.equal(render('{{ regexReplaceAll "o+" (substr 0 1400 .words) "0" | len }}'), '1300');
    assert.equal(render('{{ range $i := until 1000 }}{{ $_ := printf "%d" $i | b64enc | sha256sum }}{{ end }}'), '');
  });
});
