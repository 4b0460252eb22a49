import { focusedTemplate } from './focused.js';
import { constraint, json, keys, layouts, pattern, replacements, url, verb, version, words } from './pools.js';
import type { Random } from '../random.js';
import { signatures, type FunctionSignature, type Kind } from './signatures.js';

export interface Case {
  readonly name: string;
  readonly template: string;
  readonly data: unknown;
}

/** The first seed of the focused cases. */
const focusedFrom = 1_000_000;

/** How deep expressions and blocks nest. */
const maxDepth = 3;

/** How often an argument is of another kind than the function wants. */
const wrongKind = 0.06;

// prettier-ignore
const numbers = [
  '0', '1', '2', '3', '5', '10', '-1', '-3', '100', '1000000', '3.0', '0.5', '-2.4', '1e6', '1e21', "'a'", '0x1f',
  '010', '9223372036854775807', '1.005',
];
const fields: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  string: ['.s', '.t', '.d.a', '.d.name'],
  number: ['.n', '.f', '.neg', '.zero', '.big'],
  bool: ['.yes', '.no'],
  list: ['.l', '.mixed', '.nums', '.e', '.l2'],
  strings: ['.l', '.e'],
  dict: ['.d', '.d2', '.nested', '.em'],
  any: ['.s', '.n', '.f', '.yes', '.l', '.d', '.nul', '.missing', '.nested', '.mixed', '.em', '.d.missing', '.'],
};

const allKinds: readonly Kind[] = ['any', 'string', 'int', 'number', 'bool', 'list', 'dict', 'time'];

/** Methods that a value of these kinds has. */
// prettier-ignore
const timeMembers = [
  'Year', 'Month', 'Day', 'Weekday', 'Unix', 'Hour', 'YearDay', 'IsZero', 'UTC', 'String', 'Location', 'Nope',
  'UnixMilli', 'Nanosecond',
];
// prettier-ignore
const versionMembers = [
  'Major', 'Minor', 'Patch', 'Prerelease', 'Metadata', 'Original', 'String', 'IncMajor', 'IncPatch', 'Foo',
];

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Makes random templates whose functions mostly get what they take. */
export class TemplateGenerator {
  readonly #random: Random;
  #variables: string[] = [];
  #inRange = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A template of a few statements. */
  template(): string {
    this.#variables = [];
    this.#inRange = 0;
    const definitions = this.#random.chance(0.05) ? `{{define "x"}}${this.#block(2)}{{end}}` : '';
    this.#variables = [];
    const call = definitions === '' ? '' : `{{template "x" ${this.#atom('any')}}}`;
    return definitions + this.#block(0) + call;
  }

  /** A single expression: what most cases are, since they show what is wrong most plainly. */
  action(): string {
    return `{{ ${this.#pipeline('any', 0)} }}`;
  }

  #block(depth: number): string {
    const before = [...this.#variables];
    const statements = Array.from({ length: this.#random.int(1, 4) }, () => this.#statement(depth));
    this.#variables = before;
    return statements.join('');
  }

  #delimited(text: string): string {
    const left = this.#random.chance(0.1) ? '{{- ' : '{{ ';
    return left + text + (this.#random.chance(0.1) ? ' -}}' : ' }}');
  }

  #statement(depth: number): string {
    const roll = this.#random.next();
    if (depth >= maxDepth || roll < 0.45) return this.#delimited(this.#pipeline('any', 1));
    if (roll < 0.6) return this.#random.pick(['text ', ' \n', '  x\t', '}} ', 'é', '"']);
    if (roll < 0.7) return this.#declaration();
    if (roll < 0.8) return this.#conditional(depth, 'if');
    if (roll < 0.86) return this.#conditional(depth, 'with');
    if (roll < 0.96) return this.#range(depth);
    return this.#random.pick(['{{/* note */}}', '{{break}}', '{{continue}}', '{{- /* x */ -}}', '{{$}}', '{{ . }}']);
  }

  #declaration(): string {
    const assigns = this.#variables.length > 0 && this.#random.chance(0.3);
    const name = assigns ? this.#random.pick(this.#variables) : `$${this.#random.pick(['x', 'y', 'z'])}`;
    const action = this.#delimited(`${name} ${assigns ? '=' : ':='} ${this.#pipeline('any', 1)}`);
    if (!assigns) this.#variables.push(name);
    return action;
  }

