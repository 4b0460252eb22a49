import fc from 'fast-check';
import { mutatedText } from '../mutations.ts';
import { oddPieces } from '../pieces.ts';

/** Text as the parts that it repeats, so that a case is small where it is shown. */
type Repeated = readonly (readonly [part: string, times: number])[];

/** A generator and what it is used with, as plain data. */
export interface GeneratorCase {
  readonly cel: string;
  readonly secret: readonly (readonly [key: string, value: Repeated])[];
  readonly method: string;
  readonly path: Repeated;
  readonly query: Repeated;
  /** A header of the tool's response. */
  readonly location: Repeated;
}

/** In values of Secrets. No message contains it. */
export const secretCanary = 'CANARY-OF-THE-SECRET';
/** In paths and queries. No message of an expression contains it. */
export const requestCanary = 'CANARY-OF-THE-REQUEST';

export function textOf(repeated: Repeated): string {
  return repeated.map(([part, times]) => part.repeat(times)).join('');
}

/** As long as a request's headers can be. */
const maxRequestCharacters = 16 << 10;

function long(parts: readonly string[], characters: number): fc.Arbitrary<Repeated> {
  const part = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...parts) },
    { weight: 1, arbitrary: fc.constantFrom(...oddPieces.filter((each) => each !== '')) },
  );
  const times = (text: string): fc.Arbitrary<number> =>
    fc.oneof(
      { weight: 8, arbitrary: fc.nat(3) },
      { weight: 2, arbitrary: fc.nat(Math.floor(characters / text.length)) },
    );
  return fc.array(
    part.chain((text) => times(text).map((count) => [text, count] as const)),
    { maxLength: 4 },
  );
}

const value = (...parts: readonly string[]): fc.Arbitrary<Repeated> =>
  long([secretCanary, ...parts], 160 << 10).map((rest) => [[secretCanary, 1], ...rest]);
/** Nine of ten are as Secrets are. */
const token = fc.oneof(
  { weight: 9, arbitrary: fc.constant<Repeated>([[secretCanary, 1]]) },
  { weight: 1, arbitrary: value('x', '\n', '\r', '\r\n', '9', 'ab', '%41') },
);
const secret = fc
  .record({
    token,
    long: fc.oneof(
      {
        weight: 3,
        arbitrary: fc.nat(60_000).map((times): Repeated => [
          ['ab', times],
          [secretCanary, 1],
        ]),
      },
      { weight: 1, arbitrary: value('a', 'é', '\n', '\u{1f468}') },
    ),
    digits: fc.nat(100_000).map((times): Repeated => [['9', times]]),
    odd: value('x'),
    __proto__: fc.constant<Repeated>([[secretCanary, 1]]),
  })
  .chain((all) => fc.subarray(Object.entries(all)).map((some) => [...some, ['token', all.token] as const]));

const inPath = long(
  ['a', '/', '%2F', '%', '%25', requestCanary, '..', ';', 'aaaaaaaaaaaaaaaaaaaaaaaa'],
  maxRequestCharacters,
);
const inQuery = long(
  ['&', '&', ';', 'a=1&', '&;', 'a&', 'X-Key=x&', '%26', '%2525', '+', '=', '[', '?', requestCanary, '%u0061', '.'],
  maxRequestCharacters,
);
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PROPFIND'),
  path: inPath.map((path): Repeated => [['/', 1], ...path]),
  query: inQuery.map((query): Repeated => [...query, [requestCanary, 1]]),
  location: inQuery.map((query): Repeated => [['https://tool.example/?', 1], ...query]),
});

/** As authors of classes write them: what Secrets and requests contain is a stranger's. */
const classExpressions = [
  '{"headers": {"X-Key": secret.token}}',
  '{"headers": {"Authorization": "Bearer " + secret.token, "X-Path": request.path}}',
  '{"headers": {"X-Time": string(int(now)), "X-Signature": hex.encode(hmac.sha256(secret.token, request.query))}}',
  '{"headers": {"X-Key": base64.encode(secret.long + ":" + secret.odd)}}',
  '{"headers": {"X-Size": string(size(secret.digits)), "X-Number": string(int(secret.digits))}}',
  '{"query": {"X-Key": secret.token, "api_key": request.method}}',
  '{"query": {"X-Key": request.query.contains("a") ? secret.token : secret.missing}}',
  'has(secret.long) ? {"headers": {"X-Key": secret.long}} : {"query": {"X-Key": request.host}}',
  '{"headers": {"X-Match": string(request.path.matches("(a*)*b") || secret.long.matches("(a|ab)*c"))}}',
  '{"headers": {"X-Key": secret.map(x, x + secret[x])[0]}}',
];
const expressions = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...classExpressions) },
  { weight: 2, arbitrary: mutatedText(classExpressions) },
);

/** Generators with Secrets and requests. */
export const generatorCases: fc.Arbitrary<GeneratorCase> = fc
  .record({ cel: expressions, secret })
  .chain((made) => request.map((each) => ({ ...made, ...each })));
