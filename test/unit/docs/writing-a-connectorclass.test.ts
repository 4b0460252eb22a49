import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GeneratorEvaluator } from '../../../src/proxy/credentials/generator/generator-evaluator.ts';
import { tutorialSteps } from '../../support/docs/tutorial.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const page = fs.readFileSync(path.join(repository, 'docs', 'writing-a-connectorclass.md'), 'utf8');
const shellFunction = 'connectors-csi() { "$NODE" "$MAIN" "$@"; }';

/** Shown as a terminal shows it, without what the shell says between commands. */
function run(command: string, cwd: string): string {
  const env = { ...process.env, NODE: process.execPath, MAIN: path.join(repository, 'dist', 'main.js') };
  const { stdout } = spawnSync('bash', ['-c', `${shellFunction}\n{ ${command}\n} 2>&1`], {
    cwd,
    env,
    encoding: 'utf8',
  });
  return stdout;
}

describe('docs/writing-a-connectorclass.md', function () {
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(tmpdir(), 'connectors-csi-tutorial-'));
    fs.mkdirSync(path.join(folder, 'manifests'));
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  const steps = tutorialSteps(page);

  it('has commands and manifests to run', () => {
    assert.ok(steps.filter(({ kind }) => kind === 'file').length >= 7);
    assert.ok(steps.filter(({ kind }) => kind === 'command').length >= 15);
  });

  // In order: each goes on from where the one before it left the directory.
  for (const step of steps) {
    if (step.kind === 'file') {
      it(`writes ${step.name}`, () => fs.writeFileSync(path.join(folder, 'manifests', step.name), step.content));
    } else if (step.kind === 'cel') {
      it(`has an expression in line ${step.line} that makes a credential`, () => {
        const secret = ['key', 'token', 'username', 'password'].map((key) => [key, 'value'] as const);
        const request = { method: 'GET', host: 'tool.example', path: '/', query: '' };
        const outcome = new GeneratorEvaluator().evaluate(step.cel, { secret, request, nowMs: 0 });
        assert.equal(outcome.kind, 'generated', JSON.stringify(outcome));
      });
    } else {
      it(`shows what line ${step.line} prints: ${step.command}`, () => {
        assert.equal(run(step.command, folder), step.output);
      });
    }
  }
});
