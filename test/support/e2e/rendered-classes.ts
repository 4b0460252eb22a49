import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JsonObject } from '../../../src/shared/json.ts';
import { caseProxyHost, classCase, renderCase } from '../classes/class-cases.ts';
import { missingPrograms, run, type Run } from './programs.ts';

/** A folder with rendered files of the ConnectorClasses, and the programs that read them. */
export class RenderedClasses {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-classes-'));

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /**
   * Writes the file of that case.
   * @param proxyHost where the connectors' proxy is instead of in the cluster, `host:port`
   * @param others what else of the case's data is another text here
   * @returns the file's path
   */
  write(caseName: string, proxyHost = caseProxyHost, others: Readonly<Record<string, string>> = {}): string {
    const { file, name, template, data } = classCase(caseName);
    let moved = JSON.stringify(data);
    for (const [from, to] of Object.entries({ [caseProxyHost]: proxyHost, ...others })) {
      moved = moved.replaceAll(JSON.stringify(from).slice(1, -1), JSON.stringify(to).slice(1, -1));
    }
    const target = path.join(this.folder, file);
    writeFileSync(target, renderCase({ name, template, data: JSON.parse(moved) as JsonObject }), { mode: 0o600 });
    return target;
  }

  /** As a container would with nothing but this folder, which is also its home directory. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
    return run(program, args, this.folder, { HOME: this.folder, ...env });
  }

  /** What the program prints, without the final newline. */
  async output(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { status, stdout, output } = await this.run(program, args, env);
    assert.equal(status, 0, output);
    return stdout.replace(/\n$/, '');
  }
}

/** Skips the suite where a program is missing. CI has all, and counts a skipped test as failed. */
export function needs(...programs: readonly string[]): Mocha.Func {
  return function () {
    const missing = missingPrograms(...programs);
    if (missing.length === 0) return;
    console.log(`      skipped: not installed: ${missing.join(', ')}`);
    this.skip();
  };
}
