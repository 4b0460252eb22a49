import assert from 'node:assert/strict';
import { createPrivateKey, scryptSync } from 'node:crypto';
import bcryptjs from 'bcryptjs';
import { TemplateLimitError } from '../../../src/gotemplate/errors.js';
import { Budget, defaultLimits } from '../../../src/gotemplate/limits.js';
import { scrypt } from '../../../src/gotemplate/scrypt.js';
import { runSlowTask, type SlowTask } from '../../../src/gotemplate/slow-work.js';
import { compileTemplate, type Rendering } from '../../../src/gotemplate/template.js';

function render(template: string): string {
  return compileTemplate('t', template).render({}, { clock: Date.now }).toString();
}

/** What a render waited for on its way to the end; `answer` gives the results. */
function waits(rendering: Rendering, answer: (task: SlowTask) => string): { tasks: SlowTask[]; output: string } {
  const tasks: SlowTask[] = [];
  let step = rendering.next();
  while (step.done !== true) {
    const task = step.value;
    if (task !== undefined) tasks.push(task);
    step = rendering.next(task && answer(task));
  }
  return { tasks, output: step.value.toString() };
}

describe('slow work of a template', () => {
  it('is waited for outside the render, which then goes on as it began', () => {
    let now = 0;
    const template =
      '{{ $p := randAlphaNum 20 }}{{ $p }} {{ bcrypt $p }} {{ randAlphaNum 20 }} {{ htpasswd "u" $p }} {{ unixEpoch now }}';
    const options = { clock: () => (now += 1000) };
    const { tasks, output } = waits(compileTemplate('t', template).start({}, options), runSlowTask);
    const [password = '', hash = '', other = '', line = '', time] = output.split(' ');
    assert.equal(tasks.length, 2);
    assert.ok(bcryptjs.compareSync(password, hash), output);
    assert.ok(bcryptjs.compareSync(password, line.slice('u:'.length)), output);
    assert.notEqual(password, other);
    assert.equal(time, '1');
  });

  it('is done once for the same password, also in another template of the volume', () => {
    const budget = new Budget(defaultLimits, () => 0);
    const template = compileTemplate(
      't',
      '{{ derivePassword 1 "pin" "p" "u" "a" }} {{ derivePassword 1 "pin" "p" "u" "b" }}',
    );
    const rendered = [1, 2].map(() => waits(template.start({}, { clock: () => 0, budget }), () => '00'.repeat(64)));
    assert.deepEqual(
      rendered.map(({ tasks }) => tasks.length),
      [1, 0],
    );
    assert.equal(rendered[0]?.output, rendered[1]?.output);
  });

  it('is bounded in number', () => {
    const hashes = (count: number): Rendering =>
      compileTemplate('t', `{{ range ${count.toString()} }}{{ bcrypt "x" }}{{ end }}`).start({}, { clock: () => 0 });
    assert.equal(waits(hashes(8), () => 'h').output, 'hhhhhhhh');
    assert.throws(
      () => waits(hashes(9), () => 'h'),
      (error) =>
        error instanceof TemplateLimitError &&
        error.message.endsWith(': template asks for more than 8 slow hashes or keys'),
    );
  });

  it('gives nothing of what it was done with to a message', () => {
    const data = (token: string) => ({ token });
    const rendering = compileTemplate('t', '{{ fail (bcrypt .token) }}').start(data('secret'), {
      clock: () => 0,
      shownData: () => data('shown'),
    });
    const asked: string[] = [];
    const answer = (task: SlowTask): string => {
      const password = task.kind === 'bcrypt' ? task.password : '';
      asked.push(password);
      return `hash of ${password}`;
    };
    assert.throws(() => waits(rendering, answer), /error calling fail: hash of shown$/);
    assert.deepEqual(asked, ['secret', 'shown']);
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
    }).timeout(120_000);
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

describe('a long render', () => {
  it('pauses after each slice of its steps, and gives the same in the end', () => {
    const template = compileTemplate('t', '{{ range 20000 }}{{ . }} {{ end }}');
    const rendering = template.start({}, { clock: () => 0 });
    let pauses = 0;
    let step = rendering.next();
    for (; step.done !== true; step = rendering.next()) pauses += 1;
    assert.ok(pauses >= 3 && pauses <= 10, pauses.toString());
    assert.equal(step.value.toString(), template.render({}, { clock: () => 0 }).toString());
  });

  it('of little work does not pause', () => {
    const step = compileTemplate('t', '{{ range 100 }}{{ . }} {{ end }}')
      .start({}, { clock: () => 0 })
      .next();
    assert.equal(step.done, true);
  });
});
