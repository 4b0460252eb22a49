import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';
import { TemplateLimitError } from '../../../../src/shared/gotemplate/errors.ts';
import { allFunctions } from '../../../../src/shared/gotemplate/functions.ts';

/** As large as a bundle of all authorities is, and a little larger: Debian's has 220 KB. */
const bundleBytes = 256 * 1024;

function newBundle(): string {
  const certificate = (): string => {
    const lines =
      randomBytes(1_200)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  };
  let bundle = '';
  while (bundle.length < bundleBytes) bundle += certificate();
  return bundle;
}

/** What templates do with a bundle, for each function that takes a text; the others are called with it alone. */
const uses: Readonly<Record<string, readonly string[]>> = {
  contains: ['contains "BEGIN" .ca', 'contains .ca .ca'],
  hasPrefix: ['hasPrefix "-----BEGIN" .ca'],
  hasSuffix: ['hasSuffix "\\n" .ca'],
  replace: ['replace "\\n" "\\\\n" .ca'],
  trimAll: ['trimAll "\\n" .ca'],
  trimall: ['trimall "-" .ca'],
  trimPrefix: ['trimPrefix "-" .ca'],
  trimSuffix: ['trimSuffix "\\n" .ca'],
  trunc: ['trunc 200000 .ca'],
  substr: ['substr 0 200000 .ca'],
  repeat: ['repeat 2 .ca'],
  indent: ['indent 4 .ca'],
  nindent: ['nindent 4 .ca'],
  wrap: ['wrap 76 .ca'],
  wrapWith: ['wrapWith 76 "\\n" .ca', 'wrapWith 64 "\\r\\n" (b64enc .ca)'],
  split: ['split "\\n" .ca', 'split "-----BEGIN CERTIFICATE-----" .ca'],
  splitList: ['splitList "\\n" .ca', 'splitList "-----END CERTIFICATE-----" .ca'],
  splitn: ['splitn "\\n" 2 .ca'],
  join: ['splitList "\\n" .ca | join ","'],
  sortAlpha: ['splitList "\\n" .ca | sortAlpha'],
  uniq: ['splitList "-----END CERTIFICATE-----" .ca | uniq'],
  cat: ['cat .ca "x"'],
  abbrev: ['abbrev 200000 .ca'],
  abbrevboth: ['abbrevboth 5 200000 .ca'],
  printf: ['printf "%s" .ca', 'printf "%q" .ca', 'printf "%x" .ca', 'printf "%-300000s" .ca'],
  regexMatch: [
    'regexMatch "BEGIN CERTIFICATE" .ca',
    'regexMatch "(?s)^-----BEGIN.*-----\\\\s*$" .ca',
    'regexMatch "[^ -~\\n]" .ca',
  ],
  mustRegexMatch: ['mustRegexMatch "^-+BEGIN [A-Z]+" .ca'],
  regexFind: ['regexFind "(?s)-----BEGIN.*?-----END CERTIFICATE-----" .ca', 'regexFind "END$" .ca'],
  regexFindAll: ['regexFindAll "BEGIN CERTIFICATE" .ca -1', 'regexFindAll "(?m)^[A-Za-z0-9+/=]+$" .ca -1'],
  regexSplit: ['regexSplit "\\\\s+" .ca -1'],
  regexReplaceAll: [
    'regexReplaceAll "\\\\s+" .ca ""',
    'regexReplaceAll "(?m)^(.*)$" .ca "  ${1}"',
    'regexReplaceAll "-----[^-]*-----" .ca ""',
  ],
  regexReplaceAllLiteral: ['regexReplaceAllLiteral "\\n" .ca "$"'],
  encryptAES: ['encryptAES "key" .ca'],
  decryptAES: ['decryptAES "key" (encryptAES "key" .ca)'],
  b64dec: ['b64dec (b64enc .ca)'],
  b32dec: ['b32dec (b32enc .ca)'],
  fromJson: ['fromJson (toJson .ca)', 'fromJson (printf "[%s]" (toJson .ca))'],
  default: ['default "x" .ca'],
  dict: ['dict "ca" .ca | toJson'],
  eq: ['eq .ca .ca', 'eq .ca "x"'],
  lt: ['lt .ca .ca'],
  shuffle: ['shuffle (trunc 10000 .ca)'],
  durationRound: [],
  fail: [],
  bcrypt: [],
  htpasswd: [],
};

/** Those of one text: all others need more to mean anything with a bundle. */
function usesOf({ name, params, variadic }: (typeof allFunctions)[number]): readonly string[] {
  const given = Object.hasOwn(uses, name) ? uses[name] : undefined;
  if (given !== undefined) return given;
  const takesOne = params.length === 1 && variadic === undefined;
  const isText = takesOne && (params[0] === 'string' || params[0] === 'interface {}');
  return isText || (params.length === 0 && variadic === 'interface {}') ? [`${name} .ca`] : [];
}

describe('a bundle of all certificate authorities', () => {
  const ca = newBundle();

  for (const known of allFunctions) {
    for (const use of usesOf(known)) {
      it(`passes through ${use}`, () => {
        const template = compileTemplate('t', `{{ $x := ${use} }}{{ $x | toString | trunc 1000 }}`);
        try {
          template.render({ ca }, { clock: () => 0 });
        } catch (error) {
          // It is no date, no number and no list, which the function may say.
          assert.ok(!(error instanceof TemplateLimitError), String(error));
        }
      });
    }
  }

  it('passes through several of them, one after the other, into files of a volume', () => {
    const template = compileTemplate(
      't',
      '{{ .ca | replace "\\n" "\\r\\n" | nospace | b64enc | wrapWith 76 "\\n" | indent 4 | quote | upper | len }}',
    );
    assert.equal(template.render({ ca }, { clock: () => 0 }).toString(), '372670');
  });
});
