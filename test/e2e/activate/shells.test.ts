import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { variableProblem } from '../../../src/driver/content/environment-file.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import {
  ActivationFixture,
  addedTo,
  classVariables,
  copyFiles,
  expectedVariables,
  proxyVariables,
  runInPod,
  shells,
  variablesIn,
} from '../../support/e2e/activation.ts';
import { run } from '../../support/e2e/programs.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

/**
 * All that a shell can be set to: the strict options, tracing, no overwriting, no patterns, another IFS, variables of the
 * class that are integers and arrays, and aliases for the programs that `activate` runs.
 */
const hostileShell = `
set -eux
set -C
IFS=/x
if (typeset -i x) 2>/dev/null; then typeset -i TOOL_TEXT_14 TOOL_TEXT_15; fi
if (typeset -a x) 2>/dev/null; then typeset -a TOOL_TEXT_16 TOOL_TEXT_17; fi
alias cat='echo cat' mkdir=false cksum=false mv=false rm=false id=false mktemp=false printf=echo cd=false`;

/** Prints the shell's own variables, by all means that one of the shells has. */
const printNames = '{ set; typeset; typeset -p; typeset +; compgen -v; print -l ${(k)parameters}; } 2>/dev/null; true';

describe('activate, in each shell', function () {
  let fixture: ActivationFixture;
  /** Undefined if the tests are skipped. */
  let started: ActivationFixture | undefined;
  let volume: TestVolume;
  let other: TestVolume;
  let plain: TestVolume;
  let work: string;
  let files = 0;

  before(needs('dash', 'busybox', 'bash', 'mksh', 'ksh93', 'zsh'));
  before(async () => {
    started = fixture = await ActivationFixture.start();
    volume = await fixture.volume('one', 'tool,!absent');
    other = await fixture.volume('two');
    plain = await fixture.volume('plain');
    work = path.join(fixture.node.root, 'work');
    fs.mkdirSync(work);
    fs.writeFileSync(path.join(work, 'system.pem'), 'SYSTEM\n');
  });
  after(() => started?.stop());

  const directory = (): string => path.join(fixture.node.root, 'a b', 'c#\\d');
  const proxyOf = (of: TestVolume): string => of.read()['http.proxy'] ?? '';
  const system = (): string => path.join(work, 'system.pem');
  /** A folder for temporary files and results. */
  const newFolder = (): string => {
    const folder = path.join(work, String((files += 1)));
    fs.mkdirSync(folder);
    return folder;
  };
  const bundleIn = (folder: string): string => {
    const own = path.join(folder, `connectors-csi-${process.getuid?.() ?? 0}`);
    const [bundle = ''] = fs.readdirSync(own);
    return path.join(own, bundle);
  };

  for (const [name, words] of Object.entries(shells)) {
    it(`${name}: exports its variables, and nothing else, whatever the shell is set to`, async () => {
      const folder = newFolder();
      const script = path.join(folder, 'script');
      fs.writeFileSync(
        script,
        `${hostileShell}
        env >before
        . "$VOLUME/activate"
        env >once
        . "$VOLUME/activate" with arguments
        env >twice
        case $- in *x*) ;; *) exit 9 ;; esac
        [ "$IFS" = /x ]
        set +x
        set >names
        alias >>names`,
      );
      const env = { TMPDIR: folder, SSL_CERT_FILE: system(), VOLUME: directory(), JAVA_TOOL_OPTIONS: undefined };
      const { status, output } = await runInPod({ [directory()]: volume }, [...words, script], folder, env);
      assert.equal(status, 0, output);
      const [before, once, twice] = ['before', 'once', 'twice'].map((file) => variablesIn(path.join(folder, file)));
      assert.deepEqual(addedTo(before!, once!), {
        ...expectedVariables(directory(), proxyOf(volume), bundleIn(folder), system()),
        ...classVariables(directory()),
      });
      assert.deepEqual(addedTo(once!, twice!), {});
      assert.doesNotMatch(fs.readFileSync(path.join(folder, 'names'), 'utf8'), /_connectors_/);
      assert.ok(!output.includes(volume.token), 'the trace has the token');
      assert.doesNotMatch(output, /connectors-csi: /);
      assert.ok(!fs.existsSync(path.join(folder, 'pwned')));

      const bundle = fs.statSync(bundleIn(folder));
      assert.equal(bundle.mode & 0o777, 0o600);
      assert.equal(fs.statSync(path.dirname(bundleIn(folder))).mode & 0o777, 0o700);
      assert.equal(fs.readFileSync(bundleIn(folder), 'utf8'), `SYSTEM\n\n${fixture.authority.certificate}`);
      assert.deepEqual(fs.readdirSync(path.dirname(bundleIn(folder))).length, 1);
    });

    it(`${name}: lets another volume replace the first, and says so`, async () => {
      const folder = newFolder();
      const [one, two, three] = ['one', 'two', 'three'].map((part) => path.join(fixture.node.root, part));
      const script = `
        env >before
        . "$ONE/activate"
        JAVA_TOOL_OPTIONS="-Xmx9m $JAVA_TOOL_OPTIONS -Xms9m"
        . "$TWO/activate"
        env >two
        . "$THREE/activate"
        env >three`;
      const env = { TMPDIR: folder, SSL_CERT_FILE: system(), ONE: one, TWO: two, THREE: three };
      const { status, output } = await runInPod(
        { [one!]: volume, [two!]: other, [three!]: plain },
        [...words, '-euc', script],
        folder,
        env,
      );
      assert.equal(status, 0, output);
      assert.equal(
        output,
        `connectors-csi: activate: ${two} replaces ${one}\nconnectors-csi: activate: ${three} replaces ${two}\n`,
      );
      const [before, second, third] = ['before', 'two', 'three'].map((file) => variablesIn(path.join(folder, file)));
      const added = addedTo(before!, second!);
      const bundles = path.dirname(bundleIn(folder));
      assert.equal(added['https_proxy'], proxyOf(other));
      assert.equal(added['CONNECTORS_DIR'], two);
      assert.equal(path.dirname(added['SSL_CERT_FILE'] ?? ''), bundles);
      assert.equal(
        added['JAVA_TOOL_OPTIONS'],
        `-Xmx9m  -Xms9m -Dconnectors.activate=begin -Djavax.net.ssl.trustStore=${two}/truststore.p12 -Djavax.net.ssl.trustStoreType=PKCS12 -Dconnectors.activate=end`,
      );
      for (const variable of Object.keys(classVariables(''))) assert.ok(!(variable in second!), variable);
      // The third has no CA, so the programs trust what they trusted before.
      const rest = addedTo(before!, third!);
      assert.equal(third!['SSL_CERT_FILE'], system());
      assert.deepEqual(
        Object.keys(rest).sort(),
        [
          ...['CONNECTORS_DIR', 'JAVA_TOOL_OPTIONS', 'NODE_USE_ENV_PROXY', 'NO_PROXY', 'no_proxy', ...proxyVariables],
        ].sort(),
      );
    });

    it(`${name}: runs a program with the variables, and passes its status on`, async () => {
      const folder = newFolder();
      const file = path.join(directory(), 'activate');
      const runHere = (...args: readonly string[]) =>
        runInPod({ [directory()]: volume }, [...words, ...args], folder, { TMPDIR: folder });
      const ran = await runHere('-x', file, 'sh', '-c', 'printf "%s|" "$http_proxy" "$@"; exit 7', 'sh', 'a b', '*');
      assert.equal(ran.status, 7, ran.output);
      assert.equal(ran.stdout, `${proxyOf(volume)}|a b|*|`);
      assert.ok(!ran.output.slice(ran.stdout.length).includes(volume.token));
      const without = await runHere(file);
      assert.equal(without.status, 1);
      assert.match(without.output, /^connectors-csi: activate: usage: /);
    });

    it(`${name}: does not evaluate values of variables, also of the shell's own`, async () => {
      const listed = await run(words[0]!, [...words.slice(1), '-c', printNames], '/');
      const own = [...new Set(listed.output.match(/\b[A-Za-z_]\w*/g))].filter((word) => !variableProblem(word));
      assert.ok(own.length > 0);
      for (const value of ['a[$(touch pwned)]', 'path[$(touch pwned)]', '($(touch pwned))']) {
        const folder = newFolder();
        copyFiles(volume.target, folder);
        // A file of a class can have only names that its template has; this one stands for a class with all of them.
        fs.writeFileSync(path.join(folder, 'own.environment'), own.map((word) => `${word}=${value}\n`).join(''));
        const env = { CONNECTORS_DIR: folder, TMPDIR: folder };
        const { status, output } = await run(
          words[0]!,
          [...words.slice(1), '-euc', '. ./activate; env >after'],
          folder,
          env,
        );
        assert.deepEqual([status, output], [0, '']);
        const after = variablesIn(path.join(folder, 'after'));
        for (const word of own) assert.equal(after[word], value, word);
        assert.ok(!fs.existsSync(path.join(folder, 'pwned')));
      }
    });
  }

  it('finds itself again by CONNECTORS_DIR, and not by another volume that it names', async () => {
    const folder = newFolder();
    const copy = path.join(folder, 'copy');
    copyFiles(volume.target, copy);
    const one = path.join(fixture.node.root, 'elsewhere');
    const read = (at: string) =>
      runInPod(
        { [one]: volume, [`${one}-other`]: other },
        ['dash', '-euc', `. ${one}/activate; echo $CONNECTORS_DIR`],
        folder,
        {
          TMPDIR: folder,
          CONNECTORS_DIR: at,
        },
      );
    assert.equal((await read('copy')).output, `${folder}/copy\n`);
    const replaced = await read(`${one}-other`);
    assert.equal(replaced.stdout, `${one}\n`);
    assert.match(replaced.output, /elsewhere replaces .*elsewhere-other/);
  });

  it('fails with one line, and does not run the program, where it cannot work', async () => {
    const folder = newFolder();
    const copy = path.join(folder, 'copy');
    copyFiles(volume.target, copy);
    const file = path.join(copy, 'activate');
    const text = fs.readFileSync(file, 'utf8');
    const mark = /^# connectors-csi volume (\w+)$/m.exec(text)?.[1] ?? '';
    fs.writeFileSync(file, text.replaceAll(mark, '0123456789abcdef'));
    const lost = await runInPod({}, ['dash', '-c', '. ./copy/activate || echo failed'], folder, {});
    assert.equal(
      lost.output,
      'failed\nconnectors-csi: activate: cannot find the directory of the volume: set CONNECTORS_DIR to its mount path\n',
    );
    // Another option of Java, in a file that a class has in place of the driver's.
    fs.writeFileSync(file, text);
    const proxyFile = path.join(copy, 'http.proxy');
    fs.chmodSync(proxyFile, 0o600);
    fs.writeFileSync(proxyFile, 'http://a:b@proxy -XX:OnError=id:80\n');
    const hostile = await runInPod({}, ['dash', 'copy/activate', 'echo', 'ran'], folder, {});
    assert.equal(hostile.status, 1);
    assert.match(hostile.output, /^connectors-csi: activate: \S*copy\/http\.proxy has no address of a proxy\n$/);
    fs.rmSync(path.join(copy, 'https.proxy'));
    const incomplete = await runInPod({}, ['dash', 'copy/activate', 'echo', 'ran'], folder, {});
    assert.equal(incomplete.status, 1);
    assert.match(incomplete.output, /^connectors-csi: activate: \S*copy has no http\.proxy or no https\.proxy\n$/);
  });
});
