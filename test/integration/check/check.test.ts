import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { CodedError } from '../../../src/shared/errors.ts';
import { ask, runCheck } from '../../support/check/ask.ts';
import { repository } from '../../support/deploy/manifests.ts';
import { connector, connectorClass, flags, grant, secret } from '../../support/proxy/manifests.ts';
import { credentialCanary } from '../../support/proxy/proxy-fixture.ts';

const main = path.join(import.meta.dirname, '../../../dist/main.js');
const builder = 'system:serviceaccount:ci:builder';

describe('check', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-check-'));
    put();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const put = (...more: readonly object[]): void => {
    const objects = [
      connectorClass('registry', {}, { rules: '- deny: {paths: [/api/v2.0/robots/**]}' }),
      connector('harbor', 'https://harbor.example.com', {
        ...{ secret: 'robot', className: 'registry' },
        rules: { rules: '- deny: {methods: [DELETE]}\n- allow: {methods: [GET, HEAD]}' },
      }),
      connector('sub', 'https://harbor.example.com/sub', { className: 'registry', rules: { access: 'full' } }),
      secret('robot', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
      ...grant('builder', ['harbor', 'sub']),
      ...more,
    ];
    writeFileSync(path.join(folder, 'objects.yaml'), objects.map((object) => stringify(object)).join('---\n'));
  };
  const linesOf = async (request: string, as = builder, connectors = 'ci/harbor', ...more: readonly string[]) => {
    const args = ['--manifests', folder, '--connector', connectors, '--as', as, '--request', request, ...more];
    const { status, out } = await runCheck(...args);
    return { status, lines: out.split('\n').filter((line) => line !== '') };
  };
  const answerOf = (request: string, connectors = 'ci/harbor', as = builder, ...more: readonly string[]) =>
    ask({ connector: connectors, as }, request, '--manifests', folder, ...more);

  it('prints a line for each step of a request that passes', async () => {
    assert.deepEqual(await linesOf('GET /v2/team/app/manifests/1.0'), {
      status: 0,
      lines: [
        'ok    connector      ci/harbor by its address https://harbor.example.com',
        'ok    permission     system:serviceaccount:ci:builder can get connectors.connectors.alauda.io "harbor" in namespace "ci"',
        'ok    rules          allowed by ci/harbor:2',
        'ok    credential     Secret ci/robot of type cpaas.io/distribution-registry-token',
        'ok    destination    https://harbor.example.com:443/v2/team/app/manifests/1.0',
      ],
    });
  });

  it('ends with the step that rejects the request', async () => {
    const { status, lines } = await linesOf('DELETE /v2/a', 'system:serviceaccount:ci:other');
    assert.equal(status, 1);
    assert.match(lines[0]!, /^fail {2}permission {5}403: cannot use connector ci\/harbor: .* verbs: \["get"\]\}$/);
    assert.equal(lines.length, 1);
    const { lines: ofRules } = await linesOf('DELETE /v2/a');
    assert.match(ofRules[2]!, /^fail {2}rules {10}403: a rule of connector .*\(decided by ci\/harbor:1\)$/);
    assert.equal(ofRules.length, 3);
    const { response } = await answerOf('DELETE /v2/a', 'ci/harbor', 'system:serviceaccount:ci:other');
    assert.equal(response?.reason, 'denied');
  });

  it('warns of spec.auth.name that the class does not have, and fails with --strict', async () => {
    put(
      connectorClass('registry', { auth: { types: [{ name: 'basicAuth' }] } }),
      connector('harbor', 'https://harbor.example.com', { secret: 'robot', className: 'registry', auth: 'basicAuht' }),
    );
    const { status, lines } = await linesOf('GET /');
    assert.equal(
      lines.find((line) => line.includes('credential')),
      'warn  credential     spec.auth.name "basicAuht" is no entry of spec.auth.types of connectorclass registry: write basicAuth',
    );
    assert.equal(status, 0);
    assert.equal((await linesOf('GET /', builder, 'ci/harbor', '--strict')).status, 1);
  });

  it('fails with --strict for a request that gets no credential', async () => {
    const elsewhere = 'GET https://elsewhere.example/';
    assert.equal((await linesOf(elsewhere)).status, 0);
    assert.equal((await linesOf(elsewhere, builder, 'ci/harbor', '--strict')).status, 1);
    assert.equal((await linesOf('GET /', builder, 'ci/harbor', '--strict')).status, 0);
  });

  it('names all missing flags at once', async () => {
    const message = '--connector LIST is required; --as USER is required; --request REQUEST is required';
    await assert.rejects(runCheck('--manifests', folder), { message });
  });

  it('prints the answer as JSON', async () => {
    const { steps, ...answer } = await answerOf('GET /v2/a?token=x');
    assert.deepEqual(answer, {
      passes: true,
      response: null,
      connector: 'ci/harbor',
      verb: 'get',
      decision: 'allowed',
      rule: 'ci/harbor:2',
      credential: { secret: 'ci/robot', type: 'cpaas.io/distribution-registry-token' },
      destination: { scheme: 'https', host: 'harbor.example.com', port: 443, path: '/v2/a' },
    });
    assert.equal(steps.length, 5);
  });

  it('names the line of the rule that denies, also of a class', async () => {
    const { response, ...answer } = await answerOf('GET /api/v2.0/robots/1');
    assert.deepEqual([answer.decision, answer.rule, answer.destination], ['denied', 'class registry:1', null]);
    assert.equal(
      response?.message,
      'a rule of connectorclass registry denies this request: line 1 of annotation connectors.alauda.io/rules; the owner of connector ci/harbor can override it by annotation connectors.alauda.io/access: full',
    );
  });

  it('says where broken rules are', async () => {
    put(
      connector('harbor', 'https://harbor.example.com', { rules: { rules: '- deny: {path: [/x]}' } }),
      connectorClass(),
    );
    const { response, rule } = await answerOf('GET /');
    assert.equal(rule, 'ci/harbor');
    assert.match(
      response?.message ?? '',
      /^rules of connector ci\/harbor are broken: .*line 1, column 10: unknown key/,
    );
  });

  it('warns about what rules only audit', async () => {
    put(
      connector('harbor', 'https://harbor.example.com', { rules: { access: 'read-only', 'rules-mode': 'audit' } }),
      connectorClass(),
    );
    const { status, lines } = await linesOf('PUT /v2/a');
    assert.equal(status, 0);
    assert.match(lines[2]!, /^warn {2}rules {10}read-only only audits: it would deny this$/);
  });

  it('warns about limits for each pod that cannot be read', async () => {
    put(
      connector('harbor', 'https://harbor.example.com', { rules: { 'requests-per-second': 'fast' } }),
      connectorClass(),
    );
    const { status, lines } = await linesOf('GET /v2/a');
    assert.equal(status, 0);
    assert.match(
      lines[2]!,
      /^warn {2}rules {10}annotation connectors\.alauda\.io\/requests-per-second is "fast": write .*; until then each pod/,
    );
  });

  it('warns about a request without a credential', async () => {
    const { status, lines } = await linesOf('PUT http://other.example/x');
    assert.equal(status, 0);
    assert.equal(
      lines[0],
      'warn  connector      the host belongs to none of ci/harbor: no credential is sent, no rule applies',
    );
    assert.equal(
      (await answerOf('PUT http://other.example/x', 'ci/harbor', builder, '--unmatched-hosts', 'deny')).passes,
      false,
    );
    const { lines: outside } = await linesOf('PUT /x', builder, 'ci/sub');
    assert.match(outside[0]!, /^warn {2}connector {6}the path belongs to none of ci\/sub/);
  });

  it('says why a Connector or its credential cannot be used', async () => {
    const reasonOf = async (name: string): Promise<string> => {
      const { passes, response, steps } = await answerOf('GET /x', `ci/${name}`, '-');
      assert.equal(passes, false);
      return `${steps.find(({ level }) => level === 'fail')?.step} ${response?.status} ${response?.message}`;
    };
    put(
      connector('lost', 'https://a.example', { secret: 'none' }),
      connector('odd', 'https://a.example', { secret: 'odd' }),
      connector('distrusted', 'https://a.example', { caSecret: 'none' }),
      connector('nowhere', 'a.example'),
      connector('unclassed', 'https://a.example', { className: 'none' }),
      connectorClass(),
      secret('odd', 'example.com/odd', { password: credentialCanary }),
    );
    assert.match(await reasonOf('missing'), /^connector 502 connector ci\/missing does not exist$/);
    assert.match(await reasonOf('lost'), /^credential 502 Secret ci\/none does not exist \(connector ci\/lost\)/);
    assert.match(await reasonOf('odd'), /^credential 502 Secret ci\/odd has the type example\.com\/odd, which/);
    assert.match(
      await reasonOf('distrusted'),
      /^destination 502 Secret ci\/none of spec\.caCertSecretRef does not exist/,
    );
    assert.match(await reasonOf('nowhere'), /^connector 502 spec\.address is no http or https URL/);
    assert.match(
      await reasonOf('unclassed'),
      /^connector 502 connectorclass none of connector ci\/unclassed does not exist$/,
    );
  });

  it('prints no control characters of objects', async () => {
    put(
      connector('odd', 'https://a.example', { secret: 'odd', className: 'registry' }),
      secret('odd', 'example.com/\u001b[2Jtype', { password: credentialCanary }),
    );
    const { lines } = await linesOf('GET /x', '-', 'ci/odd');
    const text = lines.find((line) => line.includes('credential')) ?? '';
    assert.match(text, /has the type example\.com\/\?\[2Jtype,/);
  });

  it('prints the fields that docs/rules.md lists', async () => {
    const page = readFileSync(path.join(repository, 'docs/rules.md'), 'utf8');
    const [, members = '', parts = ''] = /prints one object with ([^]*?)\.\s([^]*?)\n\n/.exec(page) ?? [];
    const listed = [...members.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
    assert.deepEqual(listed, Object.keys(await answerOf('GET /x')));
    for (const field of Object.keys((await answerOf('PUT /x')).response ?? {}))
      assert.ok(parts.includes(`\`${field}\``));
  });

  it('checks approvals of a pod', async () => {
    put(flags({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
    const { lines } = await linesOf('GET /x');
    assert.match(lines[0]!, /^fail {2}permission {5}403: cannot use the proxy of connector ci\/harbor/);
    assert.equal(lines.length, 1);
    const { lines: ofPod } = await linesOf('GET /x', builder, 'ci/harbor', '--pod', 'ci/build-1', '--pod-uid', 'u-1');
    assert.match(ofPod[0]!, /; or have an AccessRequest of pod ci\/build-1 with uid u-1 granted$/);
    assert.match(ofPod[1]!, /^fail {2}approval {7}needed: AccessRequest ci\/\S+ of this pod is not granted$/);
    const proxy = { verbs: ['*'], resources: ['connectors/proxy'], name: 'proxy' };
    put(
      flags({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }),
      ...grant('builder', ['harbor'], proxy),
    );
    assert.equal((await linesOf('GET /x')).status, 0);
  });

  it('does not answer from manifests that cannot be read', async () => {
    writeFileSync(path.join(folder, 'broken.yaml'), 'kind: [');
    await assert.rejects(answerOf('GET /x'), /broken\.yaml/);
  });

  it('is a command of the program, with the status of its answer, or 2 if a flag is wrong', async () => {
    const run = (...args: readonly string[]) =>
      spawnSync(process.execPath, [main, 'check', '--manifests', folder, ...args], { encoding: 'utf8', env: {} });
    const common = ['--connector', 'ci/harbor', '--as', builder];
    assert.equal(run(...common, '--request', 'GET /x').status, 0);
    assert.equal(run(...common, '--request', 'PUT /x').status, 1);
    const { status, stderr } = run(...common);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /--request REQUEST is required/);
    for (const [args, problem] of [
      [[...common, '--request', 'GET x'], /--request "GET x" must have a path/],
      [['--connector', 'ci/harbor', '--as', 'bob', '--request', 'GET /x'], /--as "bob" must be system:serviceaccount/],
      [['--connector', 'ci/a,ci/b', '--as', '-', '--request', 'GET /x'], /a path belongs to one connector/],
      [[...common, '--request', 'GET /x', '--pod', 'ci/a'], /--pod and --pod-uid belong together/],
    ] as const) {
      await assert.rejects(runCheck('--manifests', folder, ...args), problem);
    }
  });

  describe('of a table', () => {
    const run = (text: string, ...more: readonly string[]) => {
      const file = path.join(folder, 'rules.txt');
      writeFileSync(file, text);
      return runCheck('--file', file, '--manifests', folder, ...more);
    };
    const table = [
      '# comment',
      `allow ci/harbor ${builder} GET /v2/a # another`,
      '',
      'deny ci/harbor - DELETE /v2/a',
      'deny ci/harbor - GET /a/../b',
      'deny\tci/harbor system:serviceaccount:ci:other GET /v2/a',
      'allow ci/harbor,ci/sub - PUT https://harbor.example.com/sub/x',
      'allow ci/sub - POST /sub/a.git/git-upload-pack Content-Type:text/plain',
    ];

    it('ends with 0 if all expectations are met, without credentials', async () => {
      put(
        connector('sub', 'https://harbor.example.com/sub', { secret: 'none', caSecret: 'none', className: 'registry' }),
      );
      assert.deepEqual(await run(table.join('\n')), { status: 0, out: '6 of 6 expectations are met\n', err: '' });
    });

    it('prints the lines that are not met, with the decision', async () => {
      const { status, out } = await run(
        [
          'allow ci/harbor - PUT /v2/a',
          'deny ci/harbor - GET /v2/a',
          'allow ci/sub - GET /v2/a',
          'deny ci/sub - GET /v2/a',
          'deny ci/typo - GET /v2/a',
          ...table,
        ].join('\n'),
      );
      assert.equal(status, 1);
      const lines = out.replaceAll(path.join(folder, 'rules.txt'), 'F').split('\n');
      assert.match(
        lines[0]!,
        /^F:1: allow ci\/harbor - PUT \/v2\/a: rules: 403: no rule of .*\(decided by ci\/harbor\)$/,
      );
      assert.equal(lines[1], 'F:2: deny ci/harbor - GET /v2/a: passes, rules: allowed by ci/harbor:2');
      assert.match(
        lines[2]!,
        /^F:3: allow ci\/sub .*: passes, connector: the path belongs to none of ci\/sub: no cred/,
      );
      assert.match(lines[3]!, /^F:4: deny ci\/sub .*: passes, connector: the path belongs to none of ci\/sub: no cred/);
      assert.equal(lines[4], 'F:5: deny ci/typo - GET /v2/a: connector: 502: connector ci/typo does not exist');
      assert.deepEqual(lines.slice(5), ['6 of 11 expectations are met', '']);
    });

    it('prints outcomes as JSON', async () => {
      const { status, out } = await run(`deny ci/harbor - GET /v2/a\n${table.join('\n')}`, '--output', 'json');
      const outcomes = JSON.parse(out) as readonly Record<string, unknown>[];
      assert.equal(status, 1);
      assert.deepEqual(
        outcomes.map(({ line, expected, isMet }) => `${String(line)} ${String(expected)} ${String(isMet)}`).slice(0, 2),
        ['1 deny false', '3 allow true'],
      );
      assert.deepEqual(Object.keys(outcomes[0]!), ['line', 'expected', 'isMet', 'answer']);
    });

    for (const [text, problem] of [
      ['# nothing', /rules\.txt has no line "allow\|deny CONNECTOR ACCOUNT METHOD PATH"$/],
      ['\npermit ci/harbor - GET /', /rules\.txt:2: must begin with allow or deny$/],
      ['allow ci/harbor bob GET /', /:1: account "bob" must be system:serviceaccount/],
      ['allow harbor - GET /', /:1: connector "harbor" must be NAMESPACE\/NAME/],
      ['allow ci/harbor - GET', /:1: request "GET" must have a path/],
      ['allow ci/harbor,ci/sub - GET /', /:1: has a path with several connectors/],
    ] as const) {
      it(`is rejected as ${JSON.stringify(text)}`, async () => {
        await assert.rejects(run(text), (error) => error instanceof CodedError && problem.test(error.message));
      });
    }

    it('has connector and account in its lines', async () => {
      await assert.rejects(
        run('allow ci/harbor - GET /', '--as', '-'),
        /--as is in each line of --file: leave it out$/,
      );
    });
  });
});
