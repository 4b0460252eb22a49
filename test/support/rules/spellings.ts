/** How a request is decided: it reaches the tool, it is denied by a rule, or tools could read it in different ways. */
export type Decided = 'allowed' | 'denied' | 'ambiguous';

/** The rules that `spellings` are decided by. */
export const spelledRules = `
- deny: { paths: ["/admin", "/admin/**", "/**/tokens", "/projects/*/keys", "/files/team%2Fsecret/**"] }
- deny: { methods: [DELETE] }
- allow: { methods: [GET, HEAD] }
- allow: { methods: [POST], paths: ["/upload/**", "/projects/team%2Fapp/x"] }`;

interface Spelling {
  /** Method, where it is not GET, and the path with the query. */
  readonly request: string;
  readonly decided: Decided;
  readonly headers?: Readonly<Record<string, string>>;
}

const paths: Readonly<Record<Decided, readonly string[]>> = {
  allowed: [
    ...['/', '/a', '/a/', '/administrator', '/admins/x', '/a/admin', '/tokens/x', '/.well-known/x', '/a..b', '/~a/%7E'],
    ...['/v2/team/app/manifests/1.0', '/@scope%2fname', '/@scope/name', '/team%2Fapp/x', '/team%252Fapp/x', '/100%25'],
    ...['/libs/a/1.0/a-1.0.jar;build=7', '/a%3Bb', '/a%20b', '/a+b', '/a%2Bb', '/%C3%A9/%E2%82%AC', '/%F6ffentlich'],
    ...["/Packages(Id='a.b')", '/+/%5B1%5D', '/a:b@c,d=e!$&*', '/x?a=1&b=2;c', '/x?method=DELETE', '/x?my_method=a'],
    ...['/x?url=%2Fadmin', '/x?path=/admin', '/a%2Fb%2Fc', '/a.b.c', '/lib%2Fkey%2Erb/raw', '/a-b_c.d~e', '/x?%26'],
    ...['/projects/1/keys/2', '/projects/keys', '/files/team%2Fpublic/x', '/a%2F', '/A/B', '/x?a[]=1&a[]=2', '/x?'],
    ...[`/x?${'a&'.repeat(255)}`, '/a'.repeat(100), `/${'a'.repeat(4000)}`],
    ...[
      'HEAD /a',
      'POST /upload/a',
      'POST /upload/a%2Fb',
      'POST /projects/team%2Fapp/x',
      'POST /projects/team%252fapp/x',
    ],
  ],
  denied: [
    ...['/admin', '/admin/', '/admin/x', '/ADMIN/x', '/Admin', '/%61dmin', '/admi%6E/x', '/admin%2Fx', '/admin%2fx/y'],
    ...[
      '/admin%252Fx',
      '/admin;a=b',
      '/admin;a=b/x',
      '/admin%3Bx',
      '/admin.json',
      '/admin.xml',
      '/admin/x;y',
      '/admin%2F',
    ],
    ...[
      '/tokens',
      '/a/tokens',
      '/a/Tokens.JSON',
      '/a%2Ftokens',
      '/a/token%73',
      '/a/tokens/',
      '/a;x/tokens;y',
      '/a%3bx/tokens',
    ],
    ...[
      '/projects/1/keys',
      '/projects/team%2Fapp/keys',
      '/projects/team%252Fapp/keys',
      '/projects/1/keys.json',
      '/projects/1;x/keys',
    ],
    ...['/files/team%2Fsecret/x', '/files/team%2fSecret/x', '/files/%EF%BD%94eam%2Fsecret/x', '/%EF%BD%81dmin/x'],
    ...['DELETE /a', 'POST /a', 'POST /projects/team/app/x', 'POST /uploads', 'PUT /upload/a', 'POST /UPLOAD/a'],
    ...[
      '/x?_method=DELETE',
      '/x?+_method=DELETE',
      '/x?a=1;_METHOD=put',
      '/x?%5Fmethod=a',
      '/x?[_method]=a',
      '/x?.method=a',
    ],
    ...['/x?a%26_method=a', '/x?%255Fmethod=a', '/x?_method', '/x?X-HTTP-Method-Override=PUT', '/x?_method[]=a'],
  ],
  ambiguous: [
    ...[
      '/admin%3f/x',
      '/admin%23/x',
      '/admin./x',
      '/admin%20/x',
      '/tokens.json%20',
      '/tokens.',
      '/a/tokens%20',
      '/admin%2E/x',
    ],
    ...[
      '//admin',
      '/a//admin',
      '/admin//x',
      '//',
      '/a//',
      '/./admin',
      '/admin/.',
      '/a/./tokens',
      '/%2Fadmin',
      '/a%2F%2Ftokens',
    ],
    ...['/admin%5Cx', '/a%5Ctokens', '/%5Cadmin', '/a%2F/tokens', '/;x/admin', '/a/;/tokens', '/a%2F;x/tokens'],
    ...[
      '/%2561dmin',
      '/admi%256E',
      '/a%252525',
      '/a%255Cb',
      '/a%25252Fb',
      '/admin%253B',
      '/100%',
      '/%zz',
      '/%',
      '/a%2',
    ],
    ...['/a;%2Ftokens', '/team%2Fapp;x/tokens', '/team%2Fapp/tokens;x', '/a%3B%2Ftokens', '/a%252Fb;c', '/admin%C2%A0'],
    ...['/b;x%2Fc%5Cd/e/a', `/b;x%2Fc%5cd/./e/a${'.'.repeat(13_000)}x`, '/a'.repeat(101), `/a${'%2Fa'.repeat(100)}`],
    ...[
      `/x?${'&'.repeat(256)}`,
      `/x?${'&'.repeat(14_000)}`,
      `/x?${'a%26'.repeat(256)}`,
      '/tokens.json%3Fx',
      'POST /upload//a',
    ],
  ],
};

const overriding = [
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'Method-Override', 'X-HTTP-Verb-Override'],
  ...['X_HTTP_Method_Override', 'X-Original-URL', 'X-Rewrite-URL', 'Destination'],
];

/** Requests with their decisions, by `spelledRules`. */
export const spellings: readonly Spelling[] = [
  ...(Object.keys(paths) as Decided[]).flatMap((decided) => paths[decided].map((request) => ({ request, decided }))),
  ...overriding.map((name): Spelling => ({ request: '/x', decided: 'denied', headers: { [name]: '/admin' } })),
  { request: '/x', decided: 'allowed', headers: { 'X-Forwarded-Host': 'a.example' } },
];
