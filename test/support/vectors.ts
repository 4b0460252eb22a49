import { readFileSync } from 'node:fs';
import { TemplateError } from '../../src/shared/gotemplate/errors.ts';
import { runSlowTask, type SlowTask } from '../../src/shared/gotemplate/slow-work.ts';
import { compileTemplate } from '../../src/shared/gotemplate/template.ts';
import { isJsonObject, type JsonObject, jsonMember, type JsonValue, parseJson } from '../../src/shared/json.ts';

/** A recording of what real Go makes of a template: one line of a .jsonl file. */
interface Vector {
  readonly name: string;
  readonly template: string;
  readonly data: JsonObject;
  readonly expected: Expectation;
}

type Expectation =
  | { readonly output: string }
  /** `error` is Go's whole message. */
  | { readonly error: string; readonly stage: string };

export interface Failure {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
}

/** The cases of a file. */
export function loadVectors(file: string): Vector[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line.trim() !== '').map((line) => toVector(parseJson(line)));
}

function toVector(line: JsonValue): Vector {
  const data = jsonMember(line, 'data') ?? {};
  const floats = jsonMember(line, 'numbers') === 'float64';
  const decoded = floats ? withFloats(data) : data;
  if (!isJsonObject(decoded)) throw new TypeError('data is no object');
  const output = jsonMember(line, 'output');
  const expected = typeof output === 'string' ? { output } : { error: text(line, 'error'), stage: text(line, 'stage') };
  return { name: text(line, 'name'), template: text(line, 'template'), data: decoded, expected };
}

function text(line: JsonValue, key: string): string {
  const value = jsonMember(line, key);
  if (typeof value !== 'string') throw new TypeError(`${key} is no string`);
  return value;
}

/** Every number as a float64, as encoding/json decodes them by itself. */
function withFloats(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withFloats(member)]));
  }
  return Array.isArray(value) ? value.map((item: JsonValue) => withFloats(item)) : value;
}

/** Renders the case; undefined when it gives what Go gives. What the engine throws by mistake is a failure of the case. */
export function runVector(vector: Vector, clock: () => number = Date.now): Failure | undefined {
  const { name, expected } = vector;
  const got = render(vector, clock);
  if (got instanceof Error && !(got instanceof TemplateError)) {
    const wanted = 'output' in expected ? expected.output : `${expected.stage}: ${expected.error}`;
    return { name, expected: wanted, got: `the engine broke: ${got.stack ?? got.message}` };
  }
  if ('output' in expected) {
    return got === expected.output ? undefined : { name, expected: expected.output, got: shown(got) };
  }
  if (typeof got !== 'string' && got.stage === expected.stage && isSameCause(expected.error, got.reason)) {
    return undefined;
  }
  return { name, expected: `${expected.stage}: ${expected.error}`, got: shown(got) };
}

/** In milliseconds since 1970: far from the day of any recording, so that none passes for as long as its day lasts. */
const anotherDay = (): number => Date.UTC(2036, 1, 29, 23, 59, 30);

/** As runVector on another day than the recording's, but a failure must also be at Go's place, in Go's words throughout. */
export function runVectorExactly(vector: Vector): Failure | undefined {
  const { name, expected } = vector;
  const failure = runVector(vector, anotherDay);
  if (failure !== undefined || 'output' in expected) return failure;
  const got = render(vector, anotherDay);
  const message = got instanceof Error ? got.message : got;
  return message === expected.error ? undefined : { name, expected: expected.error, got: message };
}

/** Recordings show the language; the bounds, which Go has not, are tested by themselves. */
const limits = {
  steps: 10_000_000,
  memoryBytes: 64 << 20,
  outputBytes: 16 << 20,
  templateDepth: 100_000,
  slowTasks: 1_000,
};

const derivedKeys = new Map<string, string>();

/** Derives a key once: several recordings make passwords of the same one. */
function slowWork(task: SlowTask): string {
  if (task.kind !== 'scrypt') return runSlowTask(task);
  const inputs = JSON.stringify(task);
  const key = derivedKeys.get(inputs) ?? runSlowTask(task);
  derivedKeys.set(inputs, key);
  return key;
}

function render({ template, data }: Vector, clock: () => number): string | Error {
  try {
    return compileTemplate('t', template).render(data, { clock, limits, slowWork }).toString('utf8');
  } catch (error) {
    return error instanceof Error ? error : new Error('not an error', { cause: error });
  }
}

const place = /^template: t:\d+(?::\d+)?: (?:executing ".*" at <.*>: )?$/s;

/** Whether Go's message is a place in the template followed by exactly this reason. */
function isSameCause(message: string, reason: string): boolean {
  return message.endsWith(reason) && place.test(message.slice(0, message.length - reason.length));
}

function shown(got: string | TemplateError): string {
  return typeof got === 'string' ? got : `${got.stage}: ${got.message}`;
}
