/** Spellings of a way out of a Connector's path, each below `/team-a/`; some servers take each for `../`. */
export const parentSpellings: readonly string[] = [
  // Plain, and as a part of a longer path.
  ...['..', '../', '../team-b', 'x/../../team-b', './../team-b', '.../x', '....//team-b', '..team-b/x'],
  // Encoded once, in either case and in part.
  ...[
    '%2e%2e/x',
    '%2E%2e/x',
    '.%2e/x',
    '%2e./x',
    '..%2fx',
    '..%2Fx',
    '%2e%2e%2fx',
    '..%5cx',
    '%2e%2e%5Cx',
    'a%2f..%2fx',
  ],
  // Encoded several times, or in pieces.
  ...['%252e%252e/x', '%25252e%25252e/x', '..%252fx', '..%25252fx', '%2%65%2%65/x', '%%32%65%%32%65/x', '%252e.%2fx'],
  // Ends of a segment that some servers see.
  ...['..;/x', '..;a=b/x', '..%3b/x', '..%3f/x', '..%23/x', '..%26/x', '..%20/x', '%20../x', '..%c2%a0/x', '..%2500/x'],
  // Control characters, within which some servers find dots.
  ...['..%00/x', '..%01/x', '..%09/x', '..%0a/x', '..%0d%0a/x', '..%7f/x', '.%00./x', '%00../x', 'a%00b', '..%c2%85/x'],
  // ASCII in too many bytes.
  ...['%c0%ae%c0%ae/x', '%c0%ae./x', '.%c0%ae/x', '%e0%80%ae%e0%80%ae/x', '%f0%80%80%ae%f0%80%80%ae/x'],
  ...['%f8%80%80%80%ae/x', '%c0%2e%c0%2e/x', '..%c0%afx', '..%c1%9cx', '%25c0%25ae%25c0%25ae/x', '..%e0%80%afx'],
  // Characters that are dots to servers that fold them, and escapes that are none of URLs.
  ...['%ef%bc%8e%ef%bc%8e/x', '%e2%80%a4%e2%80%a4/x', '%e2%80%a5/x', '.%ef%bc%8e/x', '%u002e%u002e/x', '..%u2215x'],
  // The segment itself, written as no client writes it.
  ...['%2e/x', '.;/x', '%2e%2fx'],
  // Deeper than anything decodes.
  `%${'25'.repeat(9)}2e%${'25'.repeat(9)}2e/x`,
];

/** Paths below `/team-a` that clients have reason to send. */
export const usualPaths: readonly string[] = [
  ...[
    '',
    '/',
    '/a..b',
    '/v1..v2/x',
    '/.well-known/x',
    '/.git/HEAD',
    '/a.',
    '/a..',
    '/x/~/y',
    '/compare/main...feature',
  ],
  ...[
    '/group%2Fproject/issues',
    '/group%252Fproject',
    '/100%25',
    '/100%',
    '/a%20b',
    '/@scope%2fname',
    '/x;v=1/y',
    '/a//b',
  ],
  ...[
    '/%D0%B1/%E2%82%AC',
    '/%F0%9F%90%B3',
    '/%F6ffentlich',
    '/./Packages',
    '/x/.',
    '/+/%5B1%5D',
    "/Packages(Id='a.b')",
  ],
];