  #conditional(depth: number, word: 'if' | 'with'): string {
    const start = this.#delimited(`${word} ${this.#pipeline(this.#random.pick(['any', 'bool', 'list']), 1)}`);
    const middle = this.#random.chance(0.2)
      ? `{{else ${word} ${this.#expression('any', 2)}}}${this.#block(depth + 1)}`
      : '';
    const other = this.#random.chance(0.5) ? `{{else}}${this.#block(depth + 1)}` : '';
    return `${start}${this.#block(depth + 1)}${middle}${other}{{end}}`;
  }

  #range(depth: number): string {
    const over = this.#expression(this.#random.pick(['list', 'list', 'dict', 'count', 'strings', 'string']), 2);
    const names = this.#random.pick(['', '', '$v := ', '$k, $v := ']);
    const before = [...this.#variables];
    if (names.includes('$v')) this.#variables.push('$v');
    if (names.includes('$k')) this.#variables.push('$k');
    this.#inRange++;
    const leave = this.#random.chance(0.1) ? `{{if ${this.#expression('bool', 2)}}}{{break}}{{end}}` : '';
    const body = this.#block(depth + 1);
    this.#inRange--;
    this.#variables = before;
    const other = this.#random.chance(0.2) ? `{{else}}none` : '';
    return `{{range ${names}${over}}}${leave}${body};${other}{{end}}`;
  }

  /** An expression, sometimes written as a pipeline: the last argument of a call before its function. */
  #pipeline(kind: Kind, depth: number): string {
    const signature = this.#random.pick(signatures);
    if (this.#random.chance(0.3)) return this.#expression(kind, depth);
    const args = this.#arguments(signature, depth);
    if (args.length > 0 && this.#random.chance(0.3)) {
      const last = args.pop() ?? '';
      return `${last} | ${[signature.name, ...args].join(' ')}`;
    }
    return [signature.name, ...args].join(' ');
  }

  #arguments(signature: FunctionSignature, depth: number): string[] {
    const more = signature.rest === undefined ? 0 : this.#random.int(0, 4);
    const rest = Array.from({ length: more }, () => signature.rest ?? 'any');
    const kinds = [...signature.params, ...rest];
    if (this.#random.chance(0.02)) kinds.pop();
    return kinds.map((kind) => this.#argument(kind, depth));
  }

  /** A count is never computed: Go would make any amount of text or elements of it. */
  #argument(kind: Kind, depth: number): string {
    // Of anything but a time the date functions make now.
    const isWrong = kind !== 'time' && this.#random.chance(wrongKind);
    if (kind === 'count') return this.#atom(isWrong ? this.#random.pick(['string', 'dict', 'bool']) : kind);
    return this.#expression(isWrong ? this.#random.pick(allKinds) : kind, depth + 1);
  }

  #expression(kind: Kind, depth: number): string {
    if (depth >= maxDepth || this.#random.chance(0.45)) return this.#atom(kind);
    const fitting = signatures.filter(({ result }) => result === kind || (kind === 'list' && result === 'strings'));
    const choices = kind === 'any' ? signatures : fitting;
    if (choices.length === 0) return this.#atom(kind);
    const signature = this.#random.pick(choices);
    const call = `(${[signature.name, ...this.#arguments(signature, depth)].join(' ')})`;
    if (signature.result === 'time' && kind === 'any') return `${call}.${this.#random.pick(timeMembers)}`;
    if (signature.result === 'version') return `${call}.${this.#random.pick(versionMembers)}`;
    if (signature.result === 'dict' && kind === 'any' && this.#random.chance(0.3))
      return `${call}.${this.#random.pick(['a', 'b', 'name', 'scheme', '_0'])}`;
    return call;
  }

  #atom(kind: Kind): string {
    const random = this.#random;
    const known = fields[kind];
    if (kind === 'any' && this.#variables.length > 0 && random.chance(0.3)) return random.pick(this.#variables);
    if (known !== undefined && random.chance(kind === 'any' ? 0.5 : 0.6)) return this.#field(random.pick(known));
    switch (kind) {
      case 'any':
        return this.#atom(random.pick(['string', 'number', 'bool', 'int', 'string', 'list']));
      case 'string':
        return quoted(random.pick(words));
      case 'int':
        return random.pick(['0', '1', '2', '3', '5', '-1', '-2', '10', '20']);
      case 'count':
        return random.pick(['0', '1', '2', '3', '4', '5', '7', '8', '12', '-1']);
      case 'number':
        return random.pick(numbers);
      case 'bool':
        return random.pick(['true', 'false']);
      case 'list':
        return random.pick([
          '(list 1 2 3)',
          '(list)',
          '(list "b" "a" nil)',
          '(until 4)',
          '(splitList "," "c,a,b")',
          '(list (list 1) (dict "a" 1))',
        ]);
      case 'strings':
        return '(splitList "," "c,a,b")';
      case 'dict':
        return random.pick([
          '(dict)',
          '(dict "a" 1 "b" "x")',
          '(dict "a" (dict "b" 2) "c" (list))',
          '(split "," "x,y")',
        ]);
      default:
        return this.#specialAtom(kind);
    }
  }

  #specialAtom(kind: Kind): string {
    const random = this.#random;
    switch (kind) {
      case 'time':
        return random.pick([
          '(toDate "2006-01-02" "2021-03-04")',
          '(toDate "2006-01-02T15:04:05Z07:00" "2020-02-29T23:59:58.5+05:30")',
          '(toDate "2006-01-02 15:04:05 MST" "1999-12-31 01:02:03 CEST")',
          '(toDate "2006" "bad")',
          '1609459200',
          '0',
          '-1',
        ]);
      case 'layout':
        return quoted(random.pick(layouts));
      case 'duration':
        return quoted(
          random.pick([
            '1h',
            '90s',
            '-1.5h',
            '1h2m3.004s',
            '100000h',
            '5',
            'x',
            '',
            '1d',
            '.5m',
            '1µs',
            '1ns1ms',
            '9223372036s',
            '99999999999h',
            '0',
            '+3m',
          ]),
        );
      case 'versionText':
        return quoted(version(random));
      case 'version':
        return `(semver ${quoted(version(random))})`;
      case 'constraint':
        return quoted(constraint(random));
      case 'pattern':
        return quoted(pattern(random));
      case 'replacement':
        return quoted(random.pick(replacements));
      case 'url':
        return quoted(url(random));
      case 'json':
        return quoted(json(random));
      case 'key':
        return quoted(random.pick(keys));
      case 'base64':
        return quoted(
          random.pick([
            'aGVsbG8=',
            'aGVsbG8',
            'YQ==',
            'YWI=\n',
            '!!',
            '=',
            'ME======',
            'NBSWY3DP',
            'me======',
            'YQ==YQ==',
            'MFRGG===',
            '////',
          ]),
        );
      case 'zone':
        return quoted(
          random.pick([
            'UTC',
            'Local',
            '',
            'Europe/Berlin',
            'America/New_York',
            'Asia/Kolkata',
            'Nowhere/City',
            'europe/berlin',
          ]),
        );
      default:
        return quoted(`${verb(random)} ${random.chance(0.5) ? verb(random) : ''}`);
    }
  }

  /** Inside a range dot is an element, so the field is mostly asked of the root. */
  #field(field: string): string {
    if (this.#inRange === 0 || this.#random.chance(0.15)) return field;
    return field === '.' ? '.' : `$${field}`;
  }
}

