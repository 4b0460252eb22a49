/**
 * Templates that ask for as much as the bounds let them have: for each function one that calls it again and again, with
 * texts, lists and maps as large as a cluster's objects can be. Named by what they do.
 */

/** Their data: about 2 MB. */
export const hostileData = {
  long: 'a'.repeat(500_000),
  words: 'hello foo-bar '.repeat(30_000),
  ab: 'ab'.repeat(30_000),
  list: Array.from({ length: 20_000 }, (_, index) => `item${((index * 7919) % 20_000).toString()}`),
  numbers: Array.from({ length: 20_000 }, (_, index) => BigInt((index * 7919) % 20_000)),
  map: Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`key${index.toString()}`, `value${index.toString()}`]),
  ),
};

/** Ends of pipelines, to be fed with the members of the data that stand before them. */
const pipelines: readonly (readonly [members: string, ends: readonly string[]])[] = [
  [
    'long words list map ab',
    (
      'upper lower title untitle trim nospace swapcase initials snakecase camelcase kebabcase shuffle b64enc b64dec b32enc ' +
      'sha1sum sha256sum adler32sum quote squote html js urlquery len print println toJson toPrettyJson toRawJson ' +
      'fromJson atoi int int64 float64 toDecimal semver urlParse base dir ext clean isAbs osBase osDir regexQuoteMeta toStrings first ' +
      'last rest initial reverse uniq compact sortAlpha kindOf typeOf empty htmlDate duration durationRound ago'
    ).split(' '),
  ],
  [
    'long words list map ab',
    [
      'splitList "a"',
      'nindent 4',
      'join ","',
      'default "x"',
      'len | plural "a" "b"',
      'wrap 10',
      'abbrev 100',
      'trunc 1000',
    ],
  ],
  [
    'words ab',
    [
      'regexMatch "(a|b)*c"',
      'regexFindAll "[a-z]+" $.words 1000',
      'regexReplaceAll "o" $.words',
      'regexReplaceAllLiteral "o" "o"',
      'regexSplit "o" $.words',
      'replace "o" "00"',
      'splitn "o" 3',
      'split "o"',
      'contains "zzz"',
      'hasPrefix "zz"',
      'repeat 2',
      'substr 1 40000',
      'cat "x"',
      'indent 2',
      'trimAll "x"',
      'trimPrefix "h"',
      'trimSuffix "x"',
      'abbrevboth 5 100',
      'encryptAES "k"',
      'printf "%x"',
      'printf "% #x"',
      'printf "%q"',
      'printf "%v"',
      'printf "%-100000s"',
      'eq "x"',
      'lt "x"',
      'semverCompare "^1.2.3"',
    ],
  ],
  [
    'list numbers map',
    [
      'has 5',
      'without 5',
      'append 5',
      'prepend 5',
      'concat $.list',
      'chunk 3',
      'slice 3',
      'join "-"',
      'deepEqual $.list',
      'deepCopy',
      'uniq',
      'sortAlpha',
      'reverse',
      'toJson',
      'max 1 2',
      'dict "a"',
      'tuple 1',
    ],
  ],
];

/** Small expressions, without end. */
const expressions: readonly string[] = [
  'keys $.map | sortAlpha',
  'values $.map',
  'merge (dict) $.map',
  'mergeOverwrite (dict) $.map',
  'omit $.map "a"',
  'deepCopy $.map',
  'dig "a" "b" $.map',
  'pluck "a" $.map $.map',
  'index $.list 5',
  'printf "%v" $.map',
  'print $.list $.map',
  'now | date "Mon Jan 2 15:04:05 2006"',
  'toDate "2006-01-02" "2020-01-01"',
  'htmlDateInZone now "UTC"',
  'dateInZone "2006" now "Asia/Tokyo"',
  'dateModify "1h" now',
  'duration 100',
  'durationRound "2h3m"',
  'uuidv4',
  'randAlpha 100',
  'randInt 1 5',
  'randNumeric 1000',
  'shuffle "hello"',
  'until 1000',
  'untilStep 0 1000 3',
  'seq 1 500',
  'genPrivateKey "ed25519"',
  'genPrivateKey "ecdsa"',
  'semver "1.2.3-alpha.1+b"',
  'semverCompare ">=1.2 <3 || ^4" "2.0.0"',
  'urlParse "http://u:p@h:1/p?q#f"',
  'urlJoin (dict "host" "h")',
  'regexMatch "a+b" "aaab"',
  'regexMatch "(?i)[[:alpha:]]{5,10}" "hello"',
  'printf "%s %d %v %q %x" "a" 1 2.5 "b" 3',
  'printf "%1000d" 1',
  'printf "%1000.300f" 1.5',
  'printf "%.300g" 1e300',
  'add 1 2',
  'mul 2 3',
  'round 2.345 2',
  'list 1 2 3',
  'dict "a" 1',
  'set (dict) "a" 1',
  'ternary 1 2 true',
  'and 1 2',
  'not 1',
  'eq 1 1 2 3',
  'fromJson "{\\"a\\":[1,2,3]}"',
  'toJson (dict "a" 1)',
  'encryptAES "k" "v"',
  'decryptAES "k" (encryptAES "k" "v")',
  'sha256sum "x"',
  'title "hello world"',
  'camelcase "foo_bar"',
  'b64enc "x"',
  'wrap 2 "a b c"',
  'typeOf 1',
  'deepEqual 1 1',
  'atoi "1"',
  'splitList "," "a,b"',
  'float64 "1e300"',
  'slice "abcdef" 1 3',
  'html "<"',
  'index (dict "a" 1) "a"',
];

/** Lists whose lists are the same two: 60 levels, two to the 60th leaves. */
export const dag =
  '{{ $l := list 1 }}{{ $k := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ $k = list $k $k }}{{ end }}';
/** Dicts that contain themselves. */
export const cycle = '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $e := dict }}{{ $_ := set $e "d" $e }}';
export const deep = '{{ $l := list 1 }}{{ range 5000 }}{{ $l = list $l }}{{ end }}';

/** The text again and again, with the number of the time for each `%`. */
function numbered(times: number, text: string): string {
  return Array.from({ length: times }, (_, index) => text.replaceAll('%', index.toString())).join('');
}

/** Those that need no data. */
export const bombs: Readonly<Record<string, string>> = {
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
};

const overData: Readonly<Record<string, string>> = {
  'a pattern with many states': '{{ regexMatch "([ab]*)a([ab]{200})[cd]" .ab }}',
  fields: '{{ range 10000000 }}{{ $x := $.map.key1 }}{{ end }}',
  maps: '{{ range 10000000 }}{{ range $k, $v := $.map }}{{ end }}{{ end }}',
};

function* named(): Generator<[name: string, template: string]> {
  yield* Object.entries({ ...bombs, ...overData });
  for (const [members, ends] of pipelines) {
    for (const member of members.split(' ')) {
      for (const end of ends)
        yield [`${member} | ${end}`, `{{ range 1000000 }}{{ $x := $.${member} | ${end} }}{{ end }}`];
    }
  }
  for (const expression of expressions) {
    yield [`${expression}, kept`, `{{ range 10000000 }}{{ $x := ${expression} }}{{ end }}`];
    yield [`${expression}, printed`, `{{ range 10000000 }}{{ ${expression} }}{{ end }}`];
  }
}

export const hostileTemplates: readonly (readonly [name: string, template: string])[] = [...named()];
