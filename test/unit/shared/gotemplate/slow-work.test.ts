import assert from 'node:assert/strict';
import { createPrivateKey, scryptSync } from 'node:crypto';
import bcryptjs from 'bcryptjs';
import { TemplateLimitError } from '../../../../src/shared/gotemplate/errors.ts';
import { Budget, MainThreadBudgetExceeded } from '../../../../src/shared/gotemplate/budget.ts';
import { defaultLimits } from '../../../../src/shared/gotemplate/limits.ts';
import { scrypt } from '../../../../src/shared/gotemplate/scrypt.ts';
import { runSlowTask, type SlowTask } from '../../../../src/shared/gotemplate/slow-work.ts';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';

function render(template: string): string {
  return compileTemplate('t', template).render({}, { clock: Date.now }).toString();
}

/** The output of a render, and what slow work it asked for; `answer` gives the results. */
function asked(
  template: string,
  answer: (task: SlowTask) => string,
  options: { readonly data?: JsonObject; readonly shownData?: () => JsonObject } = {},
): { tasks: SlowTask[]; output: string } {
  const tasks: SlowTask[] = [];
  const slowWork = (task: SlowTask): string => {
    tasks.push(task);
    return answer(task);
  };
  const { data = {}, ...rest } = options;
  const output = compileTemplate('t', template).render(data, { clock: Date.now, slowWork, ...rest });
  return { tasks, output: output.toString() };
}

describe('slow work of a template', () => {
  it('is asked for once for each, and the render goes on where it was', () => {
    const template = '{{ $p := randAlphaNum 20 }}{{ $p }} {{ bcrypt $p }} {{ randAlphaNum 20 }} {{ htpasswd "u" $p }}';
    const { tasks, output } = asked(template, runSlowTask);
    const [password = '', hash = '', other = '', line = ''] = output.split(' ');
    assert.equal(tasks.length, 2);
    assert.ok(bcryptjs.compareSync(password, hash), output);
    assert.ok(bcryptjs.compareSync(password, line.slice('u:'.length)), output);
    assert.notEqual(password, other);
  });

  it('is done once for the same password, also in another template of the volume', () => {
    let tasks = 0;
    const slowWork = (): string => {
      tasks += 1;
      return '00'.repeat(64);
    };
    const budget = new Budget(defaultLimits, { clock: () => 0, slowWork });
    const template = compileTemplate(
      't',
      '{{ derivePassword 1 "pin" "p" "u" "a" }} {{ derivePassword 1 "pin" "p" "u" "b" }}',
    );
    const [first, second] = [1, 2].map(() => template.render({}, { budget }).toString());
    assert.equal(tasks, 1);
    assert.equal(first, second);
  });

  it('is bounded in number', () => {
    const hashes = (count: number): string => `{{ range ${count.toString()} }}{{ bcrypt "x" }}{{ end }}`;
    assert.equal(asked(hashes(8), () => 'h').output, 'hhhhhhhh');
    assert.throws(
      () => asked(hashes(9), () => 'h'),
      (error) =>
        error instanceof TemplateLimitError &&
        error.message.endsWith(': template asks for more than 8 slow hashes or keys'),
    );
  });

  it('gives nothing of what it was done with to a message', () => {
    const passwords: string[] = [];
    const answer = (task: SlowTask): string => {
      const password = task.kind === 'bcrypt' ? task.password : '';
      passwords.push(password);
      return `hash of ${password}`;
    };
    const options = { data: { token: 'secret' }, shownData: () => ({ token: 'shown' }) };
    assert.throws(() => asked('{{ fail (bcrypt .token) }}', answer, options), /error calling fail: hash of shown$/);
    assert.deepEqual(passwords, ['secret', 'shown']);
  });

  for (const [type, modulusLength] of [
    ['rsa', 4096],
    ['dsa', 2048],
  ] as const) {
    it(`makes a new ${type} key each time`, () => {
      const [first = '', second = ''] = render(`{{ genPrivateKey "${type}" }}|{{ genPrivateKey "${type}" }}`).split(
        '|',
      );
      assert.match(first, new RegExp(`^-----BEGIN ${type.toUpperCase()} PRIVATE KEY-----\n(.{1,64}\n)+-----END`));
      const key = createPrivateKey(first);
      assert.equal(key.asymmetricKeyType, type);
      assert.equal(key.asymmetricKeyDetails?.modulusLength, modulusLength);
      assert.notEqual(first, second);
    });
  }
});

describe('scrypt in little memory', () => {
  for (const [blocks, blockSize, parallelism] of [
    [2, 1, 3],
    [4, 3, 2],
    [16, 1, 1],
    [64, 8, 1],
    [1024, 8, 16],
  ] as const) {
    it(`gives the key that node's own gives for N ${blocks}, r ${blockSize}, p ${parallelism}`, () => {
      const key = scrypt(Buffer.from('password'), Buffer.from('salt'), {
        blocks,
        blockSize,
        parallelism,
        keyBytes: 64,
      });
      assert.deepEqual(key, scryptSync('password', 'salt', 64, { N: blocks, r: blockSize, p: parallelism }));
    });
  }
});

describe('a render that may stay only so long', () => {
  const here = { clock: () => 0, mainThreadSteps: 1_000 };

  it('is to go on elsewhere after that, and gives the same there', () => {
    const template = compileTemplate('t', '{{ range 20000 }}{{ . }} {{ end }}');
    assert.throws(() => template.render({}, here), MainThreadBudgetExceeded);
    assert.equal(template.render({}, { clock: () => 0 }).toString(), [...Array(20_000).keys(), ''].join(' '));
  });

  it('stays when it is done before', () => {
    assert.equal(compileTemplate('t', '{{ range 3 }}{{ . }}{{ end }}').render({}, here).toString(), '012');
  });

  it('stays when it does not look into what is large', () => {
    const list = Array.from({ length: 1000 }, (_, index) => ({ index }));
    const data = { more: { list }, a: 'x' };
    assert.equal(compileTemplate('t', '{{ .a }}').render(data, here).toString(), 'x');
  });

  it('is to go on elsewhere when it needs slow work that is not done here', () => {
    const budget = new Budget(defaultLimits, here);
    assert.throws(() => compileTemplate('t', '{{ bcrypt "x" }}').render({}, { budget }), MainThreadBudgetExceeded);
  });

  it('fails at once where it would fail there, without a detour', () => {
    const render = (template: string) => () => compileTemplate('t', template).render({}, here);
    assert.throws(render('{{ fail "x" }}'), /error calling fail: x$/);
    assert.throws(render('{{ repeat 100000000 "x" }}'), /needs more than \d+ bytes of memory$/);
    const large = [
      { list: Array.from({ length: 100_000 }, () => ({})) },
      { list: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, index])) },
    ];
    for (const data of large) {
      const printing = () => compileTemplate('t', '{{ .list }}').render(data, here);
      assert.throws(printing, /needs more than \d+ bytes of memory$/);
    }
  });
});

describe("Node's own bounds", () => {
  it('are limits of the template where it can meet them, and mistakes of the engine elsewhere', () => {
    const failing = (error: Error) => () =>
      compileTemplate('t', '{{ bcrypt "x" }}').render({}, { clock: () => 0, slowWork: () => thrown(error) });
    const thrown = (error: Error): never => {
      throw error;
    };
    assert.throws(failing(new RangeError('Maximum call stack size exceeded')), TemplateLimitError);
    assert.throws(failing(new RangeError('Invalid string length')), TemplateLimitError);
    assert.throws(failing(new RangeError('Invalid count value: -1')), RangeError);
  });
});