/** Data for the fields that the generator asks for. */
export function randomData(random: Random): Readonly<Record<string, unknown>> {
  const scalar = (): unknown =>
    random.pick([random.pick(words), random.int(-5, 100), 2.5, true, null, '', 0, 1e15, -0.25]);
  const dict = (value: () => unknown): unknown => {
    const size = random.int(1, 4);
    return Object.fromEntries(Array.from({ length: size }, () => [random.pick(keys), value()]));
  };
  const list = (value: () => unknown): unknown[] => Array.from({ length: random.int(1, 5) }, value);
  return {
    s: random.pick(words),
    t: random.pick(words),
    n: random.int(-3, 50),
    neg: -7,
    zero: 0,
    big: 4503599627370497,
    f: random.pick([1.5, -2.75, 0.1, 1e21, 123456789.125]),
    yes: true,
    no: false,
    nul: null,
    l: list(() => random.pick(words)),
    l2: list(() => random.int(0, 5)),
    nums: [3, 1, 2],
    mixed: list(scalar),
    e: [],
    em: {},
    d: { a: random.pick(words), ...(dict(scalar) as object) },
    d2: dict(scalar),
    nested: { a: { b: dict(scalar), c: list(scalar) }, list: [dict(scalar), dict(scalar)] },
  };
}

/** The fields that the template names, to keep recordings small; all of them when it uses the root itself. */
function mentioned(data: Readonly<Record<string, unknown>>, template: string): Readonly<Record<string, unknown>> {
  if (/(?:^|[\s({])[.$](?=[\s)}|]|$)/.test(template) || template.includes('template')) return data;
  return Object.fromEntries(Object.entries(data).filter(([key]) => new RegExp(`\\.${key}\\b`).test(template)));
}

/** Cases `from` to `to` by seed: from 1,000,000 on they press single functions, before that they combine them. */
export function generateCases(makeRandom: (seed: number) => Random, from: number, to: number): Case[] {
  return Array.from({ length: to - from }, (_, index) => {
    const seed = from + index;
    const random = makeRandom(seed);
    if (seed >= focusedFrom) return { name: `fuzz/${seed.toString()}`, template: focusedTemplate(random), data: {} };
    const generator = new TemplateGenerator(random);
    const template = random.chance(0.8) ? generator.action() : generator.template();
    return { name: `fuzz/${seed.toString()}`, template, data: mentioned(randomData(random), template) };
  });
}
