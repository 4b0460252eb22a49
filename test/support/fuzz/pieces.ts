/** What parsers have stumbled over before: control characters, odd Unicode, names of prototypes, numbers at the edges. */
// oxfmt-ignore
export const oddPieces: readonly string[] = [
  '', '\0', '\n', '\r\n\r\n', '\t', '\x1b[31m', '\x7f', '\u0085', '\u2028', '\ufeff', '\u202e', '\ud800', '\udfff',
  '\u{1f468}\u200d\u{1f469}', 'e\u0301\u0301\u0301', '\u0130', '%00', '%', '../', '/', ',', '!', '"', '\\', '\\u',
  '\\ud800', '$(params.x)', '${x}', '{{ . }}', '__proto__', 'constructor', 'toString', 'null', '-0', '1e999',
  '9007199254740993', '-9223372036854775809', '0x10', '2562047h47m16s', '{', '}', '[', ']', ':', '&a ', '*a', '<<: ',
  '!!binary ', '? ', '--- ', '# ', '| ', 'HTTP/1.1',
];

/** In place of a value of JSON. */
export const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  '',
  'x',
  [],
  {},
  [[]],
  [null],
  { '': '' },
  ['x', 1, null],
  { constructor: 'x', toString: 1 },
  JSON.parse('{"__proto__": {"name": "x"}}'),
];
