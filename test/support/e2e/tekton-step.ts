import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { deployFolder, manifestFiles, only, readManifests, type Manifest } from '../deploy/manifests.ts';
import type { FlowFixture } from './flow-fixture.ts';
import { containersEnvironment } from './programs.ts';

export interface Step {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly script?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

export interface TaskRunSpec {
  readonly serviceAccountName: string;
  readonly params: readonly { readonly name: string; readonly value: string }[];
  readonly workspaces: readonly {
    readonly name: string;
    readonly csi?: { readonly volumeAttributes: Readonly<Record<string, string>> };
  }[];
}

/** The `spec` of an object in deploy/examples/tekton, by the `name` or `generateName` of its metadata. */
export function exampleSpec(kind: string, name: string): unknown {
  const objects = manifestFiles(path.join(deployFolder, 'examples', 'tekton')).flatMap(readManifests);
  const isNamed = ({ metadata }: Manifest): boolean => (metadata.name ?? metadata.generateName) === name;
  return only(objects.filter(isNamed), kind)['spec'];
}

/** The step of an example's Task. */
export function stepOf(task: string): Step {
  return (exampleSpec('Task', task) as { readonly steps: readonly [Step] }).steps[0];
}

/** What the run asks of the driver. */
export function attributesOf({ workspaces }: TaskRunSpec): Readonly<Record<string, string>> {
  return workspaces.find(({ csi }) => csi !== undefined)?.csi?.volumeAttributes ?? {};
}

/**
 * Runs a step in the fixture's directory `source`, as its container would, and asserts that it succeeds and shows no token.
 * @param values of the variables that Tekton fills in.
 */
export async function runStep(
  fixture: FlowFixture,
  step: Step,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const { work } = fixture;
  const script = path.join(work, 'script');
  writeFileSync(script, step.script ?? '', { mode: 0o755 });
  const [program, ...args] = step.script === undefined ? [...(step.command ?? []), ...(step.args ?? [])] : [script];
  const declared = Object.fromEntries(step.env.map(({ name, value }) => [name, values[name] ?? value]));
  const env = { ...containersEnvironment(work), HOME: work, TMPDIR: work, ...declared };
  const { status, output } = await fixture.run([program!, ...args], path.join(work, 'source'), env);
  assert.equal(status, 0, output);
  assert.doesNotMatch(output, /eyJ/);
}

/** What a builder's image has in its home directory: the rule which images may be used. */
export const imagePolicy = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });
